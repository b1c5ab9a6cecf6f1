"""Telephones on PJSIP's stack, connected with each other and transferred: who hears whose tone, and for how long.

A test goes on when a telephone has heard so much, as its own recording has it, and tells another what to do next.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from mediasrv.clock import SystemClock
from mediasrv.config import load
from mediasrv.ids import SystemTokens
from mediasrv.server import Server, wiring
from mediasrv.sip import Address, Uri
from mediasrv.telemetry import MemorySink
from tests.interop.patience import LATE_MS, PATIENCE_S
from tests.interop.sound import Listener, blocks, read_wav, tone, tone_share, write_wav
from tests.server.test_bridges import MENU

pytestmark = [pytest.mark.interop, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[2]
TONES_HZ = {"anna": 500, "bea": 800, "carl": 1_300}
SOUND_S = 2 * 60
LISTENS_EVERY_S = 0.1
ENDS_WITHIN_S = 2.0
CONNECT = '[[steps]]\ndo = "press"\non = "talking"\ndigits = "1"\n'


@dataclass
class Phone:
    """A telephone that sounds its tone from the answer on; what it heard and was told, once it is over."""

    name: str
    directory: Path
    process: trio.Process
    contact: str = ""
    outcome: dict[str, Any] = field(default_factory=dict)
    sink: MemorySink = field(default_factory=MemorySink)  # of the server that it telephones with
    _said: bytes = b""

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.contact.rpartition("@")[2].removeprefix("sip:").rstrip(">").partition(":")
        return host, int(port.partition(";")[0])

    async def ready(self) -> None:
        """It waits for a call."""
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE_S):
            while b"\n" not in self._said:
                self._said += await self.process.stdout.receive_some()
        line, _, self._said = self._said.partition(b"\n")
        self.contact = json.loads(line)["ready"]

    async def over(self) -> None:
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE_S):
            async with self.process.stdout:
                async for piece in self.process.stdout:
                    self._said += piece
            await self.process.wait()
        self.outcome = json.loads(self._said.splitlines()[-1])

    async def does(self, step: str) -> None:
        """It is told to, now."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{step}\n".encode())

    async def hears(self, name: str, seconds: float) -> None:
        """Somebody's tone, for so long in all."""
        listener = Listener(self.directory / f"{self.name}.wav", TONES_HZ[name])
        with trio.move_on_after(PATIENCE_S):
            while listener.seconds() < seconds:  # noqa: ASYNC110
                await trio.sleep(LISTENS_EVERY_S)
            return
        with trio.move_on_after(ENDS_WITHIN_S):  # if its call is over, it has told how that went
            await self.over()
        told = [f"{kind} {dict(entry)}" for _, kind, entry in self.sink.records]
        heard = f"{self.name} hears {name} for {listener.seconds():.1f} s of {seconds} s"
        pytest.fail("\n  ".join([heard, f"its call: {self.outcome}", *told]))

    def seconds_of(self, name: str) -> float:
        """For how long it heard somebody's tone, and nothing else."""
        samples, rate_hz = read_wav(self.directory / f"{self.name}.wav")
        return 0.2 * sum(
            tone_share(block, TONES_HZ[name], rate_hz) > 0.8 for block in blocks(samples, rate_hz)
        )


class Location(NamedTuple):
    contact: Uri
    hop: Address
    path: tuple[str, ...] = ()
    instance: str = ""


class Switchboard:
    """Users without a host of their own are all at one telephone."""

    address: Address = ("127.0.0.1", 9)

    def of(self, user: str) -> list[Location]:
        host, port = self.address[:2]
        return [Location(Uri.parse(f"sip:{user}@{host}:{port}"), self.address)]


@dataclass
class Exchange:
    server: Server
    switchboard: Switchboard
    host: str
    sink: MemorySink
    directory: Path
    nursery: trio.Nursery

    async def called(self, name: str) -> Phone:
        phone = await self._phone(name, ["--listen"], "")
        await phone.ready()
        return phone

    async def calls(self, name: str, steps: str) -> Phone:
        return await self._phone(name, [f"sip:100@{self.host}"], CONNECT + steps)

    async def _phone(self, name: str, arguments: list[str], steps: str) -> Phone:
        sound, plan, heard = (self.directory / f"{name}{kind}" for kind in (".in.wav", ".toml", ".wav"))
        write_wav(sound, tone(TONES_HZ[name], 1) * SOUND_S)  # a second is a whole number of periods
        plan.write_text(steps)
        command = [
            sys.executable, "-m", "tools.softphone", *arguments, "--json", "--prompted", "--user", name,
            "--seconds", str(PATIENCE_S), "--answer-within", str(PATIENCE_S),
            "--play", str(sound), "--record", str(heard), "--plan", str(plan),
        ]  # fmt: skip
        run = partial(
            trio.run_process, command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False
        )
        process = await self.nursery.start(partial(run, stderr=subprocess.DEVNULL))
        return Phone(name, self.directory, process, sink=self.sink)

    def noted(self, event: str) -> list[dict[str, Any]]:
        return [
            dict(entry)
            for _, kind, entry in self.sink.records
            if kind == "timeline" and entry["event"] == event
        ]


