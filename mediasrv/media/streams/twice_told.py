"""Keys that come both as sound and by signalling: each is one key.

Some telephones send a key as an RFC 4733 event and in INFO at the same time. Of two that are alike and close together,
one by each way, the second one is the first one once more; by the same way it is pressed twice.
"""

from __future__ import annotations

from mediasrv.clock import NS_PER_MS
from mediasrv.media.events import Dtmf

TOGETHER_NS = 500 * NS_PER_MS


class TwiceTold:
    def __init__(self) -> None:
        self._newest: dict[bool, Dtmf] = {}  # by whether it came by signalling

    def is_news(self, key: Dtmf, *, signalled: bool) -> bool:
        other = self._newest.get(not signalled)
        if other is not None and other.digit == key.digit and abs(key.at_ns - other.at_ns) < TOGETHER_NS:
            del self._newest[not signalled]
            return False
        self._newest[signalled] = key
        return True
