"""The sound of one leg: an RTP stream, and what both sides have agreed on about it, from the first offer to the last.

Whose offer came first decides when the stream is known:

    theirs    the answer is ours to write, and the stream's port must stand in it: the answer says what the stream
              must be, and has its place filled in once the stream has a port
    ours      the port must stand in the offer, and the answer says what the stream must be: it is made for what we
              like best, and another one takes its place, port and all, when the answer wants what it cannot be.
              Room for that other one is kept until it is certain that nobody needs it

An offer of ours may have several answers, one from each telephone that rings; the last one counts. How far the call has
come says who is heard (`Stage`): before it is picked up, one side at most.

A running stream keeps its payload types: a later offer may move or hold the sound, and change the codec to another
that the stream can take (the same clock, no wider band). A protected stream stays protected. Its keys stand in the
descriptions, or come by a handshake that runs beside the call.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Self

import trio

from mediasrv.errors import AtCapacity
from mediasrv.legs.keys import KeyWay, way_of_keys
from mediasrv.legs.security import kept, shake_hands, stream_keys
from mediasrv.legs.stream_spec import (
    LegMedia,
    agreed_spec,
    also_by_our_number,
    offered_spec,
    packet_ms,
    suits,
    whatever_is_chosen,
)
from mediasrv.media import Cost, EngineFace, ReservationFace, StreamFace, StreamSpec
from mediasrv.media.dtls import HandshakeFailed
from mediasrv.sdp import (
    Dtls,
    LocalMedia,
    Negotiated,
    NotAcceptable,
    SessionDescription,
    accept,
    answer,
    at_port,
    next_version,
    offer,
)

NO_PORT_YET = 9  # stands in a description until there is a stream


class Stage(Enum):
    """How far a call has come."""

    BEGINNING = auto()
    CALLEE_RINGS = auto()  # ours: what is heard is what the network plays
    CALLER_WAITS = auto()  # theirs: he hears us, and we shall hear him when we pick up
    # Nothing is sent before the ACK: who has not read our 200 may have written somebody else's address.
    PICKING_UP = auto()
    UP = auto()


SENDING = frozenset({Stage.CALLER_WAITS, Stage.UP})
HEARING = frozenset({Stage.CALLEE_RINGS, Stage.PICKING_UP, Stage.UP})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leg's sound may stand in the engine."""

    engine: EngineFace
    cost: Callable[[StreamSpec], Cost]
    group: int  # streams of one group can hear each other

    def reserve(self, spec: StreamSpec, streams: int = 1) -> ReservationFace:
        """AtCapacity when there is no room for so many of them."""
        one = self.cost(spec)
        return self.engine.reserve(Cost(streams * one.streams, streams * one.millicores))


