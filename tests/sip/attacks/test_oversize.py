"""What is too long, too many or too large, by datagram and by stream: refused in one answer, and nothing is kept."""

from __future__ import annotations

import pytest

from mediasrv.sip import Limits
from mediasrv.sip.framing import StreamFramer, Unframeable
from tests.sip.attacks.victim import Victim, by_tcp
from tests.sip.torture.point import SDP, plain

OPTIONS = "OPTIONS sip:bob@pbx.example SIP/2.0"
INVITE = "INVITE sip:bob@pbx.example SIP/2.0"
HUGE = "9" * 4_000

OVERSIZE = {
    "a CSeq of thousands of digits": (400, plain(OPTIONS, f"CSeq: {HUGE} OPTIONS")),
    "a CSeq method of thousands of letters": (400, plain(OPTIONS, f"CSeq: 1 {'X' * 4_000}")),
    "a Via longer than a line may be": (None, plain(OPTIONS, f"Via: SIP/2.0/UDP {'h' * 5_000};branch=z9hG4bK1")),
    "a branch that fills its line": (200, plain(OPTIONS, f"Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK{'b' * 3_900}")),
    "a port of thousands of digits in Via": (None, plain(OPTIONS, f"Via: SIP/2.0/UDP h:{HUGE};branch=z9hG4bK1")),
    "more Vias than any way is long": (
        400, plain(OPTIONS, *(f"Via: SIP/2.0/UDP h{n};branch=z9hG4bK{n}" for n in range(100)))),
    "hundreds of Accepts": (401, plain(INVITE, *(["Accept: application/sdp"] * 140), body=SDP)),
    "hundreds of Accepts of other kinds": (406, plain(INVITE, *(["Accept: text/x"] * 140), body=SDP)),
    "more headers than any message has": (400, plain(OPTIONS, *(f"X-{n}: y" for n in range(500)))),
    "a header without end": (400, plain(OPTIONS, f"Subject: {'s' * 10_000}")),
    "thousands of folds": (400, plain(OPTIONS, "Subject: a" + "\r\n b" * 3_000)),
    "thousands of parameters": (400, plain(OPTIONS, "To: <sip:bob@pbx.example>" + ";p" * 3_000)),
    "thousands of nested quotes": (400, plain(OPTIONS, 'To: "' + '\\"' * 1_900 + " <sip:bob@pbx.example>")),
    "thousands of brackets": (400, plain(OPTIONS, "To: " + "<" * 4_000)),
    "thousands of commas": (None, plain(OPTIONS, "Via: " + "," * 4_000)),
    "a Request-URI without end": (414, plain(f"OPTIONS sip:{'u' * 4_000}@pbx.example SIP/2.0")),
    "thousands of escapes in a user": (414, plain(f"OPTIONS sip:{'%41' * 2_000}@pbx.example SIP/2.0")),
    "more Record-Routes than a way may have": (
        400, plain(INVITE, *(f"Record-Route: <sip:p{n}.example;lr>" for n in range(30)), body=SDP)),
    "a body beyond the limit": (513, plain(INVITE, body=b"v" * 17_000)),
    "a length of 2**31": (400, plain(INVITE, "Content-Length: 2147483648", body=SDP)),
    "a length that is negative": (400, plain(INVITE, "Content-Length: -1", body=SDP)),
    "a Max-Forwards of thousands of digits": (400, plain(OPTIONS, f"Max-Forwards: {HUGE}")),
    "an Expires beyond all time": (401, plain("REGISTER sip:pbx.example SIP/2.0", f"Expires: {HUGE}")),
    "a Session-Expires beyond all time": (400, plain(INVITE, f"Session-Expires: {HUGE}", body=SDP)),
    "a Min-SE beyond all time": (400, plain(INVITE, f"Min-SE: {HUGE}", body=SDP)),
    "a Require of a thousand words": (420, plain(OPTIONS, "Require: " + ",".join(["x"] * 1_000))),
    "a Replaces without end": (400, plain(INVITE, f"Replaces: {'r' * 4_000}", body=SDP)),
    "credentials of a thousand parameters": (
        401, plain(INVITE, "Authorization: Digest " + ",".join(f"p{n}=1" for n in range(500)), body=SDP)),
    "a hundred credentials": (401, plain(INVITE, *(["Authorization: Digest realm=x"] * 100), body=SDP)),
}  # fmt: skip


@pytest.mark.parametrize("name", OVERSIZE)
def test_oversize_by_datagram_is_refused_in_one_answer(name: str) -> None:
    status, data = OVERSIZE[name]
    victim = Victim()
    answers = victim.hit(data)
    assert [int(answer.split(b" ")[1]) for answer, _ in answers] == ([] if status is None else [status])
    assert sum(len(answer) for answer, _ in answers) <= len(data)
    victim.assert_unharmed()


@pytest.mark.parametrize("name", OVERSIZE)
def test_oversize_over_a_stream_is_refused_or_ends_the_stream(name: str) -> None:
    _, data = OVERSIZE[name]
    victim, framer = Victim(), StreamFramer(Limits(), opened_by_peer=True)
    for at in range(0, len(data), 1_460):
        framer.receive_data(data[at : at + 1_460])
        event = framer.next_event()
        if isinstance(event, Unframeable):
            victim.agent.receive_unframeable(event, by_tcp(), victim.net.now)
            break
    else:
        assert event is None  # it still waits, and the shell will not wait long
    assert len(victim.agent.datagrams_to_send(victim.net.now)) <= 1
    victim.assert_unharmed()


def test_an_endless_head_over_a_stream_costs_its_limit_and_no_more() -> None:
    framer = StreamFramer(Limits(), opened_by_peer=True)
    framer.receive_data(b"OPTIONS sip:bob@pbx.example SIP/2.0\r\n")
    sent_bytes = 0
    while not isinstance(framer.next_event(), Unframeable):
        framer.receive_data(b"X-Endless: yes\r\n")
        sent_bytes += 16
        assert sent_bytes <= Limits().message_bytes
    assert not framer.in_message
