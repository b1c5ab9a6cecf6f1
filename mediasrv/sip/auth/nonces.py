"""Nonces that cost nothing until somebody has answered one, and an answer that counts only once (RFC 7616 section 5.4).

A nonce is the time it was made, some salt, a mark of the address it went to, and a MAC over all: whether it is ours,
and how old, can be read from it, so a flood of unanswered challenges leaves nothing behind. It has as few letters as
will do: a challenge must fit into what it answers (grammar/thrift.py). Only a nonce whose answer was *right* is
remembered, with the counts (nc) already used under it. So only those who know a password can fill the register, and it
is bounded too: when it is full the oldest entry goes, and with it every nonce as old as that one becomes stale.
Otherwise a forgotten nonce would look like an unused one, and its answers could be replayed.

Counts may arrive out of order over UDP, so the last 64 are told apart by a window of bits, as in DTLS; what is older
than the window is refused. A nonce is good from any address: phones change theirs, and a replay is refused anyway. But
only from the one it went to does it show that somebody is there (`went_to`).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import blake2s

from mediasrv.ids import TokenSource

WINDOW_COUNTS = 64
LIFETIME_S = 300.0
REMEMBERED_MAX = 16_384
# Together a multiple of three: no padding. The mark may be short: whoever guesses it does not see whether he was right.
_TIME_BYTES, _SALT_BYTES, _MARK_BYTES, _MAC_BYTES = 6, 4, 2, 12
_BODY_LETTERS = (_TIME_BYTES + _SALT_BYTES + _MARK_BYTES) // 3 * 4
_LETTERS = _BODY_LETTERS + _MAC_BYTES // 3 * 4


class Standing(Enum):
    GOOD = auto()
    STALE = auto()  # ours, and too old, or forgotten for want of room
    FORGED = auto()  # not ours, or from before a restart


@dataclass(slots=True)
class Used:
    """The counts seen under one nonce: bit n of `recent` stands for `highest - n`."""

    made_ms: int
    highest: int = 0
    recent: int = 0

    def spend(self, count: int) -> bool:
        ahead = count - self.highest
        if ahead > 0:
            kept = self.recent << ahead if ahead < WINDOW_COUNTS else 0
            self.recent = (kept | 1) & ((1 << WINDOW_COUNTS) - 1)
            self.highest = count
            return True
        if -ahead >= WINDOW_COUNTS or self.recent >> -ahead & 1:
            return False
        self.recent |= 1 << -ahead
        return True


class Nonces:
    """Makes them, and knows them again."""

    def __init__(
        self, tokens: TokenSource, *, lifetime_s: float = LIFETIME_S, remembered_max: int = REMEMBERED_MAX
    ) -> None:
        self._tokens, self._lifetime_ms, self._remembered_max = tokens, int(lifetime_s * 1000), remembered_max
        self._secret = bytes.fromhex(tokens.token(32))
        self._used: OrderedDict[str, Used] = OrderedDict()
        self._stale_up_to_ms = -1

    def __len__(self) -> int:
        return len(self._used)

    def issue(self, now: float, host: str = "") -> str:
        """One that goes to that host."""
        made = int(now * 1000).to_bytes(_TIME_BYTES, "big")
        unique = made + bytes.fromhex(self._tokens.token(_SALT_BYTES))
        body = urlsafe_b64encode(unique + self._mark(unique, host)).decode()
        return body + self._mac(body)

    def went_to(self, nonce: str, host: str) -> bool:
        """Of one in good standing: whether it was made for that host."""
        body = urlsafe_b64decode(nonce[:_BODY_LETTERS])
        return hmac.compare_digest(body[-_MARK_BYTES:], self._mark(body[:-_MARK_BYTES], host))

    def standing(self, nonce: str, now: float) -> Standing:
        body, mac = nonce[:_BODY_LETTERS], nonce[_BODY_LETTERS:]
        genuine = hmac.compare_digest(self._mac(body).encode(), mac.encode())
        if not genuine or len(nonce) != _LETTERS:
            return Standing.FORGED
        made_ms = _made_ms(nonce)
        old = int(now * 1000) - made_ms >= self._lifetime_ms
        return Standing.STALE if old or made_ms <= self._stale_up_to_ms else Standing.GOOD

    def spend(self, nonce: str, count: int) -> bool:
        """Whether this count of a nonce in good standing is used for the first time; call it once per right answer."""
        used = self._used.get(nonce)
        if used is None:
            if len(self._used) >= self._remembered_max:
                _, forgotten = self._used.popitem(last=False)
                self._stale_up_to_ms = max(self._stale_up_to_ms, forgotten.made_ms)
            used = self._used[nonce] = Used(_made_ms(nonce))
        return used.spend(count)

    def forget_old(self, now: float) -> None:
        """Drops what could not be used any more; looks at as many entries as it drops, and one."""
        while self._used:
            nonce = next(iter(self._used))
            if self.standing(nonce, now) is Standing.GOOD:
                return
            del self._used[nonce]

    def _mark(self, unique: bytes, host: str) -> bytes:
        return blake2s(unique + host.encode(), key=self._secret, digest_size=_MARK_BYTES).digest()

    def _mac(self, body: str) -> str:
        mac = blake2s(body.encode(), key=self._secret, digest_size=_MAC_BYTES)
        return urlsafe_b64encode(mac.digest()).decode()


def _made_ms(nonce: str) -> int:
    return int.from_bytes(urlsafe_b64decode(nonce[:_BODY_LETTERS])[:_TIME_BYTES], "big")