class Sound:
    """Made by `answering` or `offering`; somebody must run `protect` beside the call, and `aclose` it."""

    def __init__(
        self, place: Place, media: LegMedia, local: LocalMedia, stream: StreamFace, spec: StreamSpec
    ) -> None:
        self._place, self._media, self._local = place, media, local
        self._stream, self._spec, self._packet_ms = stream, spec, spec.ptime_ms
        self._agreed: Negotiated | None = None
        self._stage = Stage.BEGINNING
        self._room: ReservationFace | None = None  # for a stream in this one's place
        self._told: list[Callable[[StreamFace], None]] = []  # of each stream
        self._silent = False  # for good
        self._early = False  # something was heard before anybody had picked up
        self._association = trio.CancelScope()  # of the DTLS handshake that counts
        self._picking_up = trio.Event()
        self.ours: SessionDescription  # what we have said last

    @classmethod
    async def answering(
        cls, offered: SessionDescription, place: Place, media: LegMedia, session_id: int
    ) -> Self:
        """Raises NotAcceptable or AtCapacity, and then nothing is left."""
        local = _local(media, session_id, mux=media.rtcp)
        agreed = answer(offered, local)
        spec = agreed_spec(agreed, media)
        stream = await _add(place, place.reserve(spec), spec)
        try:
            # Nothing is waited for before the 200: however long it rings, nobody is lost.
            stream.set_direction(sending=False, hearing=False)
        except BaseException:
            await stream.aclose()
            raise
        port = stream.local[1]
        sound = cls(place, media, replace(local, address=(media.host, port)), stream, spec)
        sound._agreed = at_port(agreed, port)
        sound.ours = sound._agreed.description
        sound._speak_only_what_runs()
        return sound

    @classmethod
    async def offering(cls, place: Place, media: LegMedia, session_id: int) -> Self:
        """Raises AtCapacity, and then nothing is left."""
        local = _local(media, session_id, mux=False)
        # RTCP has its own port unless DTLS may come of it, which has only one.
        local = replace(local, rtcp_mux=media.rtcp and local.security.fingerprint is not None)
        ours = offer(local)
        spec = offered_spec(ours, media)
        room = place.reserve(whatever_is_chosen(spec, ours), streams=2)
        stream = await _add(place, room, spec)
        stream.set_direction(sending=False, hearing=False)
        sound = cls(place, media, replace(local, address=(media.host, stream.local[1])), stream, spec)
        sound.ours, sound._room = offer(sound._local), room
        return sound

    @property
    def stream(self) -> StreamFace:
        """While nothing is settled, another one may take its place."""
        return self._stream

    def each_stream(self, told: Callable[[StreamFace], None]) -> None:
        """Tells of the stream, and of those that take its place."""
        self._told.append(told)
        told(self._stream)

    @property
    def holds(self) -> bool:
        """The other side does not want to hear us."""
        return self._agreed is not None and not self._agreed.sending

    @property
    def is_agreed(self) -> bool:
        return self._agreed is not None

    @property
    def remote_host(self) -> str:
        """Where the other side wants the sound; empty: that is not agreed on, or nowhere."""
        return self._agreed.remote[0] if self._agreed is not None and self._agreed.remote is not None else ""

    @property
    def keys_by(self) -> KeyWay:
        """How keys of ours leave, as things stand."""
        agreed = self._agreed
        return way_of_keys(
            self._media.keys_by, events_agreed=agreed is not None and agreed.telephone_event_type != 0
        )

    @property
    def may_shake_hands(self) -> bool:
        """There is something for `protect` to do, or may be."""
        if self._agreed is None:
            return self._local.security.fingerprint is not None
        return isinstance(self._agreed.security, Dtls)

    # ---- the first agreement

    async def take(self, answered: SessionDescription, stage: Stage = Stage.UP) -> None:
        """What an answer to our offer makes of it; `stage`: when it came. Raises NotAcceptable."""
        agreed = also_by_our_number(accept(self.ours, answered))
        wanted = agreed_spec(agreed, self._media)
        if not suits(self._spec, wanted):
            await self._make_anew(wanted)
        self._stage = stage
        self._follow(agreed)
        if stage is Stage.CALLEE_RINGS:
            self._early = True
        else:
            self._settle()

    def speak_early(self) -> None:
        """Who has called hears us from now on, and waits for us to pick up."""
        assert self._agreed is not None
        self._stage = Stage.CALLER_WAITS
        self._follow(self._agreed)
        self._picking_up.set()

    def pick_up(self) -> None:
        """Our answer is about to be sent: from now on the other side may shake hands."""
        if self._agreed is not None:
            self._stage = Stage.UP if self._stage is Stage.CALLER_WAITS else Stage.PICKING_UP
            self._follow(self._agreed)
            self._picking_up.set()

    def begin(self, agreed: Negotiated | None = None) -> None:
        """Sound both ways from now on: our answer has arrived, or `agreed` came before it. Raises NotAcceptable."""
        if agreed is not None:
            self._check_fits(agreed)
        agreed = agreed or self._agreed
        assert agreed is not None
        self._stage = Stage.UP
        self._follow(agreed)
        self._settle()

    def _settle(self) -> None:
        """Picked up: what is running stays."""
        if self._room is not None:
            self._room.release()
            self._room = None
        if self._early and not self._silent and self._agreed is not None and self._agreed.hearing:
            self._stream.hear_anew()
        self._speak_only_what_runs()
        self._picking_up.set()

    def _speak_only_what_runs(self) -> None:
        assert self._agreed is not None
        self._local = self._running(self._agreed)

    def _running(self, agreed: Negotiated) -> LocalMedia:
        """What is ours to say of the stream as it is."""
        running = dict.fromkeys(coding.codec for coding in self._spec.codings())
        return replace(
            self._local,
            codecs=tuple(running),
            rtcp_mux=self._spec.rtcp == "mux",
            security=kept(self._local.security, agreed),
        )

    async def _make_anew(self, spec: StreamSpec) -> None:
        """Another stream on the same port; what is heard before the first has gone may go to either."""
        if self._room is None:
            raise NotAcceptable("not among the payload types of the running stream")
        before, room = self._stream, self._room
        stream = await self._place.engine.add(room, spec, self._place.group, port_of=before)
        stream.set_direction(sending=False, hearing=False)
        self._stream, self._spec, self._packet_ms = stream, spec, spec.ptime_ms
        self._agreed, self._room = None, None
        for told in self._told:
            told(stream)
        await before.aclose()
        with suppress(AtCapacity):  # then whoever answers next must take what runs
            self._room = self._place.reserve(whatever_is_chosen(spec, self.ours))

    # ---- later ones

    def reanswer(self, offered: SessionDescription) -> Negotiated:
        """Our answer to another offer, which `follow` then puts into force. Raises NotAcceptable."""
        if self._agreed is None:
            raise NotAcceptable("nothing is agreed on that could be changed")
        agreed = answer(offered, self._running(self._agreed), self.ours)
        self._check_fits(agreed)
        return agreed

    def reoffer(self) -> SessionDescription:
        """The session as it is, when the other side asks what we offer."""
        return next_version(offer(self._local), self.ours)

    def reaccept(self, answered: SessionDescription) -> Negotiated:
        """What their answer made of `ours`. Raises NotAcceptable."""
        agreed = accept(self.ours, answered)
        self._check_fits(agreed)
        return agreed

    def follow(self, agreed: Negotiated) -> None:
        """The stream follows what was agreed in mid-call, or by an offer before it."""
        self._follow(agreed)
        self._local = replace(self._local, security=kept(self._local.security, agreed))

    def _check_fits(self, agreed: Negotiated) -> None:
        """A running stream keeps the payload types that it was made with."""
        spec = self._spec
        if (agreed.codec, agreed.payload_type) not in spec.codings() or agreed.telephone_event_type not in (
            0,
            spec.telephone_event_type,
        ):
            raise NotAcceptable("not among the payload types of the running stream")

    def _follow(self, agreed: Negotiated) -> None:
        before = self._agreed
        self._follow_security(agreed, before)
        if before is None or before.payload_type != agreed.payload_type:
            self._stream.set_codec(agreed.payload_type)
        if before is None or before.comfort_noise_type != agreed.comfort_noise_type:
            self._stream.set_comfort_noise(agreed.comfort_noise_type)
        liked_ms = packet_ms([each.codec for each in self._spec.codings()], agreed.ptime_ms)
        if self._packet_ms != liked_ms:
            self._stream.set_ptime(liked_ms)
            self._packet_ms = liked_ms
        if agreed.remote is not None and (before is None or before.remote != agreed.remote):
            self._stream.set_remote(agreed.remote)
        self._stream.set_direction(
            sending=not self._silent and self._stage in SENDING and agreed.sending,
            hearing=not self._silent and self._stage in HEARING and agreed.hearing,
        )
        self._agreed = agreed

    def _follow_security(self, agreed: Negotiated, before: Negotiated | None) -> None:
        if before is not None and agreed.security == before.security:
            return
        keys = stream_keys(agreed.security)
        if keys is not None:
            self._stream.set_keys(keys)
        else:
            self._association.cancel()

    def silence(self) -> None:
        """Nothing is sent or heard any more, whatever will be agreed on: the ACK of an offer may be on its way."""
        self._silent = True
        self._stream.set_direction(sending=False, hearing=False)

    # ---- keys by DTLS

    async def protect(self) -> None:
        """Shakes hands once the call is picked up, and again whenever another association is agreed on.

        Returns when there is nothing to do; raises HandshakeFailed, and StreamClosed when the call is over.
        """
        await self._picking_up.wait()
        certificate = self._media.security.certificate
        while self._agreed is not None and isinstance(self._agreed.security, Dtls):
            if certificate is None:
                raise HandshakeFailed("there is no certificate")
            with trio.CancelScope() as self._association:
                await shake_hands(self._stream, certificate, self._agreed.security, self._agreed.remote)

    async def aclose(self) -> None:
        if self._room is not None:
            self._room.release()
            self._room = None
        await self._stream.aclose()


def _local(media: LegMedia, session_id: int, *, mux: bool) -> LocalMedia:
    return LocalMedia(
        (media.host, NO_PORT_YET), media.codecs,
        telephone_events="rfc4733" in media.keys_by, comfort_noise=media.comfort_noise,
        rtcp_mux=mux, session_id=session_id, security=media.security.drawn(),
    )  # fmt: skip


async def _add(place: Place, reservation: ReservationFace, spec: StreamSpec) -> StreamFace:
    try:
        return await place.engine.add(reservation, spec, place.group)
    except BaseException:
        reservation.release()
        raise
