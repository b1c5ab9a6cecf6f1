"""The measuring instrument against plain sockets on loopback."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from mediasrv.bench.instruments.wire_log import Heard, heard_records, sent_records
from mediasrv_native.wire import NOT_CAPTURED, Coded, Wire, WireError, packed
from tests.interop.patience import PATIENCE_S

pytestmark = pytest.mark.interop
RUBBISH = (  # nothing, too short, version 0, CSRCs or padding beyond the end
    b"", b"\x80", b"\x80" * 11, b"\x00" * 40, b"\x9f" + b"\x00" * 20, b"\xa0" + b"\x00" * 20 + b"\xff"
)  # fmt: skip


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The instrument's socket (non-blocking), and its peer's (blocking, with a deadline)."""
    with udp() as ours, udp() as peer:
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE_S)
        yield ours, peer


def rtp(sequence: int, payload: bytes, *, payload_type: int = 0, ssrc: int = 7) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence, sequence * 160, ssrc) + payload


def take_heard(wire: Wire, count: int) -> list[Heard]:
    taken: list[Heard] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(taken) < count:
        assert time.monotonic() < deadline, f"heard {len(taken)} of {count}"
        taken.extend(heard_records(wire.take_heard()))
    return taken


def receive(peer: socket.socket, count: int) -> list[tuple[int, int, bytes]]:
    """Sequence, time stamp and payload of the next packets."""
    packets = [peer.recv(2_000) for _ in range(count)]
    return [(*struct.unpack("!HI", packet[2:8]), packet[12:]) for packet in packets]


def test_a_stream_sends_its_bed_in_a_loop_and_logs_each_packet(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    bed = bytes(range(200))
    with Wire(capacity=16) as wire:
        stream = wire.add(
            socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5,
            first_sequence=65_535, first_timestamp=2**32 - 160, bed=bed, bed_start=30,
        )  # fmt: skip
        packets = receive(peer, 3)
        wire.remove(stream)
        log = list(sent_records(wire.take_sent()))
    assert [p[0] for p in packets] == [65_535, 0, 1]
    assert [p[1] for p in packets] == [2**32 - 160, 0, 160]
    assert packets[0][2] + packets[1][2] == (bed[30:] + bed * 2)[:320]
    assert [record.sequence for record in log][:3] == [65_535, 0, 1]
    assert all(record.utterance == 0 and record.at_ns >= record.due_ns for record in log)
    assert {b.due_ns - a.due_ns for a, b in pairwise(log)} == {20_000_000}


def test_a_bed_of_coded_packets_is_sent_packet_by_packet_in_a_loop(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    packets = [b"one", b"twelve", b"x" * 700]
    with Wire(capacity=1) as wire:
        stream = wire.add(
            socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=9, first_timestamp=5,
            bed=packed(packets), bed_start=1, coded=Coded(96, 960),
        )  # fmt: skip
        heard = receive(peer, 4)
        with pytest.raises(WireError):
            wire.say(stream, 0, b"over it")
    assert [payload for _, _, payload in heard] == [packets[1], packets[2], packets[0], packets[1]]
    assert [timestamp for _, timestamp, _ in heard] == [5, 965, 1_925, 2_885]


@pytest.mark.parametrize("bed", [b"", b"\0", b"\0\0", b"\0\2x", b"\0\1xy", b"\x06\x00" + b"x" * 1_536])
def test_a_bed_that_is_not_whole_packets_is_refused(
    bed: bytes, sockets: tuple[socket.socket, socket.socket]
) -> None:
    with Wire(capacity=1) as wire, pytest.raises(WireError):
        wire.add(
            socket_fd=sockets[0].fileno(),
            remote=sockets[1].getsockname(),
            ssrc=9,
            bed=bed,
            coded=Coded(96, 960),
        )


def test_speech_lies_over_the_bed_and_its_place_is_logged(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    speech = bytes([1] * 160 + [2] * 160 + [3] * 50)
    with Wire(capacity=16) as wire:
        stream = wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5)
        at_ns = time.monotonic_ns() + 50_000_000
        number = wire.say(stream, at_ns, speech)
        later = wire.say(stream, at_ns + 100_000_000, b"\x09" * 160)
        packets = receive(peer, 12)
        assert wire.saying(stream) == 0
        log = list(sent_records(wire.take_sent()))
    said = [(record.utterance, record.offset) for record in log if record.utterance]
    assert said == [(number, 0), (number, 160), (number, 320), (later, 0)]
    first = next(record for record in log if record.utterance)
    assert 0 <= first.due_ns - at_ns < 20_000_000
    spoken = b"".join(payload for _, _, payload in packets if payload != b"\xff" * 160)
    assert spoken == speech + b"\xff" * 110 + b"\x09" * 160


def test_what_is_heard_is_logged_with_level_time_and_payload(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    loud, silent = b"\x00" * 160, b"\xff" * 160
    with Wire(capacity=4, capture_octets=320) as wire:
        wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5)
        before = time.monotonic_ns()
        for sequence, payload in enumerate([loud, silent, loud]):
            peer.sendto(rtp(sequence, payload), ours.getsockname())
        after = time.monotonic_ns()
        heard = take_heard(wire, 3)
        assert wire.captured(heard[0].capture, 160) == loud
        assert wire.captured(heard[1].capture, 160) == silent
        with pytest.raises(WireError):
            wire.captured(200, 160)
    assert heard[2].capture == NOT_CAPTURED
    assert [(h.sequence, h.timestamp, h.ssrc, h.octets) for h in heard] == [
        (0, 0, 7, 160), (1, 160, 7, 160), (2, 320, 7, 160)
    ]  # fmt: skip
    assert [h.audible for h in heard] == [True, False, True]
    assert -0.3 < heard[0].level_dbfs < 0
    slack_ns = 2_000_000  # the date's clock is read a moment after the monotonic one
    assert all(before - slack_ns <= h.at_ns <= after + slack_ns for h in heard)


def test_strangers_and_rubbish_are_counted_and_change_nothing(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    with Wire(capacity=4) as wire, udp() as stranger:
        wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5)
        stranger.sendto(rtp(1, b"\x00" * 160), ours.getsockname())
        for rubbish in RUBBISH:
            peer.sendto(rubbish, ours.getsockname())
        peer.sendto(rtp(9, b"\x00" * 160), ours.getsockname())
        assert [h.sequence for h in take_heard(wire, 1)] == [9]
        statistics = wire.statistics()
    assert (statistics.foreign, statistics.malformed, statistics.heard) == (1, 6, 1)


def test_a_log_that_nobody_empties_loses_the_newest_and_counts(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    with Wire(capacity=4, heard_records=4) as wire:
        wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5)
        for sequence in range(10):
            peer.sendto(rtp(sequence, b"\x00" * 160), ours.getsockname())
        deadline = time.monotonic() + PATIENCE_S
        while wire.statistics().heard_lost < 6:
            assert time.monotonic() < deadline
        assert [h.sequence for h in heard_records(wire.take_heard())] == [0, 1, 2, 3]


def test_a_removed_stream_gives_its_place_and_its_socket_back(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    with Wire(capacity=1) as wire:
        stream = wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5)
        with pytest.raises(WireError, match="no room"):
            wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=6)
        wire.remove(stream)
        assert wire.statistics().streams == 0
        with pytest.raises(WireError, match="no such stream"):
            wire.say(stream, 0, b"\x00")
        again = wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=6)
        assert again == stream
        assert receive(peer, 1)[0][0] == 0


