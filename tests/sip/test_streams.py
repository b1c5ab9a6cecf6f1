"""The user agent over TCP, TLS and WebSocket: what the wire says, what is not repeated, and which way back is taken."""

from __future__ import annotations

import pytest

from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Acknowledged,
    Address,
    EndCause,
    Ended,
    Hop,
    IncomingCall,
    Rejected,
    SipEvent,
    Timers,
    Uri,
    UserAgent,
)

HERE = ("192.0.2.1", 5060)
THERE = ("192.0.2.2", 5060)
STREAMS = {"TCP": HERE, "TLS": ("192.0.2.1", 5061), "WS": ("192.0.2.1", 8080)}
ACCEPTED = Hop("192.0.2.2", 49_152, "TCP", 7)  # the connection that the peer opened
SDP = b"v=0\r\n"
PATIENCE_S = Timers().patience_s


def text_of(data: bytes) -> list[str]:
    return data.decode().split("\r\n")


class Side:
    """One user agent, and the queues it fills."""

    def __init__(self) -> None:
        self.agent = UserAgent(HERE, SeededTokens(1), streams=STREAMS)

    def sent(self, now: float) -> list[tuple[bytes, Address]]:
        return self.agent.datagrams_to_send(now)

    def told(self) -> list[SipEvent]:
        events = []
        while (event := self.agent.next_event()) is not None:
            events.append(event)
        return events

    def run(self, until: float) -> list[tuple[bytes, Address]]:
        """All that is sent when only time passes."""
        sent = []
        while (at := self.agent.next_deadline()) is not None and at <= until:
            self.agent.handle_deadline(at)
            sent += self.sent(at)
        return sent

    def call(
        self, destination: Address, target: str = "sip:bob@192.0.2.2", body: bytes = SDP
    ) -> tuple[int, bytes]:
        call = self.agent.invite(
            Uri.parse(target),
            destination=destination,
            from_uri=Uri.parse("sip:a@192.0.2.1"),
            body=body,
            now=0.0,
        )
        ((data, to),) = self.sent(0.0)
        assert to == destination
        return call, data


