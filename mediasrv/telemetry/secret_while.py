"""When a call was secret, and which packets belong to that.

A key is one key and several packets. In band it is told when it has ended, in INFO a pass or two after it came; as an
RFC 4733 event with its first packet, while its others follow for as long as it is pressed, all of them with the time
stamp of its beginning (section 2.2: an event's packets share it). So what is secret reaches beyond both its ends: back,
by as much as whoever writes packets down waits before he does; and on, by a margin, and for packets that bear no newer
time stamp than a secret one by as long as anybody presses a key.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from mediasrv.clock import NS_PER_MS

BEFORE_NS = 500 * NS_PER_MS  # a key that is told within began at most so long before
AFTER_NS = 100 * NS_PER_MS
LONGEST_KEY_NS = 10_000 * NS_PER_MS
MOST_SOURCES = 8  # that are remembered; a peer may name as many as it likes
RTP_HEADER = 12
RTCP = range(192, 224)  # RFC 5761 section 4: the second byte of no RTP packet here
REMEMBERED = 4  # whiles; what is asked about is younger
NEVER_NS = -(2**62)


@dataclass(slots=True)
class SecretWhile:
    """Asked about a packet no sooner than BEFORE_NS after it, so that what begins later is known."""

    until_ns: int = NEVER_NS  # the last of them, with the margin
    _whiles: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _newest: dict[int, int] = field(
        default_factory=dict
    )  # time stamp, of each source's packets that are secret

    def mark(self, began_ns: int, until_ns: int) -> bool:
        """It was secret between; True: that is another while than the last one."""
        is_another = began_ns - BEFORE_NS > self.until_ns
        if not is_another:
            began_ns, _ = self._whiles.pop()
        self.until_ns = max(self.until_ns, until_ns + AFTER_NS)
        self._whiles.append((began_ns, self.until_ns))
        return is_another

    def covers(self, at_ns: int) -> bool:
        """Whether a key that came then may be secret."""
        return self.overlaps(at_ns, at_ns + BEFORE_NS)

    def overlaps(self, began_ns: int, ended_ns: int) -> bool:
        return any(began_ns <= until_ns and since_ns <= ended_ns for since_ns, until_ns in self._whiles)

    def has(self, at_ns: int, packet: bytes) -> bool:
        """Whether the packet is secret; to be asked in their order."""
        if at_ns > self.until_ns + LONGEST_KEY_NS:
            return False
        is_rtp = len(packet) >= RTP_HEADER and packet[1] not in RTCP
        stamp = int.from_bytes(packet[4:8], "big") if is_rtp else 0
        source = int.from_bytes(packet[8:12], "big") if is_rtp else -1
        newest = self._newest.get(source)
        is_newer = newest is None or 0 < (stamp - newest) % 2**32 < 2**31
        if not self.covers(at_ns):
            return is_rtp and not is_newer
        if is_rtp and is_newer and (newest is not None or len(self._newest) < MOST_SOURCES):
            self._newest[source] = stamp
        return True
