"""What a captured call leaves in its files holds nothing of what was pressed and said in a secure passage.

The whole server, in virtual time; its files are kept in memory. The caller presses keys in packets, as tones and in
INFO, a recogniser is late with a number that was said, and a tool repeats it.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
import trio

from mediasrv.audio import EarsChunk
from mediasrv.call import Call
from mediasrv.call.services import MediaNeeds
from mediasrv.conversation.tools import Prepared, ToolResult, ToolSpec
from mediasrv.endpoints import CallGone, SipCall
from mediasrv.ids import CallId
from mediasrv.legs import Ending
from mediasrv.media.engine import Engine
from mediasrv.providers.protocols import ProviderError, ToolCall, Transcript, Usage
from mediasrv.replay.edges import NotedTool, noted_agent
from mediasrv.replay.recorder import step_of
from mediasrv.replay.steps import Passes
from mediasrv.replay.tape import Tape, Wish
from mediasrv.server import Server
from mediasrv.server.keeping import Keeping
from mediasrv.sip.grammar.keys import Key
from mediasrv.telemetry import Counters, FileSink
from mediasrv.telemetry.timeline import Kind
from tests.call.test_ahead import an_agent
from tests.fakes.clock import TrioClock
from tests.server.house import Caller, House, running
from tests.server.test_tracing import payloads
from tests.server.test_visits import BEA, replacing
from tests.sim import g711

NUMBER = "48290613"
BY_INFO, BY_SOUND = NUMBER[:4], NUMBER[4:]
SAID = "four eight two nine"
RTP: tuple[str, int] = ("127.0.0.1", 5071)
FRAME = 160
VOICE = b"\x90\x10" * (FRAME // 2)  # at least a sound
ROWS_HZ, COLUMNS_HZ, PAD = (697, 770, 852, 941), (1209, 1336, 1477), ("123", "456", "789", "*0#")
SECURE_FROM_S = 2.0
WITHOUT_USE = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n"
)
KEY_PACKET_BYTES, NOTHING = 16, 0xFF  # as no other packet here; what stands in the place of a key


class Files(FileSink):
    """In memory."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"), Counters())
        self.files: dict[str, bytes] = {}  # of all calls together
        self.calls: set[CallId] = set()

    def write(self, call: CallId, kind: Kind, record: Mapping[str, object]) -> None:
        self.calls.add(call)
        self.files[kind] = self.files.get(kind, b"") + msgspec.json.encode(record) + b"\n"

    def append(self, call: CallId, piece: bytes, kind: Literal["capture", "replay"] = "capture") -> bool:
        self.calls.add(call)
        self.files[kind] = self.files.get(kind, b"") + piece
        return True


class Steps(TrioClock):
    unix_offset_ns = 0

    def look(self) -> None:
        """Virtual time stands still by itself."""


class LateEars:
    """Has words for all sound that it is given, a second late; what it heard before the passage comes within."""

    name, words_after_ms = "late", 200.0

    def __init__(self) -> None:
        self.is_secret = self.heard_secret = False

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[LateEars]:
        await trio.lowlevel.checkpoint()
        yield self

    async def push(self, chunk: EarsChunk) -> None:
        self.heard_secret |= self.is_secret and any(chunk.pcm)
        await trio.lowlevel.checkpoint()

    async def next(self) -> Transcript:
        await trio.sleep(1.0)
        text = SAID if self.is_secret or self.heard_secret else "hello"
        return Transcript(text, final=False, confidence=1.0, start_ms=0.0, end_ms=500.0)

    def used(self) -> Sequence[Usage]:
        return ()


class Bank:
    """Says the number again, and then quotes it in an error."""

    spec = ToolSpec("bank")

    async def prepare(self, call: ToolCall) -> Prepared:
        await trio.lowlevel.checkpoint()
        return Prepared(call, preview=f"paying with {call.arguments}")

    async def commit(self, prepared: Prepared, key: str) -> ToolResult:
        await trio.lowlevel.checkpoint()
        if key == "again":
            raise ProviderError("bank", f"paid already: {prepared.call.arguments}", retryable=False)
        return ToolResult(prepared.call.id, f"paid with {prepared.call.arguments}")


