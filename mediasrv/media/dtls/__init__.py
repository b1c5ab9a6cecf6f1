"""DTLS-SRTP (RFC 5763, RFC 5764): keys for a stream, by a handshake on its own port.

`Certificate` is made once, at start; `Handshake` is the protocol without I/O; `secure` runs it beside a stream.
"""

from mediasrv.media.dtls.certificate import Certificate
from mediasrv.media.dtls.handshake import Handshake, HandshakeFailed, TheirFingerprint
from mediasrv.media.dtls.secure import secure

__all__ = ["Certificate", "Handshake", "HandshakeFailed", "TheirFingerprint", "secure"]
