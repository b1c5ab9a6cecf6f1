"""Captures are files of libpcap's format, with headers that a receiver would accept."""

from __future__ import annotations

import struct

import pytest

from mediasrv.telemetry import pcap

AT_NS = 1_700_000_000_123_456_789


def records(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 24
    while at < len(data):
        seconds, nanoseconds, here, whole = struct.unpack_from("<IIII", data, at)
        assert here == whole
        found.append((seconds * 10**9 + nanoseconds, data[at + 16 : at + 16 + here]))
        at += 16 + here
    assert at == len(data)
    return found


def sums_up(data: bytes) -> bool:
    """RFC 1071: the ones' complement sum over a header with its checksum is all ones."""
    data += b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    return total % 0xFFFF == 0 and total > 0


def test_the_header_says_nanoseconds_and_raw_ip() -> None:
    assert pcap.header().hex() == "4d3cb2a1020004000000000000000000ffff000065000000"


@pytest.mark.parametrize("payload", [b"", b"x", b"even", b"odd.."])
def test_a_datagram_over_ipv4_stands_whole_with_its_time(payload: bytes) -> None:
    data = pcap.header() + pcap.packet(AT_NS, ("192.0.2.7", 5060), ("198.51.100.4", 40000), payload)
    ((at_ns, packet),) = records(data)
    assert at_ns == AT_NS
    assert (packet[0], packet[9]) == (0x45, 17)
    assert struct.unpack("!H", packet[2:4])[0] == len(packet) == 28 + len(payload)
    assert sums_up(packet[:20])
    assert packet[12:20] == bytes([192, 0, 2, 7, 198, 51, 100, 4])
    assert struct.unpack("!HHH", packet[20:26]) == (5060, 40000, 8 + len(payload))
    assert packet[28:] == payload


@pytest.mark.parametrize("payload", [b"", b"x", b"even", b"odd.."])
def test_a_datagram_over_ipv6_has_the_checksum_that_ipv6_demands(payload: bytes) -> None:
    data = pcap.header() + pcap.packet(AT_NS, ("2001:db8::1", 5060), ("2001:db8::2", 40000), payload)
    ((_, packet),) = records(data)
    length = 8 + len(payload)
    assert packet[0] >> 4 == 6
    assert struct.unpack("!HBB", packet[4:8]) == (length, 17, 64)
    assert sums_up(packet[8:40] + struct.pack("!II", length, 17) + packet[40:])
    assert packet[48:] == payload


def test_both_families_in_one_packet_become_ipv6() -> None:
    ((_, packet),) = records(pcap.header() + pcap.packet(AT_NS, ("::", 5060), ("192.0.2.7", 5060), b"ping"))
    assert packet[0] >> 4 == 6
    assert packet[24:40] == bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 7])


def test_what_no_datagram_could_hold_is_cut_and_says_so() -> None:
    data = pcap.packet(AT_NS, ("192.0.2.7", 1), ("192.0.2.8", 2), bytes(70_000))
    here, whole = struct.unpack_from("<II", data, 8)
    assert (here, whole) == (65_535, 70_028)
    assert len(data) == 16 + here
