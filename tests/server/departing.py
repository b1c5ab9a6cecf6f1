"""Calls that the server makes, and the telephones that they reach, in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import trio

from mediasrv.call import Call, build_agent
from mediasrv.endpoints import SipCall
from mediasrv.ids import CallId
from mediasrv.sdp import LocalMedia, answer, parse
from mediasrv.server.outgoing import Wish
from mediasrv.telemetry.timeline import Kind
from tests.server.house import Caller, House

NUMBER = "+442079460018"
CARRIER = ("127.0.0.1", 5090)
OTHER_CARRIER = ("127.0.0.1", 5100)
AT_CARRIER = f"{CARRIER[0]}:{CARRIER[1]}"
AT_OTHER = f"{OTHER_CARRIER[0]}:{OTHER_CARRIER[1]}"


def carrier(**keys: Any) -> dict[str, str]:
    """Settings with a trunk `t` that calls can go out over."""
    trunk = {"sources": ["127.0.0.1"], "hosts": [AT_CARRIER], "dial_allow": ["+44"], **keys}
    return {"MEDIASRV_TRUNKS": json.dumps({"t": trunk})}


@dataclass
class Departure:
    """One call of ours, as whoever had it made is told of it."""

    id: CallId
    entries: list[Mapping[str, object]] = field(default_factory=list)
    record: dict[str, object] = field(default_factory=dict)
    over: trio.Event = field(default_factory=trio.Event)

    def follow(self, kind: Kind, entry: Mapping[str, object]) -> None:
        if kind == "timeline":
            self.entries.append(entry)
        elif kind == "call":
            self.record.update(entry)
            self.over.set()

    def events(self, *without: str) -> list[object]:
        return [entry["event"] for entry in self.entries if entry["event"] not in ("sip", *without)]

    def of(self, event: str) -> list[Mapping[str, object]]:
        return [entry for entry in self.entries if entry["event"] == event]

    async def ending(self, within_s: float = 300) -> object:
        with trio.fail_after(within_s):
            await self.over.wait()
        return self.record["ending"]


async def depart(
    house: House,
    target: str = NUMBER,
    agent: str = "tone",
    trunk: str = "t",
    headers: Mapping[str, str] | None = None,
) -> Departure:
    """Begins; what becomes of it is the callee's to say."""
    departures = house.server.departures
    assert departures is not None
    departure = Departure(departures.name())
    wish = Wish(target, build_agent(agent), trunk, headers=headers or {})
    house.nursery.start_soon(departures.run, departure.id, wish, departure.follow)
    await trio.sleep(0.01)
    return departure


def live(house: House, departure: Departure) -> Call:
    departures = house.server.departures
    assert departures is not None
    call = departures._house.services.live.find(departure.id)
    assert call is not None
    return call


async def arrived(callee: Caller) -> SipCall:
    with trio.fail_after(5):
        return await callee.endpoint.incoming().receive()


def answered_with(call: SipCall, media: LocalMedia) -> bytes:
    return answer(parse(call.offer), media).description.build()


async def picked_up(callee: Caller, media: LocalMedia | None = None) -> SipCall:
    call = await arrived(callee)
    await call.ring()
    await trio.sleep(1)
    await call.answer(answered_with(call, media or callee.media))
    return call