class Cashier:
    """Converses, and takes a number meanwhile."""

    name, needs = "scripted", MediaNeeds()  # one that callers reach

    def __init__(self) -> None:
        script = '[[reply]]\ntext = "At eight."\n'
        self.ears = LateEars()
        self.talks = noted_agent(an_agent(script, (), lambda these: replace(these, stt=self.ears)))
        self.got = ""

    async def lead(self, call: Call) -> Ending:
        call.start_soon(self._take_number, call)
        return await self.talks.lead(call)

    async def _take_number(self, call: Call) -> None:
        await trio.sleep(SECURE_FROM_S - trio.current_time())
        async with call.secure() as secret:
            self.ears.is_secret = True
            self.got = await secret.keys(len(NUMBER))
            bank = NotedTool(Bank())
            prepared = await bank.prepare(ToolCall("t", "bank", {"card": self.got}))
            call.timeline.note("paid", text=(await bank.commit(prepared, "once")).text)
            try:
                await bank.commit(prepared, "again")
            except ProviderError as error:
                call.timeline.note("not_paid", problem=str(error))
        self.ears.is_secret = False


@asynccontextmanager
async def capturing(monkeypatch: pytest.MonkeyPatch, agent: Cashier) -> AsyncIterator[tuple[House, Files]]:
    """A server that keeps its calls, all of whose calls are led by the agent."""
    files, clock = Files(), Steps()
    passes = Passes(clock, step_of)  # type: ignore[arg-type]
    keeping = Keeping(clock, passes)  # type: ignore[arg-type]
    monkeypatch.setattr("tests.server.house.Engine", partial(Engine, border=keeping.border))

    def kind(*arguments: Any, **parts: Any) -> Server:
        server = Server(*arguments, **parts | {"sink": files, "keeping": keeping})
        server._agents = dict.fromkeys(server._agents, agent)
        return server

    trio.lowlevel.add_instrument(passes)
    try:
        async with running({"MEDIASRV_CALLS__CAPTURE": "true"}, kind=kind) as house:  # type: ignore[arg-type]
            yield house, files
    finally:
        trio.lowlevel.remove_instrument(passes)


