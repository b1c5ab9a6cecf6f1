"""Clocks for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import trio

from mediasrv.clock import NS_PER_S

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class TrioClock:
    """Whatever trio's clock says: virtual time under `autojump_clock`."""

    def now(self) -> float:
        return trio.current_time()

    def now_ns(self) -> int:
        return round(trio.current_time() * NS_PER_S)

    def wall(self) -> datetime:
        return _EPOCH + timedelta(seconds=trio.current_time())
