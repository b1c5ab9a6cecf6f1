"""Who has proven to be where his packets say, and how much may be sent to who has not.

The source of a datagram can be forged, and then what we send goes to somebody who never asked for it. An address is
proven once something comes that only what we sent there could have told: a tag of ours, a digest over our nonce, an
answer to a request of ours. Who has a tag or a nonce, and writes it from a second address, has proven nothing there.
Until then the first of each answer is sent, because without it nobody could prove anything; but repetitions and
farewells only as long as all of it together stays within a few times what came from there, as QUIC has it (RFC 9000
section 8.1). Who retransmits his request earns more, so a lossy line still heals.

Only addresses whose requests are served stand here: strangers are refused in no more bytes than they sent, without any
state (grammar/thrift.py).
"""

from __future__ import annotations

from mediasrv.sip.hop import Address, is_reliable


class Trust:
    """`hosts_max` of each kind are remembered; `bytes_back`: how many for each byte that came."""

    def __init__(self, hosts_max: int, bytes_back: int) -> None:
        self._hosts_max, self._bytes_back = hosts_max, bytes_back
        self._proven: dict[str, None] = {}
        self._left_bytes: dict[str, int] = {}

    def prove(self, host: str) -> None:
        self._left_bytes.pop(host, None)
        self._proven.pop(host, None)
        self._proven[host] = None
        if len(self._proven) > self._hosts_max:
            del self._proven[next(iter(self._proven))]

    def has_proven(self, host: str) -> bool:
        return host in self._proven

    def heard(self, source: Address, n: int) -> None:
        """So many bytes of a request that is served."""
        host = source[0]
        if is_reliable(source) or host in self._proven:
            return
        self._left_bytes[host] = self._left_bytes.get(host, 0) + n * self._bytes_back
        if len(self._left_bytes) > self._hosts_max:
            del self._left_bytes[next(iter(self._left_bytes))]

    def sent(self, to: Address, n: int) -> None:
        left = self._left_bytes.get(to[0])
        if left is not None and not is_reliable(to):
            self._left_bytes[to[0]] = left - n

    def affords(self, to: Address, n: int) -> bool:
        """Whether so many bytes more may go there that nobody has asked for once more."""
        return is_reliable(to) or to[0] in self._proven or self._left_bytes.get(to[0], 0) >= n