class Handset:
    """Sends a packet each 20 ms, in packets or tones, and INFO beside them."""

    def __init__(self, house: House, call: SipCall, *, event_type: int) -> None:
        self._house, self._call, self._event_type = house, call, event_type
        self._sent = 0
        self.tones: list[bytes] = []

    async def rest(self, ms: int) -> None:
        for _ in range(ms // 20):
            await self._send(VOICE)

    async def press(self, digit: str, ms: int = 200) -> None:
        begun = self._sent
        for number in range(ms // 20):
            if self._event_type:
                payload = struct.pack("!BBH", int(digit), 10, (number + 1) * FRAME)
                await self._send(payload, self._event_type, begun)
            else:
                self.tones.append(_tone(digit, number * FRAME))
                await self._send(self.tones[-1])

    async def signal(self, digit: str) -> None:
        await self._call.talk.send_key(Key(digit))
        await self.rest(600)

    async def _send(self, payload: bytes, kind: int = 0, begun: int | None = None) -> None:
        stamp = (self._sent if begun is None else begun) * FRAME
        packet = struct.pack("!BBHII", 0x80, kind, self._sent, stamp, 7) + payload
        for stream in self._house.engine.streams():
            self._house.engine.push(stream, packet, RTP, round(trio.current_time() * 1e9))
        self._sent += 1
        await trio.sleep(0.02)


def _tone(digit: str, first: int) -> bytes:
    row = next(place for place, keys in enumerate(PAD) if digit in keys)
    both_hz = ROWS_HZ[row], COLUMNS_HZ[PAD[row].index(digit)]
    samples = [
        round(sum(6_000 * math.sin(2 * math.pi * hz * (first + n) / 8_000) for hz in both_hz))
        for n in range(FRAME)
    ]
    return g711.encode(array("h", samples).tobytes())


async def a_payment(
    monkeypatch: pytest.MonkeyPatch, *, event_type: int
) -> tuple[Cashier, Handset, dict[str, bytes]]:
    agent = Cashier()
    async with capturing(monkeypatch, agent) as (house, files), house.caller() as caller:
        caller.media = replace(caller.media, telephone_events=bool(event_type))
        handset = await _play(house, caller, event_type)
    return agent, handset, files.files


async def _play(house: House, caller: Caller, event_type: int) -> Handset:
    call = await caller.answered()
    handset = Handset(house, call, event_type=event_type)
    await handset.rest(round((SECURE_FROM_S + 1 - trio.current_time()) * 1_000))
    for digit in BY_INFO:
        await handset.signal(digit)
    for digit in BY_SOUND[:-1]:
        await handset.press(digit)
        await handset.rest(200)
    await handset.press(
        BY_SOUND[-1], ms=600
    )  # it ends the passage long before it ends, if it is told at once
    await handset.rest(1_500)
    await call.bye()
    await trio.sleep(1)
    return handset


@pytest.mark.parametrize("event_type", [101, 0], ids=["packets", "tones"])
async def test_no_file_of_the_call_holds_what_was_secret(
    event_type: int, autojump_clock: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent, handset, files = await a_payment(monkeypatch, event_type=event_type)
    assert agent.got == NUMBER
    assert b'"text":"hello"' in files["timeline"]  # it is heard, before and after
    assert not agent.ears.heard_secret
    assert {"timeline", "call", "capture", "replay"} <= set(files)
    for name, data in files.items():
        for secret in (NUMBER, BY_INFO, SAID, *(" ".join(part) for part in (NUMBER, BY_INFO))):
            assert secret.encode() not in data, name
    passed = [data for _, _, data in payloads(files["capture"])]
    assert any(data.startswith(b"BYE") for data in passed)
    assert not any(b"Signal=" in data for data in passed)
    path = tmp_path / "a.replay.jsonl"
    path.write_bytes(files["replay"])
    tape = Tape.read(path)
    wishes = [come for each in tape.passes for come in each.came if isinstance(come, Wish)]
    keys = [wish.arguments[0] for wish in wishes if wish.method == "hear_key"]
    assert keys == ["0"] * len(BY_INFO)
    assert any(moment.data[12:] == VOICE for moment in tape.moments)
    for packet in [*passed, *(moment.data for moment in tape.moments)]:
        assert packet[12:] not in handset.tones
        assert len(packet) != KEY_PACKET_BYTES or packet[12] == NOTHING


async def test_who_takes_the_seat_leaves_no_more_and_his_farewell_is_in_the_capture(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is secret in a call is so on each of its legs, however they came to it."""
    agent = Cashier()
    async with (
        capturing(monkeypatch, agent) as (house, files),
        house.caller() as anna,
        house.caller(BEA) as bea,
    ):
        call = await anna.answered()
        instead = await replacing(bea, call.talk.replaces)
        await instead.wait_answered()
        await call.wait_ended()
        handset = Handset(house, instead, event_type=0)
        await handset.rest(round((SECURE_FROM_S + 1 - trio.current_time()) * 1_000))
        for digit in NUMBER:
            await handset.signal(digit)
        await handset.rest(1_500)
        await instead.bye()
        await trio.sleep(1)
    assert agent.got == NUMBER
    assert len(files.calls) == 1
    tape = [line for line in files.files["replay"].splitlines() if b"hear_key" in line]
    assert all(b'"hear_key","arguments":["0"' in line for line in tape)
    passed = [data for _, _, data in payloads(files.files["capture"])]
    assert not any(b"Signal=" in data for data in passed)
    assert [data[:3] for data in passed if data.startswith(b"BYE")] == [b"BYE", b"BYE"]


async def test_a_call_that_is_refused_leaves_no_tape(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with capturing(monkeypatch, Cashier()) as (house, files), house.caller() as caller:
        refused = await caller.call(body=WITHOUT_USE)
        with pytest.raises(CallGone):
            await refused.wait_answered()
        await trio.sleep(1)
    assert "replay" not in files.files


async def test_one_who_cannot_be_seated_ends_no_record_but_his_own(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Cashier()
    async with (
        capturing(monkeypatch, agent) as (house, files),
        house.caller() as anna,
        house.caller(BEA) as bea,
    ):
        call = await anna.answered()
        refused = await replacing(bea, call.talk.replaces, WITHOUT_USE)
        with pytest.raises(CallGone):
            await refused.wait_answered()
        own = files.calls
        files.files.clear()
        await trio.sleep(1)
        assert len(own) == 2
        assert "call" not in files.files
        await call.bye()
        await trio.sleep(1)
    assert files.files["call"].count(b"\n") == 1
