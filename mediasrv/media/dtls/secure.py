"""A handshake beside its stream: the engine hands datagrams up, keys go down."""

from __future__ import annotations

import math

import trio

from mediasrv.media.dtls.handshake import Handshake
from mediasrv.media.face import StreamFace
from mediasrv.media.spec import Address


async def secure(stream: StreamFace, handshake: Handshake, remote: Address | None) -> None:
    """Runs until it is cancelled, for the other side may repeat itself to the end; raises HandshakeFailed.

    `remote`: where the stream sends. Who has our keys is answered where he spoke from, whatever the signalling said.
    """
    keys = None
    _send(stream, handshake)
    while True:
        if handshake.keys is not None and keys is None:
            keys = handshake.keys
            stream.set_keys(keys)
            if handshake.peer is not None and handshake.peer != remote:
                stream.set_remote(handshake.peer)
        deadline = handshake.next_deadline()
        with trio.move_on_at(math.inf if deadline is None else deadline) as waiting:
            data, source = await stream.next_datagram()
            try:
                handshake.receive(data, source, trio.current_time())
            finally:  # a failure has its last word, too
                _send(stream, handshake)
        if waiting.cancelled_caught:
            handshake.handle_deadline(trio.current_time())
            _send(stream, handshake)


def _send(stream: StreamFace, handshake: Handshake) -> None:
    for data, to in handshake.datagrams_to_send():
        stream.send_datagram(data, to)
