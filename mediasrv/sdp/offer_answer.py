"""Offer and answer (RFC 3264) as pure functions: what two descriptions agree on, and the one to send.

One audio stream of G.711 with telephone events is what we speak. Of an offer with more, every other stream
is refused in its place (port 0, section 6); an offer with nothing for us raises OfferRejected. Directions
are ours: `sendonly` means that we send. The payload types of an answer are the offer's.

RTCP multiplexing, SRTP and ICE are not answered, which tells the other side to do without them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from mediasrv.sdp.codecs import CODECS, TELEPHONE_EVENT, Format, formats_of
from mediasrv.sdp.description import (
    Attribute,
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
)
from mediasrv.sdp.errors import AnswerRejected, NotAcceptable, OfferRejected

Address = tuple[str, int]
TELEPHONE_EVENT_TYPE = 101  # by custom; any dynamic type would do
TELEPHONE_EVENTS = "0-15"  # RFC 4733 section 7.1.1: the sixteen keys
PTIME_MS, SHORTEST_PTIME_MS, LONGEST_PTIME_MS = 20, 10, 60
SPOKEN_PROTOCOL = "RTP/AVP"

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
    ptime_ms: int = PTIME_MS
    direction: Direction = "sendrecv"
    session_id: int = 1
    session_version: int = 1


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What came of it. `description` is ours: the answer to send, or the offer they accepted."""

    codec: str
    payload_type: int
    clock_hz: int
    telephone_event_type: int  # 0: none agreed
    remote: Address | None  # None: they hold us with 0.0.0.0
    remote_rtcp: Address | None
    direction: Direction
    ptime_ms: int  # that the other side likes to get
    description: SessionDescription

    @property
    def sending(self) -> bool:
        return self.direction in ("sendrecv", "sendonly") and self.remote is not None

    @property
    def hearing(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")


def offer(local: LocalMedia) -> SessionDescription:
    """All that we can do, best first."""
    formats = [Format(CODECS[name].payload_type, name, CODECS[name].clock_hz) for name in local.codecs]
    events = TELEPHONE_EVENT_TYPE if local.telephone_events else 0
    return _describe(local, (_audio(local, formats, events, local.direction),))


def answer(
    offered: SessionDescription, local: LocalMedia, previous: SessionDescription | None = None
) -> Negotiated:
    """Chooses from an offer, in the offer's order of preference (section 6.1).

    `previous` is what we sent last in this session: its version grows if anything has changed (section 8).
    """
    chosen, agreed = _choose(offered, local)
    audio = _audio(local, [agreed.format], agreed.telephone_event_type, agreed.direction)
    sections = [_refused(media) for media in offered.media]
    sections[chosen] = audio
    return agreed.negotiated(next_version(_describe(local, tuple(sections)), previous))


def _choose(offered: SessionDescription, local: LocalMedia) -> tuple[int, _Agreed]:
    """The place of the first stream that we can speak, and what is agreed about it."""
    problem = "no media offered"
    for at, media in enumerate(offered.media):
        try:
            return at, _agree(offered, media, local)
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
        direction=offered.direction_of(ours),
    )
    try:
        agreed = _agree(answered, answered.media[0], local)
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

    def negotiated(self, description: SessionDescription) -> Negotiated:
        return Negotiated(
            self.format.name, self.format.payload_type, self.format.clock_hz, self.telephone_event_type,
            self.remote, self.remote_rtcp, self.direction, self.ptime_ms, description,
        )  # fmt: skip


def _agree(theirs: SessionDescription, media: MediaDescription, local: LocalMedia) -> _Agreed:
    """What one of their streams and we have in common; raises NotAcceptable when it is nothing."""
    if media.kind != "audio" or media.protocol != SPOKEN_PROTOCOL:
        raise NotAcceptable("no audio over plain RTP")
    if media.port == 0:
        raise NotAcceptable("audio is switched off")
    formats = formats_of(media)
    spoken = [each for each in formats if _speaks(local, each)]
    if not spoken:
        raise NotAcceptable("no codec in common")
    host = _host(theirs.connection_of(media), local)
    direction = _direction(theirs.direction_of(media), local.direction, held=host is None)
    remote = None if host is None else (host, media.port)
    return _Agreed(
        spoken[0],
        _telephone_event_type(formats, spoken[0].clock_hz) if local.telephone_events else 0,
        remote,
        _rtcp(media, remote),
        direction,
        _ptime_ms(media),
    )


def _speaks(local: LocalMedia, theirs: Format) -> bool:
    return theirs.name in local.codecs and CODECS[theirs.name].clock_hz == theirs.clock_hz


def _telephone_event_type(formats: list[Format], clock_hz: int) -> int:
    """RFC 4733 section 7.1: events run on the clock of the audio they stand in for."""
    for each in formats:
        if each.name == TELEPHONE_EVENT and each.clock_hz == clock_hz:
            return each.payload_type
    return 0


def _host(connection: Connection | None, local: LocalMedia) -> str | None:
    """Where their sound wants to go; None for the hold of old, 0.0.0.0 (section 8.4)."""
    if connection is None:
        raise NotAcceptable("no connection address")
    try:
        address = ipaddress.ip_address(connection.host)
    except ValueError:
        raise NotAcceptable("not an address of one host") from None
    if address.version != ipaddress.ip_address(local.address[0]).version:
        raise NotAcceptable("another address family")
    if address.is_multicast or connection.host == "255.255.255.255":
        raise NotAcceptable("not an address of one host")
    return None if address.is_unspecified else str(address)


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
    text = (media.attribute("ptime") or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        return PTIME_MS
    return min(max(int(text), SHORTEST_PTIME_MS), LONGEST_PTIME_MS)


def _audio(local: LocalMedia, formats: list[Format], events: int, direction: Direction) -> MediaDescription:
    attributes: list[Attribute] = [
        ("rtpmap", f"{each.payload_type} {each.name}/{each.clock_hz}") for each in formats
    ]
    types = [str(each.payload_type) for each in formats]
    if events:
        types.append(str(events))
        attributes.append(("rtpmap", f"{events} telephone-event/{formats[0].clock_hz}"))
        attributes.append(("fmtp", f"{events} {TELEPHONE_EVENTS}"))
    attributes += [("ptime", str(local.ptime_ms)), (direction, None)]
    return MediaDescription(
        "audio", local.address[1], SPOKEN_PROTOCOL, tuple(types), attributes=tuple(attributes)
    )


def _refused(media: MediaDescription) -> MediaDescription:
    """Section 6: a refused stream keeps its place, its kind and its formats."""
    return MediaDescription(media.kind, 0, media.protocol, media.formats)


def _describe(local: LocalMedia, media: tuple[MediaDescription, ...]) -> SessionDescription:
    host = local.address[0]
    connection = Connection("IP6" if ":" in host else "IP4", host)
    origin = Origin("-", local.session_id, local.session_version, connection)
    return SessionDescription(origin, connection=connection, media=media)
