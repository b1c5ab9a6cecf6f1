"""A caller: dials, talks to a script, and remembers every packet it heard and when.

It is no task: it is moments in the agenda, so that a call costs the scheduler nothing on this side. What it
thinks of the agent's voice (a passage began, it fell quiet) it knows from the packets alone, as a person
would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import trio

from mediasrv.ids import SeededTokens
from mediasrv.sip import events as sip
from mediasrv.sip.agent import UserAgent
from mediasrv.sip.grammar.uri import Uri
from tests.sim import g711
from tests.sim.handset import Handset
from tests.sim.network import Address, Network
from tests.sim.script import Cue, Deed

PTIME_NS = 20_000_000
PASSAGE_GAP_NS = 900_000_000  # longer than any hold: what comes after it is another passage
RTP_PORT = 7_000
SIP_PORT = 5_060


class Heard(NamedTuple):
    """A packet as it reached the caller."""

    at_ns: int
    sequence: int
    timestamp: int
    payload_type: int
    audible: bool


class Spoken(NamedTuple):
    """Something the caller said: when its voice began (the label of an onset), and when it will be over."""

    text: str
    voiced_ns: int
    ends_ns: int


class Caller:
    """One telephone at `host`, which calls `server` once."""

    def __init__(
        self,
        network: Network,
        host: str,
        server: Address,
        script: Sequence[Cue],
        seed: int,
        *,
        skew_ppm: float = 0.0,
    ) -> None:
        self.network, self.agenda, self.host = network, network.agenda, host
        self.sip_address, self.rtp_address = (host, SIP_PORT), (host, RTP_PORT)
        self.user_agent = UserAgent(self.sip_address, SeededTokens(seed), software="caller")
        self.handset = Handset(seed)
        self.heard: list[Heard] = []
        self.spoken: list[Spoken] = []
        self.performed: list[tuple[int, Deed]] = []
        self.over = trio.Event()
        self.ending: str = ""
        self.answered_ns: int | None = None
        self._server, self._script, self._skew_ppm = server, script, skew_ppm
        self._media: Address | None = None
        self._call: sip.SipCallId | None = None
        self._frame_ns = 0.0
        self._wakes_ns: int | None = None
        self._passages = 0
        self._audible_ns: int | None = None
        self._was_quiet = True
        network.attach(self.sip_address, self._on_sip)
        network.attach(self.rtp_address, self._on_rtp)

    # ---- what a script does ----
    def dial(self, number: str = "anyone") -> None:
        host, port = self._server
        self._call = self.user_agent.invite(
            Uri("sip", number, host, port),
            destination=self._server,
            from_uri=Uri("sip", "caller", *self.sip_address),
            body=self._offer(),
            now=self.agenda.clock.now(),
        )
        self._anchor("dialled", 1)
        self._pump()

    def speak(self, text: str, pcm: bytes, voiced_at: int) -> None:
        codes = g711.encode(pcm)
        begins_ns = max(self.agenda.clock.now_ns(), round(self._frame_ns))
        voiced_ns = begins_ns + voiced_at * 1_000_000_000 // g711.RATE_HZ
        ends_ns = begins_ns + len(codes) * 1_000_000_000 // g711.RATE_HZ
        self.spoken.append(Spoken(text, voiced_ns, ends_ns))
        self.handset.say(codes)
        self._anchor("spoke", len(self.spoken), began_ns=ends_ns)

    def hang_up(self) -> None:
        if self._call is None or self.over.is_set():
            return
        now = self.agenda.clock.now()
        if self.answered_ns is None:
            self.user_agent.cancel(self._call, now)
        else:
            self.user_agent.bye(self._call, now)
        self._pump()

    def vanish(self) -> None:
        self.network.detach(self.sip_address)
        self.network.detach(self.rtp_address)
        self._finish("vanished")

    def send_rtp(self, data: bytes) -> None:
        if self._media is not None:
            self.network.send(data, self.rtp_address, self._media)

    def send_sip(self, data: bytes) -> None:
        self.network.send(data, self.sip_address, self._server)

    def leftovers(self) -> dict[str, int]:
        """What the user agent still keeps: nothing, once the call is over and its timers have run out."""
        statistics = self.user_agent.statistics()
        living = {"dialogs": statistics.dialogs, "transactions": statistics.transactions}
        return {kind: count for kind, count in living.items() if count}

    # ---- signalling ----
    def _on_sip(self, data: bytes, source: Address, to: Address) -> None:
        self.user_agent.receive(data, source, self.agenda.clock.now())
        self._pump()

    def _pump(self) -> None:
        """Moves what the user agent has to say, and sets the alarm it asks for."""
        while (event := self.user_agent.next_event()) is not None:
            self._on_event(event)
        for data, to in self.user_agent.datagrams_to_send(self.agenda.clock.now()):
            self.network.send(data, self.sip_address, to)
        deadline = self.user_agent.next_deadline()
        if deadline is not None:
            wakes_ns = max(round(deadline * 1e9), self.agenda.clock.now_ns()) + 1
            if self._wakes_ns is None or wakes_ns < self._wakes_ns:
                self._wakes_ns = wakes_ns
                self.agenda.at(wakes_ns, partial(self._wake, wakes_ns))

    def _wake(self, wakes_ns: int) -> None:
        if wakes_ns == self._wakes_ns:  # else an earlier alarm took its place
            self._wakes_ns = None
            self.user_agent.handle_deadline(self.agenda.clock.now())
            self._pump()

    def _on_event(self, event: sip.SipEvent) -> None:
        if isinstance(event, sip.Answered):
            self._on_answered(event)
        elif isinstance(event, sip.Rejected):
            self._finish(f"rejected {event.status}")
        elif isinstance(event, sip.Ended):
            self._finish(event.cause.value)
        elif isinstance(event, sip.Reinvite):
            self.user_agent.respond(event.call, 200, self.agenda.clock.now(), body=self._offer())

    def _on_answered(self, answer: sip.Answered) -> None:
        self.answered_ns = self.agenda.clock.now_ns()
        host = re.search(rb"^c=IN IP4 (\S+)", answer.body, re.MULTILINE)
        port = re.search(rb"^m=audio (\d+) RTP/AVP 0", answer.body, re.MULTILINE)
        if host is None or port is None:
            raise AssertionError(f"the answer has no PCMU audio: {answer.body!r}")
        self._media = (host[1].decode(), int(port[1]))
        self._frame_ns = float(self.answered_ns)
        self._send_frame()
        self._anchor("answered", 1)

    def _finish(self, ending: str) -> None:
        if not self.over.is_set():
            self.ending = ending
            self._media = None
            self.over.set()

    def _offer(self) -> bytes:
        host, port = self.rtp_address
        lines = (
            *("v=0", f"o=sim 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"),
            f"m=audio {port} RTP/AVP 0 101",
            *("a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"),
            *("a=ptime:20", "a=sendrecv"),
        )
        return ("\r\n".join(lines) + "\r\n").encode()

    # ---- sound ----
    def _send_frame(self) -> None:
        if self._media is None:
            return
        packet = self.handset.packet()
        if packet is not None:
            self.send_rtp(packet)
        self._frame_ns += PTIME_NS * (1.0 + self._skew_ppm / 1e6)
        self.agenda.at(round(self._frame_ns), self._send_frame)

    def _on_rtp(self, data: bytes, source: Address, to: Address) -> None:
        now_ns = self.agenda.clock.now_ns()
        audible = g711.audible(data[12:])
        sequence = int.from_bytes(data[2:4], "big")
        self.handset.heard(sequence, data[12:])
        self.heard.append(
            Heard(
                now_ns,
                sequence,
                int.from_bytes(data[4:8], "big"),
                data[1] & 0x7F,
                audible,
            )
        )
        self._follow(now_ns, audible)

    def _follow(self, now_ns: int, audible: bool) -> None:
        """Tells the script where the agent's voice begins and ends."""
        if audible:
            if self._was_quiet:
                self._passages += 1
                self._was_quiet = False
                self._anchor("passage", self._passages)
            self._audible_ns = now_ns
        elif (
            not self._was_quiet
            and self._audible_ns is not None
            and now_ns - self._audible_ns > PASSAGE_GAP_NS
        ):
            self._was_quiet = True
            self._anchor("quiet", self._passages, began_ns=self._audible_ns)

    def _anchor(self, anchor: str, nth: int, *, began_ns: int | None = None) -> None:
        began_ns = self.agenda.clock.now_ns() if began_ns is None else began_ns
        for when, deed in self._script:
            if (when.anchor, when.nth) == (anchor, nth):
                self.agenda.at(began_ns + round(when.after_ms * 1e6), partial(self._do, deed))

    def _do(self, deed: Deed) -> None:
        if not self.over.is_set():
            self.performed.append((self.agenda.clock.now_ns(), deed))
            deed.do(self)