def test_a_stream_is_sent_in_the_slot_it_asks_for(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = sockets
    due_ns: dict[int, int] = {}
    with Wire(capacity=30) as wire:
        assert wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5, slot=7) == 7
        assert wire.add(socket_fd=peer.fileno(), remote=ours.getsockname(), ssrc=6, slot=3) == 3
        while len(due_ns) < 2:
            due_ns |= {record.stream: record.due_ns for record in sent_records(wire.take_sent())}
        with pytest.raises(WireError, match="out of range"):
            wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5, slot=10)
    assert (due_ns[7] - due_ns[3]) % 20_000_000 == 8_000_000


@pytest.mark.parametrize(
    "wrong", [{"capacity": 0}, {"capacity": 5_000}, {"heard_records": 3}, {"priority": 0}]
)
def test_a_wrong_setting_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(WireError, match="out of range"):
        Wire(**wrong)


def test_what_a_stream_cannot_be_is_refused(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = sockets
    wire = Wire(capacity=1)
    with pytest.raises(WireError, match="out of range"):
        wire.add(socket_fd=-1, remote=peer.getsockname(), ssrc=5)
    with pytest.raises(OSError, match="illegal IP"):
        wire.add(socket_fd=ours.fileno(), remote=("localhost", 9), ssrc=5)
    stream = wire.add(socket_fd=ours.fileno(), remote=peer.getsockname(), ssrc=5)
    with pytest.raises(WireError, match="out of range"):
        wire.say(stream, 0, b"")
    for _ in range(16):
        wire.say(stream, 0, b"\x00")
    with pytest.raises(WireError, match="no room"):
        wire.say(stream, 0, b"\x00")
    wire.close()
    with pytest.raises(ValueError, match="closed"):
        wire.statistics()
