"""A leg over SIP: its session is negotiated with SDP, its sound is one RTP stream of the engine's.

The offer decides the codec before the stream exists, and the stream's port must stand in the answer: so the offer
is answered twice, purely, first to learn what the stream must be, then with the port it got. An INVITE without an
offer gets one of ours that names codecs of one clock and band, because the stream is open before the ACK says what
was chosen. A re-INVITE may move or hold the sound, and change the codec to another that the first offer named and the
stream can take without being made anew (the same clock, no wider band).

A protected stream stays protected. Its keys stand in the descriptions, or come by a handshake that runs beside the
call; a handshake that fails ends it, for nothing was heard and nothing will be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import trio

from mediasrv.endpoints import CallEnd, CallGone, SipCall
from mediasrv.errors import RemoteError, StreamClosed
from mediasrv.legs.leg import CallInfo, CannotTransfer, Ending, Leg, LegEnded, LegRequest
from mediasrv.legs.requests import Requests
from mediasrv.legs.security import MediaSecurity, kept, shake_hands, stream_keys
from mediasrv.legs.transfers import Referral, hand_over, target_uri
from mediasrv.media import Coding, Cost, EngineFace, StreamFace, StreamSpec
from mediasrv.media.dtls import Certificate, HandshakeFailed
from mediasrv.media.spec import Rtcp
from mediasrv.sdp import (
    CODECS,
    Dtls,
    LocalMedia,
    MalformedDescription,
    Negotiated,
    NotAcceptable,
    SessionDescription,
    accept,
    answer,
    next_version,
    offer,
    parse,
)
from mediasrv.sdp.offer_answer import TELEPHONE_EVENT_TYPE
from mediasrv.sip import FLASH, EndCause, Ended, Replaces, SipCallId, Uri, WrongState

FAREWELL_S = 2.0
PACKETS_MS = (10, 20, 30, 40, 60)  # that the engine makes
PACKETS_OF = {"opus": (10, 20, 40, 60), "L16": (10, 20, 30, 40)}  # no frames of 30 ms; no more in a datagram
OPUS_BIT_RATE = (
    64_000  # as G.711's: where the cheaper of the two encoders in Opus sounds as good as the other
)
NO_PORT_YET = 9  # stands in an answer that is only made to learn what the offer wants
LATE_OFFER_CODECS = ("PCMU", "PCMA")  # every telephone speaks one of them

_ENDINGS = {
    EndCause.BYE: Ending.CALLER_HUNG_UP,
    EndCause.NO_ACK: Ending.NO_ACK,
    EndCause.LOCAL: Ending.AGENT_HUNG_UP,
    EndCause.TIMEOUT: Ending.FAULT,
    EndCause.TRANSPORT: Ending.FAULT,
    EndCause.EXPIRED: Ending.FAULT,
}
_WORDS = {  # what the other side can read of why we ended it
    Ending.AGENT_HUNG_UP: "agent hung up",
    Ending.TRANSFERRED: "transferred",
    Ending.SILENCE: "caller was silent",
    Ending.MAX_LENGTH: "longest call reached",
    Ending.BUDGET: "budget spent",
    Ending.MEDIA_TIMEOUT: "no media received",
    Ending.DRAIN: "server is shutting down",
    Ending.ADMIN: "ended by operator",
    Ending.FAULT: "internal fault",
}
_REFUSALS = {Ending.DRAIN: 503, Ending.FAULT: 500}  # when there is nothing to hang up yet


class OfferUnacceptable(RemoteError):
    """The offer is malformed (`status` 400), or there is nothing in it for us (488)."""

    def __init__(self, problem: str, status: int) -> None:
        self.status = status
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class LegMedia:
    """What the server wants of the leg's stream."""

    host: str  # that the other side is told to send to
    aec: bool = True
    ns: bool = True
    vad: bool = True
    media_timeout_ms: int = 20_000
    codecs: tuple[str, ...] = ("PCMU", "PCMA")  # in our order
    opus_complexity: int = 5
    comfort_noise: bool = False  # our silence is described to those who can read it
    rtcp: bool = True
    bridge: bool = False  # what is heard is also recorded, or heard by people
    security: MediaSecurity = field(default_factory=MediaSecurity)


