"""Throws damaged messages at a user agent in the middle of its calls: `fuzz_sip.py --seconds N --seed S`.

Fails on any exception, on queues or registers beyond their limits, on an answer to anybody but the sender's host,
on more answers than questions, and on anything left when all timers have run out.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from mediasrv.ids import SeededTokens
from mediasrv.sip import IncomingCall, Limits, Reinvite, SipCallId, Uri, UserAgent, WrongState
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator

HERE, THERE = ("192.0.2.2", 5060), ("192.0.2.1", 5060)
LIMITS = Limits(calls=50, transactions=400, queued_events=500, queued_datagrams=200)
STEPS_A_RUN = 400
# of the answer, of reliable progress and of the session timer two each, one for an UPDATE, two for each REFER
DEADLINES_A_CALL = 7 + 2 * 2 * LIMITS.referrals
LONG_ENOUGH_S = 1_000.0
SPICES = (
    b"\r\n", b"\r\n\r\n", b"\x00", b"\xff", b",", b";", b"<", b">", b'"', b"\\", b"%", b":", b"@", b"=", b" ", b"\t",
    b"\r\n ", b"SIP/2.0", b"sip:", b"tel:", b"4294967296", b"-1", b"z9hG4bK", b";tag=", b";rport", b";branch=",
    b"\r\nTo: <sip:x@y>;tag=1", b"\r\nVia: SIP/2.0/UDP h", b"\r\nContent-Length: 7", b"\r\nRequire: x",
    b"\r\nRecord-Route: <sip:203.0.113.1>", b"\r\nContact: <sip:224.0.0.1:0>", b"\r\nRoute: *", b"[::1]", "é".encode(),
)  # fmt: skip


def request(mind: Mutator, method: str, call: int, to_tag: str) -> bytes:
    draw = mind.random
    body = b"v=0\r\n" if method in ("INVITE", "UPDATE") and draw.random() < 0.8 else b""
    lines = [
        f"{method} sip:bob@192.0.2.2 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{draw.randrange(60)}",
        "Max-Forwards: 70",
        f"From: <sip:alice@192.0.2.1>;tag=a{call}",
        f"To: <sip:bob@192.0.2.2>{to_tag and ';tag=' + to_tag}",
        f"Call-ID: c{call}",
        f"CSeq: {draw.choice((1, 1, 2, 3, draw.randrange(100)))} {method}",
        "Contact: <sip:alice@192.0.2.1>",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Run:
    """One user agent, its peers' messages, and the damage done to them."""

    def __init__(self, seed: int) -> None:
        self.mind = Mutator(seed, SPICES)
        self.agent = UserAgent(HERE, SeededTokens(seed), limits=LIMITS)
        self.now = 0.0
        self.calls: list[SipCallId] = []
        self.tags = [""]
        self.heard: list[bytes] = []

    def run(self) -> None:
        for _ in range(STEPS_A_RUN):
            self.now += self.mind.random.choice((0.0, 0.0, 0.01, 0.6, 5.0))
            self._do_something()
            self._look_after()
        self._end()

    def _do_something(self) -> None:
        draw = self.mind.random
        deed = draw.random()
        if deed < 0.75:
            self.agent.receive(self.mind.mutate(self._message()), THERE, self.now)
        elif deed < 0.8:
            self._call_out()
        elif self.calls:
            self._act(draw.choice(self.calls))
        self.agent.handle_deadline(self.now)

    def _message(self) -> bytes:
        draw = self.mind.random
        if self.heard and draw.random() < 0.4:
            return self._reaction(draw.choice(self.heard))
        methods = ["INVITE", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "REFER", "NEW"]
        return request(self.mind, draw.choice(methods), draw.randrange(12), draw.choice(self.tags))

    def _reaction(self, sent: bytes) -> bytes:
        """A response to what the agent sent, or what it sent back at it."""
        start, _, rest = sent.partition(b"\r\n")
        if start.startswith(b"SIP/2.0") or self.mind.random.random() < 0.2:
            return sent
        status = self.mind.random.choice((100, 180, 200, 200, 302, 404, 481, 487, 491, 999))
        tag = self.mind.random.choice((b"x", b"y", b"z"))
        return (
            f"SIP/2.0 {status} Why".encode()
            + b"\r\n"
            + rest.replace(b"\r\nCall-ID", b";tag=" + tag + b"\r\nCall-ID", 1)
        )

    def _call_out(self) -> None:
        if len(self.agent_calls) < LIMITS.calls:
            body = self.mind.random.choice((b"offer", b""))
            target = Uri.parse("sip:bob@192.0.2.1")
            self.calls.append(
                self.agent.invite(target, destination=THERE, from_uri=target, body=body, now=self.now)
            )

    @property
    def agent_calls(self) -> range:
        return range(self.agent.statistics().calls)

    def _act(self, call: SipCallId) -> None:
        draw = self.mind.random
        deeds = (
            lambda: self.agent.respond(call, draw.choice((180, 200, 200, 486)), self.now, body=b"sdp"),
            lambda: self.agent.bye(call, self.now),
            lambda: self.agent.cancel(call, self.now),
            lambda: self.agent.reinvite(call, b"offer", self.now),
            lambda: self.agent.acknowledge(call, self.now, body=b"answer"),
        )
        with suppress(WrongState):
            draw.choice(deeds)()

    def _look_after(self) -> None:
        for data, to in self.agent.datagrams_to_send(self.now):
            assert to[1] > 0, to
            self.heard = [*self.heard[-30:], data]
            if b";tag=" in data.partition(b"\r\nTo:")[2].partition(b"\r\n")[0]:
                tag = data.partition(b"\r\nTo:")[2].partition(b"\r\n")[0].rpartition(b";tag=")[2]
                self.tags = [*self.tags[-8:], tag.decode("ascii", "replace")]
        while (event := self.agent.next_event()) is not None:
            if isinstance(event, IncomingCall | Reinvite):
                self.calls.append(event.call)
        left = self.agent.statistics()
        assert left.calls <= 2 * LIMITS.calls, left
        assert left.transactions <= LIMITS.transactions + 4 * LIMITS.calls, left
        assert left.deadlines <= 2 * left.transactions + DEADLINES_A_CALL * left.calls, left

    def _end(self) -> None:
        for call in self.calls:
            with suppress(WrongState):
                self.agent.respond(call, 480, self.now)
            self.agent.bye(call, self.now)
        until = self.now + LONG_ENOUGH_S
        while (at := self.agent.next_deadline()) is not None and at < until:
            self.agent.handle_deadline(at)
            self.agent.datagrams_to_send(at)
            self.now = at
        left = self.agent.statistics()
        assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0), left


if __name__ == "__main__":
    sys.exit(campaign("fuzz_sip", lambda seed: Run(seed).run(), f"{STEPS_A_RUN} steps", __doc__))
