"""One call of ours: its stream of the engine, its INVITE, and what was agreed on.

The stream is there before the call, because its port stands in the offer; so it offers the one codec it was made for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import trio

from mediasrv.endpoints import CallGone, SipCall, SipEndpoint
from mediasrv.errors import MediasrvError
from mediasrv.legs.security import MediaSecurity, kept, stream_keys
from mediasrv.media import Cost, EngineFace, StreamFace, StreamSpec
from mediasrv.sdp import (
    CODECS,
    Direction,
    LocalMedia,
    MalformedDescription,
    NotAcceptable,
    accept,
    next_version,
    offer,
    parse,
)
from mediasrv.sdp.offer_answer import TELEPHONE_EVENT_TYPE
from mediasrv.sip import Account, Address, Uri

ANSWER_WITHIN_S = 10.0
HANG_UP_WITHIN_S = 5.0
EARS_MS = 2_000  # that wait for us while Python is elsewhere
COST = Cost(streams=1, millicores=1.0)  # the engine is ours alone: the number of streams is what limits it


class NotTaken(MediasrvError):
    """The call came to nothing, and why."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """Whom all calls call, and how."""

    number: str
    at: Address
    codec: str = "PCMU"
    security: MediaSecurity = field(default_factory=MediaSecurity)
    account: Account | None = None


class Line:
    """A call that was answered."""

    def __init__(self, call: SipCall, stream: StreamFace, local: LocalMedia, setup_ms: float) -> None:
        self.call, self.stream, self.setup_ms = call, stream, setup_ms
        self._local, self._ours = local, offer(local)

    def settle(self, answered: bytes) -> None:
        """The stream follows what was agreed; raises NotAcceptable or MalformedDescription."""
        agreed = accept(self._ours, parse(answered))
        keys = stream_keys(agreed.security)
        if keys is not None:
            self.stream.set_keys(keys)
        if agreed.remote is not None:
            self.stream.set_remote(agreed.remote)
        self.stream.set_direction(sending=agreed.sending, hearing=agreed.hearing)
        self._local = replace(self._local, security=kept(self._local.security, agreed))

    async def change(self, direction: Direction) -> None:
        """By re-INVITE: `sendonly` puts the other side on hold, `sendrecv` takes it back."""
        local = replace(self._local, direction=direction)
        self._ours = next_version(offer(local), self._ours)
        self.settle(await self.call.talk.reinvite(self._ours.build()))

    async def hang_up(self) -> None:
        with trio.CancelScope(shield=True), trio.move_on_after(HANG_UP_WITHIN_S):
            await self.call.bye()
            await self.call.wait_ended()


@asynccontextmanager
async def calling(
    endpoint: SipEndpoint, engine: EngineFace, dialled: Dialled, group: int
) -> AsyncIterator[Line]:
    """From the INVITE to the BYE; raises NotTaken."""
    stream = await engine.add(engine.reserve(COST), _spec(dialled), group)
    try:
        local = LocalMedia(
            stream.local,
            (dialled.codec,),
            rtcp_mux=True,
            session_id=group + 1,
            security=dialled.security.drawn(),
        )
        began = trio.current_time()
        call = await _dial(endpoint, dialled, offer(local).build())
        line = Line(call, stream, local, (trio.current_time() - began) * 1000)
        try:
            line.settle(await _answered(call))
            line.setup_ms = (trio.current_time() - began) * 1000
            yield line
        except (NotAcceptable, MalformedDescription) as error:
            raise NotTaken(f"the answer is of no use: {error}") from error
        finally:
            await line.hang_up()
    finally:
        await stream.aclose()


async def _dial(endpoint: SipEndpoint, dialled: Dialled, body: bytes) -> SipCall:
    host, port = dialled.at[0], dialled.at[1]
    user = dialled.account.username if dialled.account else "load"
    return await endpoint.call(
        Uri("sip", dialled.number, host, port), destination=dialled.at, body=body, account=dialled.account,
        from_uri=Uri("sip", user, *endpoint.local),
    )  # fmt: skip


async def _answered(call: SipCall) -> bytes:
    try:
        with trio.move_on_after(ANSWER_WITHIN_S):
            return await call.wait_answered()
    except CallGone as gone:
        raise NotTaken(str(gone.end)) from gone
    await call.cancel()
    raise NotTaken(f"no answer within {ANSWER_WITHIN_S:g} s")


def _spec(dialled: Dialled) -> StreamSpec:
    return StreamSpec(
        codec=dialled.codec, payload_type=CODECS[dialled.codec].payload_type,
        telephone_event_type=TELEPHONE_EVENT_TYPE, aec=False, ns=False, vad=False, rtcp="mux", ears_ms=EARS_MS,
        keying="given" if dialled.security.policy == "off" else "later",
    )  # fmt: skip
