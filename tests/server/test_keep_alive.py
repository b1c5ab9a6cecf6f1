"""The flows of telephones kept open through NATs, in virtual time."""

from __future__ import annotations

import trio

from mediasrv.server.network.keep_alive import TELEPHONES_EVERY_S, KeepAlive
from mediasrv.sip import Address, Hop

PHONE, BROWSER = ("203.0.113.5", 40_123), Hop("203.0.113.6", 1234, "WSS", 7)


async def test_each_telephone_is_kept_once_in_a_while_however_often_it_has_registered(autojump_clock) -> None:
    kept: list[tuple[float, Address]] = []
    began = trio.current_time()
    alive = KeepAlive(
        lambda flow: kept.append((trio.current_time() - began, flow)), lambda: [PHONE, BROWSER, PHONE]
    )
    with trio.move_on_after(55):
        await alive.run()
    assert kept == [(n * TELEPHONES_EVERY_S, flow) for n in (1, 2) for flow in (PHONE, BROWSER)]
