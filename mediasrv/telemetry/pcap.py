"""Packets as other tools read them: the file format of libpcap, with times in nanoseconds.

    magic 0xa1b23c4d, version 2.4, time zone 0, accuracy 0, longest packet, link type 101 (raw IP)
    seconds, nanoseconds, bytes here, bytes on the wire, packet    ...

A packet is given as who sent what to whom; the IP and UDP headers around it are made here. What came over a stream
(TCP, TLS, WebSocket) is written as a datagram too, each message one: whoever reads the file wants to see what was said,
and what was said under TLS is nowhere else in the clear.
"""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache

LINK_RAW_IP = 101
LONGEST_PACKET = 65_535
UDP = 17
NS_PER_S = 1_000_000_000

_Place = tuple[str, int]


def header() -> bytes:
    """What a file begins with."""
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, LONGEST_PACKET, LINK_RAW_IP)


def packet(unix_ns: int, source: _Place, destination: _Place, payload: bytes) -> bytes:
    """One datagram, as it follows in the file; one that no datagram could hold is cut, and says so."""
    raw = _ip(source, destination, payload)
    kept = raw[:LONGEST_PACKET]
    seconds, nanoseconds = divmod(unix_ns, NS_PER_S)
    return struct.pack("<IIII", seconds & 0xFFFFFFFF, nanoseconds, len(kept), len(raw)) + kept


def _ip(source: _Place, destination: _Place, payload: bytes) -> bytes:
    outer, ports, pseudo = _headers(source, destination, min(8 + len(payload), LONGEST_PACKET - 40))
    if not pseudo:
        return outer + ports + b"\0\0" + payload  # IPv4 demands no checksum
    checksum = _checksum(pseudo + ports + b"\0\0" + payload) or 0xFFFF  # IPv6 does (RFC 8200 8.1)
    return outer + ports + struct.pack("!H", checksum) + payload


@lru_cache(
    maxsize=1_024
)  # the packets of a stream have the same ones, and they take longer than all the rest
def _headers(source: _Place, destination: _Place, length: int) -> tuple[bytes, bytes, bytes]:
    """IP's, UDP's without its checksum, and what that covers beside the datagram: nothing with IPv4."""
    addresses = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    if addresses[0].version != addresses[1].version:  # a socket for both shows IPv4 in IPv6's clothes
        addresses = _in_v6(addresses[0]), _in_v6(addresses[1])
    from_ip, to_ip = (address.packed for address in addresses)
    ports = struct.pack("!HHH", source[1], destination[1], length)
    if len(from_ip) == 16:
        outer = struct.pack("!IHBB", 6 << 28, length, UDP, 64) + from_ip + to_ip
        return outer, ports, from_ip + to_ip + struct.pack("!II", length, UDP)
    outer = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, UDP, 0) + from_ip + to_ip
    return outer[:10] + struct.pack("!H", _checksum(outer)) + outer[12:], ports, b""


def _in_v6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    return address if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{address}")


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
