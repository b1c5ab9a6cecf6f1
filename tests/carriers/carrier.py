"""A carrier's border controller: calls us, is called by us, and does with our requests what carriers do.

Its network loses nothing, so it repeats nothing. What it was sent stays in `received`, for tests to look at.
"""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from mediasrv.endpoints.datagram import Address
from tests.carriers.message import Message, respond, write
from tests.fakes.datagrams import FakeNetwork, FakeSocket
from tests.server.house import HOUSE

PROFILES = Path(__file__).with_name("profiles")
NAMES = sorted(file.stem for file in PROFILES.glob("*.toml"))
MAGIC = "z9hG4bK"
NOTIFIES_FROM = 900_000_000  # above any CSeq of an INVITE here: each side of a dialog counts up


@dataclass(frozen=True)
class Outgoing:
    """How a carrier wants to be called."""

    called: str  # the user part of the URI, when `number` is dialled
    caller: str  # the same of From, when +14155550100 is shown
    challenge: int = 0  # the status that asks who we are; 0: our address says it
    realm: str = ""
    answer: str = ""  # headers of a 200, beside those that every answer has


@dataclass(frozen=True)
class Manner:
    """How a carrier writes; profiles/*.toml."""

    name: str
    address: Address
    media_port: int
    caller: str
    called: str
    number: str
    told: Mapping[str, str]  # headers that must come to whoever decides about the call
    headers: str
    sdp: str
    codec: int  # the payload type that an answer begins with
    crypto: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    session_expires_s: int = 0
    calls_per_s: int = 0
    outgoing: Outgoing = field(default_factory=lambda: Outgoing("", ""))

    @classmethod
    def read(cls, name: str) -> Manner:
        keys = tomllib.loads((PROFILES / f"{name}.toml").read_text())
        host, port = keys.pop("address")
        crypto, outgoing = tuple(keys.pop("crypto", ())), Outgoing(**keys.pop("outgoing"))
        return cls(name, (host, port), crypto=crypto, outgoing=outgoing, **keys)

    def description(self, *, secured: bool = False) -> str:
        text = self.sdp.lstrip("\n").format(host=self.address[0], media=self.media_port)
        if secured:
            text = text.replace("RTP/AVP", "RTP/SAVP") + "".join(f"{line}\n" for line in self.crypto)
        return text


@dataclass
class PlacedCall:
    """A call of the carrier's to us."""

    carrier: Carrier
    invite: Message
    provisional: list[int] = field(default_factory=list)
    answer: Message | None = None
    cseq: int = 0

    async def final(self) -> Message:
        """The final answer; acknowledged."""
        while True:
            got = await self.carrier.answer_to(self.invite)
            if got.status >= 200:
                break
            self.provisional.append(got.status)
        self.answer = got
        self.cseq = int(self.invite["cseq"].split()[0])
        self.carrier.send(self._in_dialog("ACK", self.cseq, "ack" if got.status < 300 else self.branch))
        return got

    @property
    def branch(self) -> str:
        return self.invite.parameter("via", "branch").removeprefix(MAGIC)

    async def ask(
        self, method: str, *headers: str, body: str = "", content_type: str = "application/sdp"
    ) -> Message:
        """A request inside the call; its final answer."""
        self.cseq += 1
        data = self._in_dialog(
            method, self.cseq, f"{method}{self.cseq}", *headers, body=body, content_type=content_type
        )
        self.carrier.send(data)
        asked = Message.parse(data)
        while (got := await self.carrier.answer_to(asked)).status < 200:
            pass
        if method == "INVITE":
            self.carrier.send(self._in_dialog("ACK", self.cseq, f"ack{self.cseq}"))
        return got

    def _in_dialog(
        self,
        method: str,
        cseq: int,
        branch: str,
        *headers: str,
        body: str = "",
        content_type: str = "application/sdp",
    ) -> bytes:
        """RFC 3261 section 12.2.1.1: to the Contact of the answer, by the way that the answer came."""
        assert self.answer is not None
        invite, answer, host = self.invite, self.answer, self.carrier.manner.address
        refused = answer.status >= 300
        target = invite.first.split()[1] if refused else answer["contact"].split(">")[0].lstrip("<")
        lines = [
            f"Via: SIP/2.0/UDP {host[0]}:{host[1]};branch={MAGIC}{branch}",
            f"From: {invite['from']}",
            f"To: {answer['to']}",
            f"Call-ID: {invite['call-id']}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            *([f"Contact: {invite['contact']}"] if method in ("INVITE", "UPDATE") else []),
            *headers,
        ]
        return write(f"{method} {target} SIP/2.0", lines, body, content_type)