class SipLeg:
    """Open from `open` to `aclose`; `attend` must run beside the call."""

    def __init__(
        self, call: SipCall, info: CallInfo, stream: StreamFace, spec: StreamSpec, local: LocalMedia,
        agreed: Negotiated | None, certificate: Certificate | None = None,
    ) -> None:  # fmt: skip
        self.info = info
        self._call, self._stream, self._spec, self._local = call, stream, spec, local
        self._agreed, self._packet_ms = agreed, spec.ptime_ms
        self._certificate = certificate
        self._association = trio.CancelScope()  # of the DTLS handshake that counts
        self._answering = trio.Event()
        self._requests = Requests()
        self.may_refer = True  # the trunk takes calls over when asked to
        self._unprotected = False  # there are no keys, nor will there be
        self._ours: SessionDescription = offer(local) if agreed is None else agreed.description

    @classmethod
    async def open(
        cls,
        call: SipCall,
        info: CallInfo,
        engine: EngineFace,
        cost: Callable[[StreamSpec], Cost],
        media: LegMedia,
        *,
        group: int,
        session_id: int,
    ) -> Self:
        """Negotiates and opens the stream; raises OfferUnacceptable or AtCapacity, and then nothing is left."""
        offered = _read(call.offer) if call.offer else None
        local = LocalMedia(
            (media.host, NO_PORT_YET), media.codecs, comfort_noise=media.comfort_noise,
            rtcp_mux=media.rtcp and offered is not None, session_id=session_id, security=media.security.drawn(),
        )  # fmt: skip
        try:
            wanted = answer(offered, local) if offered else None
        except NotAcceptable as error:
            raise OfferUnacceptable(str(error), 488) from error
        spec = _spec(wanted, media)
        stream = await _reserve_and_add(engine, cost(spec), spec, group)
        local = replace(local, address=(media.host, stream.local[1]), rtcp_mux=spec.rtcp == "mux")
        if offered is None:
            by_keys = replace(local.security, fingerprint=None)  # the stream was not made to shake hands
            return cls(
                call, info, stream, spec, replace(local, codecs=LATE_OFFER_CODECS, security=by_keys), None
            )
        try:
            agreed = answer(offered, local)
            # Nothing is sent before the ACK: who has not read our 200 may have written somebody else's address.
            stream.set_direction(sending=False, hearing=agreed.hearing)
        except BaseException:
            await stream.aclose()
            raise
        running = dict.fromkeys(each.name for each in (agreed.format, *agreed.also))
        local = replace(local, codecs=tuple(running), security=kept(local.security, agreed))
        return cls(call, info, stream, spec, local, agreed, media.security.certificate)

    @property
    def stream(self) -> StreamFace:
        return self._stream

    @property
    def sip_call(self) -> SipCallId:
        return self._call.id

    async def answer(self) -> None:
        self._answering.set()
        try:
            answered = await self._call.answer(self._ours.build())
            self._settle(self._agreed or accept(self._ours, parse(answered)))
        except CallGone as gone:
            raise LegEnded(_ending(gone.end)) from gone
        except (MalformedDescription, NotAcceptable) as error:
            await self._call.bye(f"unacceptable answer: {error}")
            raise LegEnded(Ending.FAULT) from error

    async def wait_ended(self) -> Ending:
        end = await self._call.wait_ended()
        return Ending.FAULT if self._unprotected else _ending(end)

    async def next_request(self) -> LegRequest:
        return await self._requests.next()

    def is_dialog(self, replaces: Replaces) -> bool:
        """Whether an INVITE with this Replaces would mean this call."""
        return self._call.end is None and self._call.talk.is_named(replaces)

    async def transfer(self, target: str, instead_of: Leg | None = None) -> None:
        await trio.lowlevel.checkpoint()
        if not self.may_refer:
            raise CannotTransfer("the trunk takes no transfers")
        if instead_of is None:
            await hand_over(self._call, target_uri(target, self._call.remote[0]))
            return
        if not isinstance(instead_of, SipLeg):
            raise CannotTransfer("no SIP call that could be taken over")
        await hand_over(self._call, *instead_of.as_replaced())

    def as_replaced(self) -> tuple[Uri, Replaces]:
        """How to name this call to who is to take our place in it."""
        try:
            return self._call.talk.remote_target, self._call.talk.replaces
        except CallGone as gone:
            raise CannotTransfer("that call is over") from gone

    async def hang_up(self, why: Ending) -> None:
        if self._call.end is not None:
            return
        if self._call.answered:
            await self._call.bye(_WORDS.get(why, ""))
        else:
            await self._call.reject(_REFUSALS.get(why, 480))

    async def attend(self) -> None:
        """Answers re-INVITEs and UPDATEs, and shakes hands, until the call is over."""
        async with trio.open_nursery() as beside:
            # What was agreed on without DTLS is not offered it later (`kept`).
            if self._agreed is not None and isinstance(self._agreed.security, Dtls):
                beside.start_soon(self._protect)
            for answer_next in (self._attend_update, self._attend_referral, self._attend_key):
                beside.start_soon(self._attend, answer_next)
            await self._attend(self._attend_reinvite)
            beside.cancel_scope.cancel()

    async def _attend(self, answer_next: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await answer_next()
            except WrongState:  # withdrawn before we had answered (RFC 3261 section 9.2)
                continue
            except CallGone:
                return

    async def _protect(self) -> None:
        """Keys by DTLS, once they know that we answer; and again when another association was agreed on."""
        await self._answering.wait()
        while (
            self._agreed is not None
            and isinstance(self._agreed.security, Dtls)
            and self._certificate is not None
        ):
            with trio.CancelScope() as self._association:
                try:
                    await shake_hands(
                        self._stream, self._certificate, self._agreed.security, self._agreed.remote
                    )
                except StreamClosed:
                    return
                except HandshakeFailed:
                    self._unprotected = True
                    await self.hang_up(Ending.FAULT)
                    return

    async def _attend_reinvite(self) -> None:
        await self._renegotiate(await self._call.wait_reinvite())

    async def _attend_update(self) -> None:
        """RFC 3311: as a re-INVITE, but answered at once and without an ACK."""
        offered = await self._call.talk.wait_update()
        try:
            agreed = self._reanswer(parse(offered))
        except (MalformedDescription, NotAcceptable):
            await self._call.talk.answer_update(488)
            return
        await self._call.talk.answer_update(200, agreed.description.build())
        self._ours = agreed.description
        self._settle(agreed)

    async def _attend_referral(self) -> None:
        self._requests.transfer(Referral(self._call, await self._call.talk.wait_referral()))

    async def _attend_key(self) -> None:
        """Keys in INFO, as those that come as RFC 4733 events."""
        key = await self._call.talk.wait_key()
        if key.key != FLASH:
            self._stream.hear_key(key.key, key.duration_ms)

    async def aclose(self) -> None:
        """Hangs up, if nobody has, and gives the stream back; shielded and bounded."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_S):
            try:
                await self.hang_up(Ending.FAULT)
            finally:
                await self._stream.aclose()

    async def _renegotiate(self, offered: bytes) -> None:
        """RFC 3264 section 8: refused, the session stays as it was."""
        try:
            agreed = self._reanswer(parse(offered)) if offered else None
        except (MalformedDescription, NotAcceptable):
            await self._call.refuse_reinvite(488)
            return
        ours = next_version(offer(self._local), self._ours) if agreed is None else agreed.description
        answered = await self._call.accept_reinvite(ours.build())
        self._ours = ours
        try:
            self._settle(accept(ours, parse(answered)) if agreed is None else agreed)
        except (MalformedDescription, NotAcceptable):
            await self._call.bye("unacceptable answer")

    def _reanswer(self, offered: SessionDescription) -> Negotiated:
        agreed = answer(offered, self._local, self._ours)
        self._check_fits(agreed)
        return agreed

    def _check_fits(self, agreed: Negotiated) -> None:
        """A running stream keeps the payload types that it was made with."""
        spec = self._spec
        if (agreed.codec, agreed.payload_type) not in spec.codings() or agreed.telephone_event_type not in (
            0,
            spec.telephone_event_type,
        ):
            raise NotAcceptable("not among the payload types of the running stream")

    def _settle(self, agreed: Negotiated) -> None:
        """The stream follows what was agreed."""
        self._check_fits(agreed)
        self._settle_security(agreed)
        moved = self._agreed is None or self._agreed.remote != agreed.remote
        if self._agreed is None or self._agreed.payload_type != agreed.payload_type:
            self._stream.set_codec(agreed.payload_type)
        if self._agreed is None or self._agreed.comfort_noise_type != agreed.comfort_noise_type:
            self._stream.set_comfort_noise(agreed.comfort_noise_type)
        packet_ms = _packet_ms([each.codec for each in self._spec.codings()], agreed.ptime_ms)
        if self._packet_ms != packet_ms:
            self._stream.set_ptime(packet_ms)
            self._packet_ms = packet_ms
        if agreed.remote is not None and moved:
            self._stream.set_remote(agreed.remote)
        self._stream.set_direction(sending=agreed.sending, hearing=agreed.hearing)
        self._requests.hold(not agreed.sending)
        self._agreed = agreed

    def _settle_security(self, agreed: Negotiated) -> None:
        before = None if self._agreed is None else self._agreed.security
        if agreed.security == before:
            return
        keys = stream_keys(agreed.security)
        if keys is not None:
            self._stream.set_keys(keys)
        else:
            self._association.cancel()
        self._local = replace(self._local, security=kept(self._local.security, agreed))


def _read(offered: bytes) -> SessionDescription:
    try:
        return parse(offered)
    except MalformedDescription as error:
        raise OfferUnacceptable(str(error), 400) from error


async def _reserve_and_add(engine: EngineFace, cost: Cost, spec: StreamSpec, group: int) -> StreamFace:
    reservation = engine.reserve(cost)
    try:
        return await engine.add(reservation, spec, group)
    except BaseException:
        reservation.release()
        raise


def _spec(wanted: Negotiated | None, media: LegMedia) -> StreamSpec:
    spec = StreamSpec(
        aec=media.aec, ns=media.ns, vad=media.vad, media_timeout_ms=media.media_timeout_ms,
        bridge=media.bridge, opus_complexity=media.opus_complexity, rtcp="port" if media.rtcp else "off",
    )  # fmt: skip
    if wanted is None:  # ours to offer: with their usual types, and nobody to send to before the ACK
        first, *others = (Coding(name, CODECS[name].payload_type) for name in LATE_OFFER_CODECS)
        return replace(
            spec, codec=first.codec, payload_type=first.payload_type, also=tuple(others),
            telephone_event_type=TELEPHONE_EVENT_TYPE,
            keying="later" if media.security.policy == "required" else "given",
        )  # fmt: skip
    theirs = wanted.format
    linear_hz = theirs.clock_hz if theirs.name == "L16" else 0  # the other codecs know what they hear
    return replace(
        spec,
        codec=theirs.name,
        payload_type=theirs.payload_type,
        also=tuple(Coding(each.name, each.payload_type) for each in wanted.also),
        say_hz=theirs.playback_hz() if theirs.name == "opus" else linear_hz,
        hear_hz=linear_hz,
        ptime_ms=_packet_ms([theirs.name, *(each.name for each in wanted.also)], wanted.ptime_ms),
        opus_fec=theirs.is_set("useinbandfec"),
        opus_dtx=theirs.is_set("usedtx"),
        opus_bit_rate=min(theirs.bit_rate() or OPUS_BIT_RATE, OPUS_BIT_RATE),
        telephone_event_type=wanted.telephone_event_type,
        inband_dtmf=wanted.telephone_event_type == 0,
        comfort_noise_type=wanted.comfort_noise_type,
        remote=wanted.remote,
        srtp=stream_keys(wanted.security),
        keying="dtls" if isinstance(wanted.security, Dtls) else "given",
        rtcp=_rtcp(wanted, spec.rtcp),
        rtcp_remote=None if wanted.rtcp_mux else wanted.remote_rtcp,
    )


def _rtcp(wanted: Negotiated, otherwise: Rtcp) -> Rtcp:
    """RFC 5764 section 4.1: on a port of its own RTCP would need a handshake of its own, which nobody misses."""
    if wanted.rtcp_mux:
        return "mux"
    return "off" if isinstance(wanted.security, Dtls) else otherwise


def _packet_ms(codecs: Sequence[str], wanted_ms: int) -> int:
    """The longest packet that we make in each of the codecs, and no longer than they like."""
    possible = [ms for ms in PACKETS_MS if all(ms in PACKETS_OF.get(codec, PACKETS_MS) for codec in codecs)]
    return max(ms for ms in possible if ms <= wanted_ms)


def _ending(end: CallEnd) -> Ending:
    return _ENDINGS[end.cause] if isinstance(end, Ended) else Ending.CALLER_CANCELLED
