"""What signalling must know of RTP: which payload types mean what, and the keys behind telephone events.

Packets themselves are the native core's.
"""

from mediasrv.rtp.payloads import STATIC_PAYLOADS, Payload, is_dynamic
from mediasrv.rtp.telephone_events import KEYS, duration_ms, event_of, key_of

__all__ = ["KEYS", "STATIC_PAYLOADS", "Payload", "duration_ms", "event_of", "is_dynamic", "key_of"]
