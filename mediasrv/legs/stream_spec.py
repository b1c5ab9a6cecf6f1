"""What a leg's stream must be: for what both sides have agreed on, and, before they have, for an offer of ours.

An offer may name codecs of several clocks, and a stream has one. So a stream is made for the codecs that share the
clock of the first, which is what most answers choose; where the answer chooses otherwise, `suits` says no, and another
one takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from mediasrv.legs.keys import KeyWay
from mediasrv.legs.security import MediaSecurity, stream_keys
from mediasrv.media import Coding, StreamSpec
from mediasrv.media.spec import Rtcp
from mediasrv.sdp import Dtls, Format, Negotiated, SessionDescription, formats_of
from mediasrv.sdp.codecs import TELEPHONE_EVENT

PACKETS_MS = (10, 20, 30, 40, 60)  # that the engine makes
PACKETS_OF = {"opus": (10, 20, 40, 60), "L16": (10, 20, 30, 40)}  # no frames of 30 ms; no more in a datagram
OPUS_BIT_RATE = (
    64_000  # as G.711's: where the cheaper of the two encoders in Opus sounds as good as the other
)


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
    keys_by: tuple[KeyWay, ...] = ("rfc4733",)  # how the other side takes keys, the usual way first
    rtcp: bool = True
    bridge: bool = False  # what is heard is also recorded, or heard by people
    security: MediaSecurity = field(default_factory=MediaSecurity)


def agreed_spec(wanted: Negotiated, media: LegMedia) -> StreamSpec:
    theirs = wanted.format
    linear_hz = theirs.clock_hz if theirs.name == "L16" else 0  # the other codecs know what they hear
    return _wished(media)(
        codec=theirs.name,
        payload_type=theirs.payload_type,
        also=tuple(Coding(each.name, each.payload_type) for each in wanted.also),
        say_hz=theirs.playback_hz() if theirs.name == "opus" else linear_hz,
        hear_hz=linear_hz,
        ptime_ms=packet_ms([theirs.name, *(each.name for each in wanted.also)], wanted.ptime_ms),
        opus_fec=theirs.is_set("useinbandfec"),
        opus_dtx=theirs.is_set("usedtx"),
        opus_bit_rate=min(theirs.bit_rate() or OPUS_BIT_RATE, OPUS_BIT_RATE),
        telephone_event_type=wanted.telephone_event_type,
        inband_dtmf=wanted.telephone_event_type == 0,
        comfort_noise_type=wanted.comfort_noise_type,
        remote=wanted.remote,
        srtp=stream_keys(wanted.security),
        keying="dtls" if isinstance(wanted.security, Dtls) else "given",
        rtcp=_rtcp(wanted, "port" if media.rtcp else "off"),
        rtcp_remote=None if wanted.rtcp_mux else wanted.remote_rtcp,
    )


def offered_spec(offered: SessionDescription, media: LegMedia) -> StreamSpec:
    """With nobody to send to before there is an answer."""
    formats = formats_of(offered.media[0])
    first, *others = [each for each in formats if each.is_spoken]
    linear_hz = first.clock_hz if first.name == "L16" else 0
    events = _telephone_event(formats, first)
    return _wished(media)(
        codec=first.name,
        payload_type=first.payload_type,
        also=tuple(
            Coding(each.name, each.payload_type)
            for each in others
            if each.clock_hz == first.clock_hz and each.audio_hz <= first.audio_hz
        ),
        say_hz=linear_hz,
        hear_hz=linear_hz,
        telephone_event_type=events,
        inband_dtmf=events == 0,
        keying="later" if media.security.policy == "required" else "given",
    )


def whatever_is_chosen(spec: StreamSpec, offered: SessionDescription) -> StreamSpec:
    """For the reckoning of what it may cost: a stream that could do all that is offered."""
    every = [each for each in formats_of(offered.media[0]) if each.is_spoken]
    return replace(spec, also=tuple(Coding(each.name, each.payload_type) for each in every))


def suits(running: StreamSpec, wanted: StreamSpec) -> bool:
    """Whether a stream that was made for our offer can be what the answer made of it."""
    codecs = {coding.codec for coding in wanted.codings()}
    if "opus" in codecs and (running.opus_fec, running.opus_dtx, running.opus_bit_rate, running.rate_hz) != (
        wanted.opus_fec,
        wanted.opus_dtx,
        wanted.opus_bit_rate,
        wanted.rate_hz,
    ):
        return False
    return (
        set(wanted.codings()) <= set(running.codings())
        and running.telephone_event_type == wanted.telephone_event_type
        and (running.keying == "dtls") == (wanted.keying == "dtls")
        and running.rtcp == wanted.rtcp
    )


def packet_ms(codecs: Sequence[str], wanted_ms: int) -> int:
    """The longest packet that we make in each of the codecs, and no longer than they like."""
    possible = [ms for ms in PACKETS_MS if all(ms in PACKETS_OF.get(codec, PACKETS_MS) for codec in codecs)]
    return max(ms for ms in possible if ms <= wanted_ms)


def also_by_our_number(wanted: Negotiated) -> Negotiated:
    """RFC 3264 section 6.1: an answer may number a codec differently from our offer. Then they send by our number."""
    named = {Coding(each.name, each.payload_type) for each in (wanted.format, *wanted.also)}
    ours = [
        each
        for each in formats_of(wanted.description.media[0])
        if each.name == wanted.codec and Coding(each.name, each.payload_type) not in named
    ]
    return replace(wanted, also=(*wanted.also, *ours))


def _wished(media: LegMedia) -> partial[StreamSpec]:
    """What the server wants, whatever is agreed on; the rest is to come."""
    return partial(
        StreamSpec,
        aec=media.aec, ns=media.ns, vad=media.vad, media_timeout_ms=media.media_timeout_ms,
        bridge=media.bridge, opus_complexity=media.opus_complexity, rtcp="port" if media.rtcp else "off",
    )  # fmt: skip


def _telephone_event(formats: Sequence[Format], audio: Format) -> int:
    for each in formats:
        if each.name == TELEPHONE_EVENT and each.clock_hz == audio.clock_hz:
            return each.payload_type
    return 0


def _rtcp(wanted: Negotiated, otherwise: Rtcp) -> Rtcp:
    """RFC 5764 section 4.1: on a port of its own RTCP would need a handshake of its own, which nobody misses."""
    if wanted.rtcp_mux:
        return "mux"
    return "off" if isinstance(wanted.security, Dtls) else otherwise
