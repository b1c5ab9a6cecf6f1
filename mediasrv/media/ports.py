"""UDP ports for RTP: even ones, out of a configured range, beginning somewhere that nobody can guess.

RFC 3550 section 11: RTP takes an even port, its RTCP the odd one above. Where both go through one (RFC 5761, rtcp-mux)
the odd one stays free; else the two are had together or not at all. A port that another program holds is passed over,
with its partner; when the whole range is taken, or the process may open no more sockets, there is no room for another
call, and that is a 503, not a fault.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mediasrv.errors import AtCapacity, ConfigError
from mediasrv.ids import TokenSource

FIRST_USER_PORT = 1024
LAST_PORT = 65_535
NO_MORE_SOCKETS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class PortsExhausted(AtCapacity):
    """Every port of the range is taken."""


@dataclass(frozen=True, slots=True)
class PortRange:
    """From `first` to `last`, both included."""

    first: int = 16_384
    last: int = 32_767

    def __post_init__(self) -> None:
        if not FIRST_USER_PORT <= self.first <= self.last <= LAST_PORT:
            problem = f"must lie within {FIRST_USER_PORT}-{LAST_PORT}, the first not above the last"
            raise ConfigError("rtp_ports", problem, value=f"{self.first}-{self.last}")
        if len(self.even()) == 0:
            raise ConfigError("rtp_ports", "must hold an even port", value=f"{self.first}-{self.last}")

    def even(self) -> range:
        return range(self.first + self.first % 2, self.last + 1, 2)


class Port(Protocol):
    @property
    def number(self) -> int: ...

    @property
    def fd(self) -> int:
        """The RTP socket's descriptor; -1 when there is none behind the number."""

    @property
    def rtcp_fd(self) -> int:
        """RTCP's own socket, on the odd port above; -1 when it goes through the first."""

    def close(self) -> None:
        """Gives the port back, and its partner; idempotent."""


class SharedPort:
    """One holder's claim on a port: a stream that takes another's place shares it, and the last one gives it back.

    Each has descriptors of its own for the sockets behind it, because the engine tells streams apart by them.
    """

    def __init__(self, port: Port, beside: SharedPort | None = None) -> None:
        self._port, self._copied = port, beside is not None
        descriptors = port.fd, port.rtcp_fd
        self.fd, self.rtcp_fd = descriptors if beside is None else _copies(*descriptors)
        self._holders: set[SharedPort] = set() if beside is None else beside._holders
        self._holders.add(self)

    @property
    def number(self) -> int:
        return self._port.number

    def share(self) -> SharedPort:
        """The same port for one holder more."""
        return SharedPort(self._port, self)

    def close(self) -> None:
        """Idempotent."""
        if self not in self._holders:
            return
        self._holders.discard(self)
        if self._copied:
            for fd in (self.fd, self.rtcp_fd):
                if fd >= 0:
                    os.close(fd)
        if not self._holders:
            self._port.close()


def _copies(*descriptors: int) -> list[int]:
    """All of them, or AtCapacity and none; where there is no socket there is no copy."""
    copies: list[int] = []
    try:
        for fd in descriptors:
            copies.append(os.dup(fd) if fd >= 0 else fd)
    except OSError as error:
        for copy in copies:
            if copy >= 0:
                os.close(copy)
        raise AtCapacity(f"no more sockets: {error.strerror}") from error
    return copies


class PortAllocator(Protocol):
    def open(self, *, rtcp_mux: bool = True) -> Port:
        """A port nobody else has, or a pair of them; or PortsExhausted."""


class _Numbers:
    """Which even ports we hold; the walk over the free ones begins at random."""

    def __init__(self, ports: PortRange, tokens: TokenSource) -> None:
        self._even = ports.even()
        self._last = ports.last
        self._tokens = tokens
        self.held: set[int] = set()

    def free(self, *, rtcp_mux: bool) -> Iterator[int]:
        start = self._tokens.number(32) % len(self._even)
        for step in range(len(self._even)):
            number = self._even[(start + step) % len(self._even)]
            has_partner = rtcp_mux or number < self._last
            if number not in self.held and has_partner:
                yield number

    def exhausted(self) -> PortsExhausted:
        return PortsExhausted(f"RTP ports {self._even[0]}-{self._even[-1]} are all taken")


class _BoundPort:
    def __init__(self, number: int, bound: Sequence[socket.socket], held: set[int]) -> None:
        self.number = number
        self._bound = bound
        self._held = held

    @property
    def fd(self) -> int:
        return self._bound[0].fileno()

    @property
    def rtcp_fd(self) -> int:
        return self._bound[1].fileno() if len(self._bound) > 1 else -1

    def close(self) -> None:
        if self.fd < 0:
            return
        for bound in self._bound:
            bound.close()
        self._held.discard(self.number)


class UdpPorts:
    """Ports with a bound, non-blocking socket each."""

    def __init__(self, host: str, ports: PortRange, tokens: TokenSource) -> None:
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._numbers = _Numbers(ports, tokens)

    def open(self, *, rtcp_mux: bool = True) -> _BoundPort:
        for number in self._numbers.free(rtcp_mux=rtcp_mux):
            bound = self._bind_all((number,) if rtcp_mux else (number, number + 1))
            if bound is not None:
                self._numbers.held.add(number)
                return _BoundPort(number, bound, self._numbers.held)
        raise self._numbers.exhausted()

    def _bind_all(self, numbers: Sequence[int]) -> Sequence[socket.socket] | None:
        """None, and nothing bound, when another program holds one of them."""
        bound: list[socket.socket] = []
        try:
            for number in numbers:
                bound.append(self._bind(number))
        except OSError as error:
            for one in bound:
                one.close()
            if error.errno == errno.EADDRINUSE:
                return None
            if error.errno in NO_MORE_SOCKETS:
                raise AtCapacity(f"no more sockets: {error.strerror}") from error
            raise
        return bound

    def _bind(self, number: int) -> socket.socket:
        bound = socket.socket(self._family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            bound.bind((self._host, number))
        except OSError:
            bound.close()
            raise
        return bound


class _VirtualPort:
    fd = -1
    rtcp_fd = -1

    def __init__(self, number: int, held: set[int]) -> None:
        self.number = number
        self._held = held
        held.add(number)

    def close(self) -> None:
        if self.number in self._held:
            self._held.discard(self.number)


class VirtualPorts:
    """Numbers alone, for the network that is not there."""

    def __init__(self, ports: PortRange, tokens: TokenSource) -> None:
        self._numbers = _Numbers(ports, tokens)

    def open(self, *, rtcp_mux: bool = True) -> _VirtualPort:
        for number in self._numbers.free(rtcp_mux=rtcp_mux):
            return _VirtualPort(number, self._numbers.held)
        raise self._numbers.exhausted()
