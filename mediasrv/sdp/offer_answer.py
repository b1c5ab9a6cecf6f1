"""Offer and answer (RFC 3264) as pure functions: what two descriptions agree on, and the one to send.

One audio stream with telephone events is what we speak. Of an offer with more, every other stream
is refused in its place (port 0, section 6); an offer with nothing for us raises OfferRejected. Directions
are ours: `sendonly` means that we send. The payload types of an answer are the offer's. The answer names one codec;
the others of the offer that could take its place in the same stream (the same clock, no wider band) are remembered,
because a later offer may choose one of them.

How the stream is protected is agreed on in `security`. ICE is not answered, which tells the other side to do without.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import lru_cache

from mediasrv.sdp.codecs import CODECS, COMFORT_NOISE, TELEPHONE_EVENT, Format, formats_of
from mediasrv.sdp.description import (
    Attribute,
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
)
from mediasrv.sdp.errors import AnswerRejected, NotAcceptable, OfferRejected
from mediasrv.sdp.security import (
    PLAIN,
    PLAIN_ONLY,
    LocalSecurity,
    Secured,
    Security,
    accept_security,
    answer_security,
    offer_security,
    offered_security,
)

Address = tuple[str, int]
TELEPHONE_EVENT_TYPE = 101  # by custom; any dynamic type would do
TELEPHONE_EVENT_TYPES = {8_000: TELEPHONE_EVENT_TYPE, 48_000: 102, 16_000: 103}  # by clock
COMFORT_NOISE_TYPE = 13
SEVERAL = 3  # codecs that are kept in mind beside the one in use
TELEPHONE_EVENTS = "0-15"  # RFC 4733 section 7.1.1: the sixteen keys
PTIME_MS, SHORTEST_PTIME_MS, LONGEST_PTIME_MS = 20, 10, 60

_MIRRORED: dict[Direction, Direction] = {
    "sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive",
}  # fmt: skip
_OF: dict[tuple[bool, bool], Direction] = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """What we can do: where we receive, what we speak (in our order), which way sound may flow."""

    address: Address
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    telephone_events: bool = True
    comfort_noise: bool = False  # RFC 3389: silence is described instead of sent
    rtcp_mux: bool = False  # RFC 5761: RTCP comes to the port of the sound
    rtcp_port: int = 0  # where it comes else; 0: the next one, which need not be said
    ptime_ms: int = PTIME_MS
    direction: Direction = "sendrecv"
    session_id: int = 1
    session_version: int = 1
    security: LocalSecurity = PLAIN_ONLY


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What came of it. `description` is ours: the answer to send, or the offer they accepted."""

    format: Format  # the codec, with what they say of it
    telephone_event_type: int  # 0: none agreed
    remote: Address | None  # None: they hold us with 0.0.0.0
    remote_rtcp: Address | None
    direction: Direction
    ptime_ms: int  # that the other side likes to get
    description: SessionDescription
    also: tuple[Format, ...] = ()  # what might take the codec's place in this stream
    comfort_noise_type: int = 0  # 0: none agreed
    rtcp_mux: bool = False
    protocol: str = PLAIN
    security: Security | None = None  # None: plain RTP

    @property
    def codec(self) -> str:
        return self.format.name

    @property
    def payload_type(self) -> int:
        return self.format.payload_type

    @property
    def clock_hz(self) -> int:
        return self.format.clock_hz

    @property
    def sending(self) -> bool:
        return self.direction in ("sendrecv", "sendonly") and self.remote is not None

    @property
    def hearing(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")


def offer(local: LocalMedia) -> SessionDescription:
    """All that we can do, best first."""
    codecs = [CODECS[name] for name in local.codecs]
    formats = [Format(codec.payload_type, codec.name, codec.clocks_hz[0], codec.channels) for codec in codecs]
    if local.comfort_noise:
        formats.append(Format(COMFORT_NOISE_TYPE, COMFORT_NOISE, 8_000))
    if local.telephone_events:  # RFC 4733 section 7.1: one for each clock that sound may run on
        clocks = dict.fromkeys(each.clock_hz for each in formats)
        formats += [Format(TELEPHONE_EVENT_TYPES[hz], TELEPHONE_EVENT, hz) for hz in clocks]
    secured = offer_security(local.security)
    return _describe(local, (_audio(local, formats, local.direction, secured, mux=local.rtcp_mux),))


def answer(
    offered: SessionDescription, local: LocalMedia, previous: SessionDescription | None = None
) -> Negotiated:
    """Chooses from an offer, in the offer's order of preference (section 6.1).

    `previous` is what we sent last in this session: its version grows if anything has changed (section 8).
    """
    chosen, agreed = _choose(offered, local)
    audio = _audio(local, agreed.formats(), agreed.direction, agreed.secured, mux=agreed.rtcp_mux)
    sections = [_refused(media) for media in offered.media]
    sections[chosen] = audio
    return agreed.negotiated(next_version(_describe(local, tuple(sections)), previous))


def at_port(agreed: Negotiated, port: int) -> Negotiated:
    """Our answer, once it is known where we receive; what we refuse in it stays refused."""
    ours = agreed.description
    media = tuple(replace(each, port=port) if each.port else each for each in ours.media)
    return replace(agreed, description=replace(ours, media=media))


def _choose(offered: SessionDescription, local: LocalMedia) -> tuple[int, _Agreed]:
    """The place of the first stream that we can speak, and what is agreed about it."""
    problem = "no media offered"
    for at, media in enumerate(offered.media):
        try:
            return at, _agree(offered, media, local, answer_security(offered, media, local.security))
        except NotAcceptable as error:
            problem = str(error)
    raise OfferRejected(problem)


def accept(offered: SessionDescription, answered: SessionDescription) -> Negotiated:
    """What the answer to an offer of ours has settled; raises AnswerRejected when it does not fit."""
    if len(answered.media) != len(offered.media) or not offered.media:
        raise AnswerRejected("the answer has not as many media as the offer")
    ours = offered.media[0]
    local = LocalMedia(
        (offered.origin.connection.host, ours.port),
        tuple(each.name for each in formats_of(ours) if each.name in CODECS),
        any(each.name == TELEPHONE_EVENT for each in formats_of(ours)),
        any(each.name == COMFORT_NOISE for each in formats_of(ours)),
        ours.attribute("rtcp-mux") is not None,
        direction=offered.direction_of(ours),
        security=offered_security(offered, ours),
    )
    theirs = answered.media[0]
    try:
        agreed = _agree(answered, theirs, local, accept_security(ours, answered, theirs, local.security))
    except NotAcceptable as error:
        raise AnswerRejected(str(error)) from None
    return agreed.negotiated(offered)


def next_version(description: SessionDescription, previous: SessionDescription | None) -> SessionDescription:
    """The same session, described again: its version grows by one when something changed, else it stays."""
    if previous is None:
        return description
    origin = previous.origin
    same = replace(description, origin=origin)
    if same == previous:
        return same
    return replace(description, origin=replace(origin, session_version=(origin.session_version + 1) % 2**64))


@dataclass(frozen=True, slots=True)
class _Agreed:
    format: Format
    telephone_event_type: int
    remote: Address | None
    remote_rtcp: Address | None
    direction: Direction
    ptime_ms: int
    also: tuple[Format, ...]
    comfort_noise_type: int
    rtcp_mux: bool
    secured: Secured

    def formats(self) -> list[Format]:
        """What an answer names."""
        formats = [replace(self.format, parameters={})]
        if self.comfort_noise_type:
            formats.append(Format(self.comfort_noise_type, COMFORT_NOISE, self.format.clock_hz))
        if self.telephone_event_type:
            formats.append(Format(self.telephone_event_type, TELEPHONE_EVENT, self.format.clock_hz))
        return formats

    def negotiated(self, description: SessionDescription) -> Negotiated:
        return Negotiated(
            self.format, self.telephone_event_type, self.remote, self.remote_rtcp, self.direction, self.ptime_ms,
            description, self.also, self.comfort_noise_type, self.rtcp_mux, self.secured.protocol, self.secured.by,
        )  # fmt: skip


def _agree(
    theirs: SessionDescription, media: MediaDescription, local: LocalMedia, secured: Secured
) -> _Agreed:
    """What one of their streams and we have in common; raises NotAcceptable when it is nothing."""
    if media.kind != "audio":
        raise NotAcceptable("no audio")
    if media.port == 0:
        raise NotAcceptable("audio is switched off")
    formats = formats_of(media)
    spoken = [each for each in formats if _speaks(local, each)]
    if not spoken:
        raise NotAcceptable("no codec in common")
    host = _host(theirs.connection_of(media), local)
    direction = _direction(theirs.direction_of(media), local.direction, held=host is None)
    remote = None if host is None else (host, media.port)
    mux = local.rtcp_mux and media.attribute("rtcp-mux") is not None
    return _Agreed(
        spoken[0],
        _type_of(TELEPHONE_EVENT, formats, spoken[0].clock_hz) if local.telephone_events else 0,
        remote,
        remote if mux else _rtcp(media, remote),
        direction,
        _ptime_ms(media),
        _could_take_its_place(spoken),
        _type_of(COMFORT_NOISE, formats, spoken[0].clock_hz) if local.comfort_noise else 0,
        mux,
        secured,
    )


def _speaks(local: LocalMedia, theirs: Format) -> bool:
    return theirs.name in local.codecs and theirs.is_spoken


def _could_take_its_place(spoken: list[Format]) -> tuple[Format, ...]:
    first, *others = spoken
    fitting = [each for each in others if each.clock_hz == first.clock_hz and each.audio_hz <= first.audio_hz]
    apart = {each.payload_type: each for each in fitting if each.payload_type != first.payload_type}
    return tuple(apart.values())[:SEVERAL]


def _type_of(name: str, formats: list[Format], clock_hz: int) -> int:
    """RFC 4733 section 7.1, RFC 3389 section 5: these run on the clock of the audio they stand in for."""
    for each in formats:
        if each.name == name and each.clock_hz == clock_hz:
            return each.payload_type
    return 0


def _host(connection: Connection | None, local: LocalMedia) -> str | None:
    """Where their sound wants to go; None for the hold of old, 0.0.0.0 (section 8.4)."""
    if connection is None:
        raise NotAcceptable("no connection address")
    try:
        address = _address(connection.host)
    except ValueError:
        raise NotAcceptable("not an address of one host") from None
    if address.version != _address(local.address[0]).version:
        raise NotAcceptable("another address family")
    if address.is_multicast or connection.host == "255.255.255.255":
        raise NotAcceptable("not an address of one host")
    return None if address.is_unspecified else str(address)


@lru_cache(1_024)  # ours is asked for in every call, and a peer's comes again
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(host)


def _direction(theirs: Direction, ours: Direction, *, held: bool) -> Direction:
    mirrored = _MIRRORED[theirs]
    sending = "recvonly" not in (mirrored, ours) and "inactive" not in (mirrored, ours) and not held
    hearing = "sendonly" not in (mirrored, ours) and "inactive" not in (mirrored, ours)
    return _OF[sending, hearing]


def _rtcp(media: MediaDescription, remote: Address | None) -> Address | None:
    """RFC 3605, else the next port (RFC 3550 section 11)."""
    if remote is None:
        return None
    text = (media.attribute("rtcp") or "").split(" ")
    if text[0].isascii() and text[0].isdigit() and len(text[0]) <= 5 and 0 < int(text[0]) <= 65_535:
        return remote[0], int(text[0])
    return (remote[0], remote[1] + 1) if remote[1] < 65_535 else None


def _ptime_ms(media: MediaDescription) -> int:
    """What they like to get, and no more than they can take (RFC 8866 sections 6.4 and 6.5)."""
    liked, most = _milliseconds(media, "ptime", PTIME_MS), _milliseconds(media, "maxptime", LONGEST_PTIME_MS)
    return min(max(min(liked, most), SHORTEST_PTIME_MS), LONGEST_PTIME_MS)


def _milliseconds(media: MediaDescription, attribute: str, otherwise: int) -> int:
    text = (media.attribute(attribute) or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else otherwise


def _audio(
    local: LocalMedia, formats: list[Format], direction: Direction, secured: Secured, *, mux: bool
) -> MediaDescription:
    attributes = [attribute for each in formats for attribute in _explained(each)]
    attributes.append(("ptime", str(local.ptime_ms)))
    if mux:
        attributes.append(("rtcp-mux", None))
    elif local.rtcp_port:
        attributes.append(("rtcp", str(local.rtcp_port)))
    attributes += [*secured.attributes, (direction, None)]
    types = tuple(str(each.payload_type) for each in formats)
    return MediaDescription("audio", local.address[1], secured.protocol, types, attributes=tuple(attributes))


def _explained(format_: Format) -> list[Attribute]:
    kind, codec = format_.payload_type, CODECS.get(format_.name)
    channels = f"/{codec.channels}" if codec and codec.channels > 1 else ""
    attributes: list[Attribute] = [("rtpmap", f"{kind} {format_.name}/{format_.clock_hz}{channels}")]
    fmtp = codec.fmtp if codec else TELEPHONE_EVENTS if format_.name == TELEPHONE_EVENT else ""
    return [*attributes, ("fmtp", f"{kind} {fmtp}")] if fmtp else attributes


def _refused(media: MediaDescription) -> MediaDescription:
    """Section 6: a refused stream keeps its place, its kind and its formats."""
    return MediaDescription(media.kind, 0, media.protocol, media.formats)


def _describe(local: LocalMedia, media: tuple[MediaDescription, ...]) -> SessionDescription:
    host = local.address[0]
    connection = Connection("IP6" if ":" in host else "IP4", host)
    origin = Origin("-", local.session_id, local.session_version, connection)
    return SessionDescription(origin, connection=connection, media=media)