def request(method: str, transport: str, *, to_tag: str = "", cseq: int = 1, port: str = ":5080") -> bytes:
    tag = f";tag={to_tag}" if to_tag else ""
    body = "v=0\r\n" if method == "INVITE" else ""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/{transport} 192.0.2.2{port};branch=z9hG4bK{method}{cseq}\r\n"
        f"From: <sip:b@192.0.2.2>;tag=b\r\nTo: <sip:a@192.0.2.1>{tag}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: <sip:b@192.0.2.2{port};transport={transport.lower()}>\r\n{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def response_to(data: bytes, status: int) -> bytes:
    kept = [line for line in text_of(data) if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    kept = [f"{line};tag=b" if line.startswith("To:") and ";tag=" not in line else line for line in kept]
    contact = "Contact: <sip:bob@192.0.2.2;transport=tcp>"
    return "\r\n".join((f"SIP/2.0 {status} Fine", *kept, contact, "Content-Length: 0", "", "")).encode()


def arrived(side: Side, transport: str = "TCP", source: Hop = ACCEPTED) -> int:
    """An INVITE has come over a connection: our call."""
    side.agent.receive(request("INVITE", transport), source, 0.0)
    (event,) = side.told()
    assert isinstance(event, IncomingCall)
    assert side.sent(0.0)[0][0].startswith(b"SIP/2.0 100")
    return event.call


@pytest.mark.parametrize(
    ("destination", "target", "via", "contact"),
    [
        (
            Hop(*THERE, "TCP"),
            "sip:b@192.0.2.2",
            "SIP/2.0/TCP 192.0.2.1:5060",
            "<sip:192.0.2.1:5060;transport=tcp>",
        ),
        (
            Hop(*THERE, "TLS"),
            "sip:b@192.0.2.2",
            "SIP/2.0/TLS 192.0.2.1:5061",
            "<sip:192.0.2.1:5061;transport=tls>",
        ),
        (Hop(*THERE, "TLS"), "sips:b@192.0.2.2", "SIP/2.0/TLS 192.0.2.1:5061", "<sips:192.0.2.1:5061>"),
        (
            Hop(*THERE, "WS", 3),
            "sip:b@192.0.2.2",
            "SIP/2.0/WS 192.0.2.1:8080",
            "<sip:192.0.2.1:8080;transport=ws>",
        ),
        (THERE, "sip:b@192.0.2.2", "SIP/2.0/UDP 192.0.2.1:5060", "<sip:192.0.2.1:5060>"),
    ],
)
def test_via_and_contact_say_the_transport(destination: Address, target: str, via: str, contact: str) -> None:
    _, data = Side().call(destination, target)
    lines = text_of(data)
    assert [line for line in lines if line.startswith(f"Via: {via};")]
    assert f"Contact: {contact}" in lines


def test_nothing_is_repeated_over_a_stream_and_patience_ends_all_the_same() -> None:
    side = Side()
    call, _ = side.call(Hop(*THERE, "TCP"))
    assert side.run(PATIENCE_S - 0.01) == []
    assert side.told() == []
    side.run(PATIENCE_S)
    (event,) = side.told()
    assert isinstance(event, Rejected)
    assert (event.call, event.status) == (call, 408)


def test_a_served_request_leaves_nothing_behind_over_a_stream() -> None:
    side = Side()
    arrived(side)
    side.agent.receive(request("CANCEL", "TCP").replace(b"CANCEL1", b"INVITE1"), ACCEPTED, 0.0)
    refused = [data for data, _ in side.sent(0.0) if data.startswith(b"SIP/2.0 487")]
    assert len(refused) == 1
    tag = next(line for line in text_of(refused[0]) if line.startswith("To:")).rpartition("tag=")[2]
    assert side.run(PATIENCE_S - 0.01) == []
    ack = request("ACK", "TCP", to_tag=tag).replace(b"ACK1", b"INVITE1")
    side.agent.receive(ack, ACCEPTED, 1.0)
    side.agent.handle_deadline(1.0)
    assert side.agent.statistics().transactions == 0


def test_responses_take_the_connection_and_keep_the_announced_port_for_when_it_is_gone() -> None:
    side = Side()
    call = arrived(side)
    side.agent.respond(call, 200, 0.0, body=SDP)
    ((data, to),) = side.sent(0.0)
    assert to == Hop("192.0.2.2", 5080, "TCP", 7)
    assert "Contact: <sip:192.0.2.1:5060;transport=tcp>" in text_of(data)


def test_a_via_without_port_means_the_usual_one_of_its_transport() -> None:
    side = Side()
    side.agent.receive(request("OPTIONS", "TLS", port=""), Hop("192.0.2.2", 49_152, "TLS", 9), 0.0)
    ((_, to),) = side.sent(0.0)
    assert to == Hop("192.0.2.2", 5061, "TLS", 9)


def established(side: Side, transport: str = "TCP", source: Hop = ACCEPTED) -> int:
    call = arrived(side, transport, source)
    side.agent.respond(call, 200, 0.0, body=SDP)
    ((data, _),) = side.sent(0.0)
    tag = next(line for line in text_of(data) if line.startswith("To:")).rpartition("tag=")[2]
    side.agent.receive(request("ACK", transport, to_tag=tag), source, 0.0)
    assert isinstance(side.told()[-1], Acknowledged)
    return call


def test_our_bye_takes_the_callers_connection() -> None:
    side = Side()
    side.agent.bye(established(side), 1.0)
    ((data, to),) = side.sent(1.0)
    assert data.startswith(b"BYE")
    assert to == Hop("192.0.2.2", 5080, "TCP", 7)


def test_a_call_outlives_its_connection_and_ends_when_no_other_can_be_had() -> None:
    side = Side()
    call = established(side)
    side.agent.connection_lost(ACCEPTED, 1.0)
    assert side.told() == []
    side.agent.reinvite(call, SDP, 2.0)
    ((_, to),) = side.sent(2.0)
    side.agent.transport_failed(to, 2.0)
    (event,) = side.told()
    assert event == Ended(call, EndCause.TRANSPORT, 'SIP;cause=481;text="dialog lost"')


def test_a_request_whose_connection_closes_fails_at_once() -> None:
    side = Side()
    call, _ = side.call(Hop(*THERE, "TCP"))
    side.agent.connection_lost(Hop(*THERE, "TCP", 4), 1.0)
    (event,) = side.told()
    assert isinstance(event, Rejected)
    assert (event.call, event.status) == (call, 503)
    assert side.agent.statistics().deadlines == 0


def test_another_connection_that_closes_harms_nobody() -> None:
    side = Side()
    side.call(Hop(*THERE, "TCP"))
    side.agent.connection_lost(Hop("192.0.2.2", 5062, "TCP", 4), 1.0)
    assert side.told() == []


def test_a_browser_that_goes_while_we_ring_has_withdrawn_its_call() -> None:
    side = Side()
    source = Hop("192.0.2.2", 49_152, "WS", 5)
    call = arrived(side, "WS", source)
    side.agent.connection_lost(source, 1.0)
    (event,) = side.told()
    assert isinstance(event, Ended)
    assert (event.call, event.cause) == (call, EndCause.TRANSPORT)


LARGE = b"v=0\r\n" + b"a=x\r\n" * 400


def large(side: Side, now: float) -> tuple[bytes, Address]:
    side.agent.invite(
        Uri.parse("sip:b@192.0.2.2"),
        destination=THERE,
        from_uri=Uri.parse("sip:a@192.0.2.1"),
        body=LARGE,
        now=now,
    )
    ((data, to),) = side.sent(now)
    return data, to


def test_a_request_too_large_for_a_datagram_goes_by_tcp() -> None:
    data, to = large(Side(), 0.0)
    assert to == Hop(*THERE, "TCP")
    assert b"Via: SIP/2.0/TCP" in data


def test_where_tcp_is_refused_it_goes_by_datagram_and_is_repeated() -> None:
    side = Side()
    _, to = large(side, 0.0)
    side.agent.transport_failed(to, 1.0)
    ((data, to),) = side.sent(1.0)
    assert to == THERE
    assert b"Via: SIP/2.0/UDP" in data
    assert side.run(1.5) == [(data, THERE)]
    assert side.told() == []
    side.agent.receive(response_to(data, 486), THERE, 2.0)
    (event,) = side.told()
    assert isinstance(event, Rejected)


def test_a_refusal_of_tcp_is_believed_for_a_while() -> None:
    side = Side()
    _, to = large(side, 0.0)
    side.agent.transport_failed(to, 0.0)
    side.sent(0.0)
    assert large(side, 599.0)[1] == THERE
    assert large(side, 600.0)[1] == Hop(*THERE, "TCP")


def test_where_no_stream_is_taken_none_is_tried() -> None:
    side = Side()
    side.agent.takes_no_stream(THERE)
    data, to = large(side, 100_000.0)
    assert to == THERE
    assert b"Via: SIP/2.0/UDP" in data


def test_an_answer_over_a_stream_is_acknowledged_over_it() -> None:
    side = Side()
    _, data = side.call(Hop(*THERE, "TCP"))
    side.agent.receive(response_to(data, 200), Hop(*THERE, "TCP", 4), 1.0)
    ((ack, to),) = side.sent(1.0)
    assert ack.startswith(b"ACK")
    assert b"Via: SIP/2.0/TCP" in ack
    assert to == Hop(*THERE, "TCP", 4)
