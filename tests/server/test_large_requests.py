"""By which transport a trunk is called with what is too large for a datagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from mediasrv.server.outgoing.journey import Journey, Letterhead, Reach
from mediasrv.server.outgoing.routes import Place
from mediasrv.sip import Address, Uri

TARGET = Uri.parse("sip:+442079460018@carrier.example")
HOSTS: Sequence[Address] = (("192.0.2.1", 5060), ("192.0.2.2", 5060))


class Told:
    """In the endpoint's place."""

    def __init__(self) -> None:
        self.streamless: list[Address] = []

    def takes_no_stream(self, destination: Address) -> None:
        self.streamless.append(destination)


@pytest.mark.parametrize(
    ("transports", "streamless"), [(("udp",), HOSTS), (("udp", "tls"), HOSTS), (("udp", "tcp"), ()), ((), ())]
)
async def test_tcp_is_tried_only_with_a_trunk_that_speaks_it(
    transports: Sequence[str], streamless: Sequence[Address]
) -> None:
    async def resolve(uri: Uri) -> Sequence[Address]:
        return HOSTS

    endpoint = Told()
    reach = Reach(cast("Any", endpoint), resolve, rests=cast("Any", NobodyRests()))
    head = Letterhead(Uri.parse("sip:us@192.0.2.9"), (), hops=70, session_s=0)
    journey = Journey(
        reach, [Place(TARGET, transports=transports)], head, cast("Any", None), forbidden=lambda uri: ""
    )
    (stop,) = await journey.next_stops()
    assert stop.hop == HOSTS[0]
    assert endpoint.streamless == list(streamless)


class NobodyRests:
    def has(self, hop: Address) -> bool:
        return False