class Carrier:
    def __init__(self, manner: Manner, socket: FakeSocket) -> None:
        self.manner = manner
        self.received: list[Message] = []
        self.transfers_end = ("100 Trying", "200 OK")  # what is told of a transfer, the last being final
        self._socket = socket
        self._placed = 0
        self._answers: dict[
            tuple[str, str], tuple[trio.MemorySendChannel[Message], trio.MemoryReceiveChannel[Message]]
        ]
        self._answers = {}
        self.does: dict[str, Callable[[Message], None]] = {
            "OPTIONS": self._agree, "BYE": self._agree, "INFO": self._agree, "NOTIFY": self._agree,
            "UPDATE": self._refresh, "REFER": self._transfer, "ACK": lambda _: None,
        }  # fmt: skip

    # ---- what it begins -----------------------------------------------------------------------------------------

    def place(self, *, called: str = "", secured: bool = False, interval_s: int = 0) -> PlacedCall:
        """A call to us, as the carrier writes it; `interval_s`: another session interval than its own."""
        self._placed += 1
        manner, serial = self.manner, f"{self.manner.name}{self._placed}"
        host, port = manner.address
        user = called or manner.called
        filled = manner.headers.strip().format(
            host=host, port=port, server=HOUSE[0], caller=manner.caller, called=user,
            call_id=f"{serial}@{host}", tag=f"tag-{serial}", interval_s=interval_s or manner.session_expires_s,
        )  # fmt: skip
        via = f"Via: SIP/2.0/UDP {host}:{port};rport;branch={MAGIC}-{serial}"
        data = write(
            f"INVITE sip:{user}@{HOUSE[0]}:{HOUSE[1]} SIP/2.0",
            [via, *filled.split("\n")],
            manner.description(secured=secured),
        )
        self.send(data)
        return PlacedCall(self, Message.parse(data))

    async def check_health(self) -> Message:
        """OPTIONS outside of any call."""
        host, port = self.manner.address
        self._placed += 1
        data = write(
            f"OPTIONS sip:{HOUSE[0]}:{HOUSE[1]} SIP/2.0",
            [
                f"Via: SIP/2.0/UDP {host}:{port};rport;branch={MAGIC}health{self._placed}",
                f"From: <sip:ping@{host}>;tag=h{self._placed}", f"To: <sip:{HOUSE[0]}>",
                f"Call-ID: health{self._placed}@{host}", "CSeq: 1 OPTIONS", "Max-Forwards: 70",
                f"Contact: <sip:ping@{host}:{port}>",
                "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO, REFER, NOTIFY, MESSAGE, PRACK",
                "Supported: timer, 100rel, replaces", "Accept: application/sdp", "User-Agent: border controller",
            ],
        )  # fmt: skip
        self.send(data)
        return await self.answer_to(Message.parse(data))

    def send(self, data: bytes) -> None:
        self._socket.send(data, HOUSE)

    async def answer_to(self, request: Message) -> Message:
        """The next answer to it."""
        return await self._box(request)[1].receive()

    def _box(
        self, message: Message
    ) -> tuple[trio.MemorySendChannel[Message], trio.MemoryReceiveChannel[Message]]:
        key = (message["call-id"], message["cseq"])
        if key not in self._answers:
            self._answers[key] = trio.open_memory_channel[Message](100)
        return self._answers[key]

    # ---- what it answers ----------------------------------------------------------------------------------------

    async def listen(self) -> None:
        while True:
            data, _ = await self._socket.receive()
            message = Message.parse(data)
            self.received.append(message)
            if message.status:
                self._box(message)[0].send_nowait(message)
            else:
                self.does[message.method](message)

    def asked(self, method: str) -> list[Message]:
        """Requests that came."""
        return [message for message in self.received if not message.status and message.method == method]

    def _agree(self, request: Message) -> None:
        self.send(respond(request, "200 OK"))

    def _refresh(self, request: Message) -> None:
        """RFC 4028 section 9: the answer says the interval again, and who keeps it up."""
        interval_s = request["session-expires"].split(";")[0]
        self.send(
            respond(request, "200 OK", f"Session-Expires: {interval_s};refresher=uac", "Require: timer")
        )

    def _transfer(self, request: Message) -> None:
        """Blind, as Twilio does it: 202, then how the call to the third party goes (RFC 3515 section 2.4)."""
        host, port = self.manner.address
        self.send(respond(request, "202 Accepted", f"Contact: <sip:{host}:{port}>"))
        cseq = int(request["cseq"].split()[0])
        *earlier, final = self.transfers_end
        for place, told in enumerate([*earlier, final]):
            state = "terminated;reason=noresource" if place == len(earlier) else "active;expires=60"
            lines = [
                f"Via: SIP/2.0/UDP {host}:{port};branch={MAGIC}notify{cseq}{place}",
                f"From: {request['to']}", f"To: {request['from']}", f"Call-ID: {request['call-id']}",
                f"CSeq: {NOTIFIES_FROM + place} NOTIFY", "Max-Forwards: 70", f"Contact: <sip:{host}:{port}>",
                "Event: refer", f"Subscription-State: {state}",
            ]  # fmt: skip
            target = request["contact"].strip("<>")
            self.send(
                write(f"NOTIFY {target} SIP/2.0", lines, f"SIP/2.0 {told}\n", "message/sipfrag;version=2.0")
            )


@asynccontextmanager
async def carrier_at(
    network: FakeNetwork, manner: Manner, address: Address | None = None
) -> AsyncIterator[Carrier]:
    carrier = Carrier(manner, await network.open(address or manner.address))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.listen)
        yield carrier
        nursery.cancel_scope.cancel()
