"""Values that are written as one word in a setting: where to listen, which ports, which networks."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Host:
    """A numeric IP address, or none."""

    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(str(ipaddress.ip_address(text)) if text else "")
        except ValueError:
            raise ValueError('write a numeric IP address, as in "192.0.2.7", or leave it empty') from None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class HostPort:
    """An IP address and a UDP port; port 0 lets the system choose. IPv6 is written in brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > _PORT_MAX:
            raise ValueError(
                f'write "ADDRESS:PORT" with a port from 0 to {_PORT_MAX}, as in "127.0.0.1:5060"'
            )
        try:
            address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise ValueError('the address must be numeric, as in "127.0.0.1:5060" or "[::1]:5060"') from None
        if (address.version == 6) != host.startswith("["):
            raise ValueError('write an IPv6 address in brackets, as in "[::1]:5060", and only that')
        return cls(str(address), int(port))

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports `first` to `last`, both included; a stream takes an even one and leaves the next to RTCP."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        first, dash, last = text.partition("-")
        if not dash or not all(part.isascii() and part.isdigit() for part in (first, last)):
            raise ValueError('write "FIRST-LAST", as in "20000-29999"')
        if not 1024 <= int(first) < int(last) <= _PORT_MAX:
            raise ValueError(f"the ports must rise, from 1024 at least to {_PORT_MAX} at most")
        return cls(int(first), int(last))

    @property
    def streams(self) -> int:
        """How many even ports there are: one stream takes one."""
        return self.last // 2 - (self.first + 1) // 2 + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Network:
    """A block of addresses that packets may come from."""

    block: ipaddress.IPv4Network | ipaddress.IPv6Network

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(ipaddress.ip_network(text))
        except ValueError:
            raise ValueError('write an address or a block, as in "192.0.2.7" or "192.0.2.0/24"') from None

    def holds(self, host: str) -> bool:
        """A socket that hears both kinds names an IPv4 peer ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2): the same."""
        return _holds(self.block, host)

    def __str__(self) -> str:
        return str(self.block)


@lru_cache(4_096)  # of each INVITE the source is asked after twice, and reading an address takes 3 us
def _holds(block: ipaddress.IPv4Network | ipaddress.IPv6Network, host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address in block or (plain is not None and plain in block)