@asynccontextmanager
async def exchange(directory: Path) -> AsyncIterator[Exchange]:
    (directory / "menu.toml").write_text(MENU)
    settings = load(
        environment={
            "MEDIASRV_AGENTS__DEFAULT": "menu",
            "MEDIASRV_AGENTS__NUMBERS": "{}",
            "MEDIASRV_AGENTS__MENU": str(directory / "menu.toml"),
            "MEDIASRV_SIP__LISTEN": "127.0.0.1:0",
            "MEDIASRV_SIP__LATE_MS": str(LATE_MS),
        }
    )
    sink = MemorySink()
    switchboard = Switchboard()
    server = Server(
        settings,
        clock=SystemClock(),
        tokens=SystemTokens(),
        open_engine=wiring.native_engine,
        sink=sink,
        locations=switchboard,
    )
    async with trio.open_nursery() as nursery:
        ready = await nursery.start(server.run)
        yield Exchange(server, switchboard, f"127.0.0.1:{ready.sip[1]}", sink, directory, nursery)
        nursery.cancel_scope.cancel()


async def test_two_telephones_hear_each_other_and_not_themselves(tmp_path: Path) -> None:
    async with exchange(tmp_path) as here:
        bea = await here.called("bea")
        here.switchboard.address = bea.address
        anna = await here.calls("anna", '[[steps]]\ndo = "hang_up"\non = "told good-bye"\n')
        await anna.hears("bea", 2.0)
        await bea.hears("anna", 2.0)
        await anna.does("good-bye")
        await anna.over()
        await bea.over()
    assert anna.seconds_of("anna") == bea.seconds_of("bea") == 0
    assert (anna.outcome["hung_up_by"], bea.outcome["hung_up_by"]) == ("us", "them")


async def test_a_blind_transfer_leaves_the_other_two_together(tmp_path: Path) -> None:
    async with exchange(tmp_path) as here:
        bea, carl = await here.called("bea"), await here.called("carl")
        here.switchboard.address = bea.address
        transfer = (
            f'[[steps]]\ndo = "transfer"\non = "told transfer"\nto = "sip:carl@127.0.0.1:{carl.address[1]}"\n'
        )
        anna = await here.calls("anna", transfer)
        await bea.hears("anna", 1.0)
        await anna.does("transfer")
        await anna.over()
        await carl.hears("bea", 2.0)
        await bea.hears("carl", 2.0)
        here.server.hurry()
        await carl.over()
        await bea.over()
    assert anna.outcome["transfer_status"] == 200
    assert [entry["status"] for entry in here.noted("transfer_done")] == [200]


CONSULTS = """
[[steps]]
do = "hold"
on = "told consult"
[[steps]]
do = "dial"
on = "holding"
to = "sip:100@{host}"
[[steps]]
do = "press"
call = 2
on = "talking"
digits = "1"
[[steps]]
do = "play"
call = 2
on = "talking"
file = "{directory}/anna.in.wav"
[[steps]]
do = "join"
of = 2
on = "told join"
with = 2
"""


async def test_an_attended_transfer_joins_the_far_ends(tmp_path: Path) -> None:
    async with exchange(tmp_path) as here:
        bea, carl = await here.called("bea"), await here.called("carl")
        here.switchboard.address = bea.address
        anna = await here.calls("anna", CONSULTS.format(host=here.host, directory=tmp_path))
        await bea.hears("anna", 1.0)
        here.switchboard.address = carl.address
        await anna.does("consult")
        await carl.hears("anna", 1.0)
        await anna.does("join")
        await anna.over()
        await carl.hears("bea", 2.0)
        await bea.hears("carl", 2.0)
        here.server.hurry()
        await carl.over()
        await bea.over()
    assert anna.outcome["transfer_status"] == 200
    assert len(here.noted("joined")) == 2
