"""What is left of a run when it is over: everything that was sent, said, recorded, and left behind."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mediasrv.clock import NS_PER_S
from mediasrv.providers.protocols import Message
from mediasrv.telemetry import Kind
from tests.sim import g711
from tests.sim.caller import Heard, Spoken
from tests.sim.deterministic import BEGINNING_NS
from tests.sim.network import Address, Wired
from tests.sim.witness import Witnessed

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CallerSide:
    """One caller's own account of the call."""

    host: str
    ending: str
    answered_ns: int | None
    over_ns: int
    heard: Sequence[Heard]
    spoken: Sequence[Spoken]
    leftovers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trace:
    """Sums up one run of one scenario; two runs of the same seed have the same `digest`."""

    scenario: str
    seed: int
    server_host: str
    wire: Sequence[Wired]
    records: Sequence[Witnessed]
    callers: Sequence[CallerSide]
    leftovers: Mapping[str, Sequence[str]]  # kind of thing -> those that outlived the calls
    logs: Sequence[str]  # what the server logged as an error
    ended_ns: int
    histories: Sequence[Sequence[Message]] = ()  # each call's, as a language model would be told it
    turn_steps: int = 0  # checkpoints that tasks inside a turn came by
    injected: bool = False  # a turn was cancelled at one of them

    @property
    def call_s(self) -> float:
        """Seconds of call that were simulated: from dialling to the caller's end."""
        return (max(caller.over_ns for caller in self.callers) - BEGINNING_NS) / NS_PER_S

    def of(self, kind: Kind) -> list[tuple[str, Record]]:
        return [(witnessed.call, witnessed.record) for witnessed in self.records if witnessed.kind == kind]

    def timeline(self, call: str) -> list[Record]:
        return [record for owner, record in self.of("timeline") if owner == call]

    def calls(self) -> list[str]:
        return list(dict.fromkeys(witnessed.call for witnessed in self.records))

    def at_ns(self, call: str, entry: Record) -> int:
        """When a timeline entry says it happened: its milliseconds count from the call's first entry."""
        first = next(witnessed for witnessed in self.records if witnessed.call == call)
        return first.at_ns + round(float(str(entry["ms"])) * 1e6)

    def server_packets(self) -> list[Wired]:
        """Every RTP packet the server sent, in order."""
        return [wired for wired in self.wire if wired.source[0] == self.server_host and is_rtp(wired.data)]

    def packets_of(self, call: str) -> list[Wired]:
        """Those that went to whoever called: a telephone's signalling and its sound have the same host."""
        peers = {str(e["peer"]).rpartition(":")[0] for e in self.timeline(call) if e["event"] == "sip"}
        return [wired for wired in self.server_packets() if not peers or wired.to[0] in peers]

    def server_rtp(self) -> dict[tuple[Address, Address], list[Wired]]:
        """The packets that each of the server's streams sent, in order."""
        flows: dict[tuple[Address, Address], list[Wired]] = {}
        for wired in self.server_packets():
            flows.setdefault((wired.source, wired.to), []).append(wired)
        return flows

    def digest(self) -> str:
        """SHA-256 of all of it, byte for byte."""
        total = hashlib.sha256()
        for wired in self.wire:
            ends = f"{wired.source}>{wired.to}@{wired.sent_ns}{wired.arrives_ns}".encode()
            total.update(struct.pack("!II", len(ends), len(wired.data)) + ends + wired.data)
        account = [
            self.records,
            self.histories,
            [[c.ending, c.answered_ns, c.over_ns] for c in self.callers],
            self.leftovers,
            self.logs,
        ]
        total.update(json.dumps(account, sort_keys=True, default=str).encode())
        return total.hexdigest()


def is_rtp(data: bytes) -> bool:
    """RFC 7983 and 5761's ranges: RTP and RTCP begin with 128-191, SIP with a letter; 192-223 follow in RTCP."""
    return len(data) >= 12 and 128 <= data[0] <= 191 and not 192 <= data[1] <= 223


def audible(wired: Wired) -> bool:
    return g711.audible(wired.data[12:])
