"""How a stream is protected, as offer and answer settle it: SDES keys (RFC 4568), DTLS (RFC 5763), or not at all.

What a stream can be is said in two places, its protocol and its attributes:

    RTP/AVP             plain; with `crypto` or `fingerprint` it may be protected if the other side can ("best effort")
    RTP/SAVP(F)         protected, by `crypto` or by `fingerprint` (as RFC 5763's own examples have it)
    UDP/TLS/RTP/SAVP(F) protected, by `fingerprint` alone (RFC 8842)

The policy is ours: `off` speaks plain RTP and nothing else, `offered` prefers protection and does without,
`required` refuses what is not protected. Where both kinds are offered SDES is taken: it needs no more packets. The
answer keeps the offer's protocol.

Left the choice, we let the other side begin, though RFC 5763 section 5 would rather have it the other way round:
without ICE, who sits behind a NAT can be reached only where he spoke from.

An answer is read more strictly than an offer, for it must be one of the things that we offered: the tag and suite of
one of our lines, a role, our protocol, and never our own key sent back.

No key is drawn here. Whoever calls brings one for each suite, in the order of his preference, and a certificate's
fingerprint if he can do DTLS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mediasrv.sdp.crypto import Crypto, choose, cryptos_of
from mediasrv.sdp.description import Attribute, MediaDescription, SessionDescription
from mediasrv.sdp.errors import NotAcceptable
from mediasrv.sdp.fingerprint import Fingerprint, Setup, fingerprints_of, setup_of

Policy = Literal["off", "offered", "required"]
PLAIN = "RTP/AVP"
SECURE = ("RTP/SAVP", "RTP/SAVPF")
OVER_DTLS = ("UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF")


@dataclass(frozen=True, slots=True)
class LocalSecurity:
    """What we want, and what we have to do it with."""

    policy: Policy = "off"
    cryptos: tuple[Crypto, ...] = ()  # that we send by, one for each suite, the best first
    fingerprint: Fingerprint | None = None  # of our certificate; None: no DTLS
    setup: Setup = "actpass"  # the role that we have already, if one was agreed
    protocol: str | None = None  # that was agreed on already; None: as the policy has it


PLAIN_ONLY = LocalSecurity()


@dataclass(frozen=True, slots=True)
class Sdes:
    suite: str
    send: bytes = field(repr=False)  # master key and salt of what we send
    receive: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dtls:
    is_client: bool  # we begin
    fingerprints: tuple[Fingerprint, ...]  # their certificate has one of these


Security = Sdes | Dtls


@dataclass(frozen=True, slots=True)
class Secured:
    """What was agreed, and what our description says of it."""

    protocol: str
    attributes: tuple[Attribute, ...] = ()
    by: Security | None = None  # None: plain RTP


def offer_security(local: LocalSecurity) -> Secured:
    """What an offer of ours says."""
    if local.policy == "off":
        return Secured(PLAIN)
    attributes: tuple[Attribute, ...] = tuple(("crypto", str(each)) for each in local.cryptos)
    if local.fingerprint is not None:
        attributes += _dtls_lines(local.fingerprint, local.setup)
    by_policy = PLAIN if local.policy == "offered" else SECURE[0] if local.cryptos else OVER_DTLS[0]
    return Secured(local.protocol or by_policy, attributes)


def answer_security(session: SessionDescription, media: MediaDescription, local: LocalSecurity) -> Secured:
    """Chooses among what they offer; raises NotAcceptable where the policy and the offer cannot meet."""
    if media.protocol not in (PLAIN, *SECURE, *OVER_DTLS):
        raise NotAcceptable("no audio over RTP")
    if local.policy == "off":
        if media.protocol != PLAIN:
            raise NotAcceptable("no audio over plain RTP")
        return Secured(PLAIN)
    found = None if media.protocol in OVER_DTLS else _answer_sdes(media, local)
    found = found or _answer_dtls(session, media, local)
    if found is None and (media.protocol != PLAIN or local.policy == "required"):
        raise NotAcceptable("no media security in common")
    return found or Secured(PLAIN)


def accept_security(
    offered: MediaDescription, session: SessionDescription, media: MediaDescription, local: LocalSecurity
) -> Secured:
    """What their answer made of our offer; raises NotAcceptable when it is none of what we offered."""
    if media.protocol != offered.protocol:
        raise NotAcceptable("answered with another protocol than was offered")
    if local.cryptos and media.attribute("crypto") is not None:
        return _accept_sdes(media, local)
    if local.fingerprint is not None and fingerprints_of(session, media):
        setup = setup_of(session, media) or "active"  # RFC 4145 section 4
        if setup == "actpass":
            raise NotAcceptable("an answer that leaves open who begins")
        return _over_dtls(session, media, local.fingerprint, "active" if setup == "passive" else "passive")
    if local.policy == "required":
        raise NotAcceptable("the answer protects nothing")
    return Secured(PLAIN)


def offered_security(session: SessionDescription, media: MediaDescription) -> LocalSecurity:
    """Read back from an offer of ours."""
    cryptos, fingerprints = tuple(cryptos_of(media)), fingerprints_of(session, media)
    policy: Policy = "required" if media.protocol != PLAIN else "offered"
    if not cryptos and not fingerprints:
        return PLAIN_ONLY
    return LocalSecurity(policy, cryptos, fingerprints[0] if fingerprints else None)


def _answer_sdes(media: MediaDescription, local: LocalSecurity) -> Secured | None:
    chosen = choose(cryptos_of(media), local.cryptos)
    if chosen is None:
        return None
    theirs, ours = chosen
    line = str(
        Crypto(theirs.tag, ours.suite, ours.keying)
    )  # section 5.1.2: the tag is that of the line we took
    return Secured(media.protocol, (("crypto", line),), _keys(theirs, ours))


def _accept_sdes(media: MediaDescription, local: LocalSecurity) -> Secured:
    """RFC 4568 section 5.1.3: one line, and it is one of ours."""
    theirs = cryptos_of(media)
    ours = [
        each
        for each in local.cryptos
        if theirs and (each.tag, each.suite) == (theirs[0].tag, theirs[0].suite)
    ]
    if len(media.attribute_values("crypto")) != 1 or not ours:
        raise NotAcceptable("answered with a crypto that was not offered")
    return Secured(media.protocol, (), _keys(theirs[0], ours[0]))


def _keys(theirs: Crypto, ours: Crypto) -> Sdes:
    if theirs.keying == ours.keying:  # two that encrypt with the same stream of bits hide nothing
        raise NotAcceptable("our own key, sent back")
    return Sdes(ours.suite, ours.keying, theirs.keying)


def _answer_dtls(
    session: SessionDescription, media: MediaDescription, local: LocalSecurity
) -> Secured | None:
    if local.fingerprint is None or not fingerprints_of(session, media):
        return None
    setup = setup_of(session, media) or "active"  # RFC 4145 section 4
    if setup == "actpass":  # a role once taken is kept
        ours: Setup = "passive" if local.setup == "actpass" else local.setup
    else:
        ours = "active" if setup == "passive" else "passive"
    return _over_dtls(session, media, local.fingerprint, ours)


def _over_dtls(
    session: SessionDescription, media: MediaDescription, ours: Fingerprint, setup: Setup
) -> Secured:
    by = Dtls(setup == "active", fingerprints_of(session, media))
    return Secured(media.protocol, _dtls_lines(ours, setup), by)


def _dtls_lines(fingerprint: Fingerprint, setup: Setup) -> tuple[Attribute, ...]:
    return ("fingerprint", str(fingerprint)), ("setup", setup)
