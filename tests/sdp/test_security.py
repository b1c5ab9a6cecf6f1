"""What an offer, our policy and our keys come to: plain RTP, SDES or DTLS."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sdp import (
    SUITES,
    AnswerRejected,
    Crypto,
    Dtls,
    Fingerprint,
    LocalMedia,
    LocalSecurity,
    Negotiated,
    NotAcceptable,
    OfferRejected,
    Sdes,
    accept,
    answer,
    offer,
    parse,
)  # fmt: skip
from mediasrv.sdp.crypto import cryptos_of

GCM_256, GCM_128, SHA1_80, SHA1_32 = SUITES
OUR_KEYS = {suite: bytes(range(number, number + SUITES[suite])) for number, suite in enumerate(SUITES, 1)}
CRYPTOS = tuple(Crypto(tag, suite, OUR_KEYS[suite]) for tag, suite in enumerate(SUITES, 1))
CERTIFICATE = Fingerprint("sha-256", bytes(range(32)))
THEIRS = Fingerprint("sha-256", bytes(range(100, 132)))
THEIR_KEY = bytes(range(100, 130))
# RFC 4568 section 9.1, without its MKI
RFC_KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
RFC_LINE = f"crypto:1 {SHA1_80} inline:{RFC_KEY}|2^20"


def line(suite: str, tag: int = 1, keying: bytes = THEIR_KEY) -> str:
    return f"crypto:{tag} {suite} inline:{base64.b64encode((keying * 2)[: SUITES[suite]]).decode()}"


def ours(policy: str = "required", **more) -> LocalMedia:
    security = LocalSecurity(policy, CRYPTOS, CERTIFICATE)  # type: ignore[arg-type]
    return LocalMedia(("192.0.2.2", 40_000), session_id=7, security=replace(security, **more))


def described(protocol: str, *attributes: str, session: tuple[str, ...] = ()) -> bytes:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]
    lines += [f"a={text}" for text in session]
    lines += [f"m=audio 5004 {protocol} 0", *(f"a={text}" for text in attributes), ""]
    return "\r\n".join(lines).encode()


def answered(protocol: str, *attributes: str, local: LocalMedia | None = None, **more) -> Negotiated:
    return answer(parse(described(protocol, *attributes, **more)), local or ours())


# ---- SDES ---------------------------------------------------------------------------------------------------------
def test_the_key_of_the_rfc_is_read_and_its_lifetime_ignored() -> None:
    agreed = answered("RTP/SAVP", RFC_LINE)
    assert isinstance(agreed.security, Sdes)
    assert agreed.security.receive == b"YS___semctl () {\t220;}\n}\nunles"
    assert agreed.security.send == OUR_KEYS[SHA1_80]
    assert "YS__" not in repr(agreed.security)


def test_the_suite_is_the_first_of_ours_and_the_tag_is_theirs() -> None:
    agreed = answered("RTP/SAVP", line(SHA1_32, 3), line(GCM_128, 12), line(SHA1_80, 5))
    assert isinstance(agreed.security, Sdes)
    assert agreed.security.suite == GCM_128
    (said,) = agreed.description.media[0].attribute_values("crypto")
    key = base64.b64encode(OUR_KEYS[GCM_128]).decode()
    assert said == f"12 {GCM_128} inline:{key}"


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"])
@pytest.mark.parametrize("policy", ["offered", "required"])
def test_the_answer_keeps_the_offers_protocol(protocol: str, policy: str) -> None:
    agreed = answered(protocol, line(SHA1_80), local=ours(policy))
    assert isinstance(agreed.security, Sdes)
    assert agreed.protocol == agreed.description.media[0].protocol == protocol


@pytest.mark.parametrize(
    "bad",
    [
        f"crypto:1 {SHA1_80} inline:{RFC_KEY}|2^20|1:4",  # an MKI
        f"crypto:1 {SHA1_80} inline:{RFC_KEY}|1:4",
        f"crypto:1 {SHA1_80} inline:{RFC_KEY};inline:{RFC_KEY}",  # two keys without one
        f"crypto:1 {SHA1_80} inline:{RFC_KEY} UNENCRYPTED_SRTP",
        f"crypto:1 {SHA1_80} inline:{RFC_KEY} UNAUTHENTICATED_SRTP",
        f"crypto:1 {SHA1_80} inline:{RFC_KEY} -FINE KDR=1",
        f"crypto:1 {SHA1_80} uri:{RFC_KEY}",
        f"crypto:1 {SHA1_80} inline:{RFC_KEY[:-4]}",
        f"crypto:1 {SHA1_80} inline:{RFC_KEY}AAAA",
        f"crypto:1 {SHA1_80} inline:{RFC_KEY[:-1]}*",
        f"crypto:1 {SHA1_80} inline:",
        f"crypto:1 {SHA1_80}",
        "crypto:1 NULL_HMAC_SHA1_80 inline:" + RFC_KEY,
        "crypto:1 F8_128_HMAC_SHA1_80 inline:" + RFC_KEY,
        f"crypto:x {SHA1_80} inline:{RFC_KEY}",
        f"crypto:1234567890 {SHA1_80} inline:{RFC_KEY}",
        f"crypto:١ {SHA1_80} inline:{RFC_KEY}",
        "crypto:",
        "crypto",
        f"{RFC_LINE}\r\na={line(GCM_128)}",  # one tag twice
    ],
)
def test_a_line_that_we_cannot_do_is_passed_over(bad: str) -> None:
    with pytest.raises(OfferRejected):
        answered("RTP/SAVP", bad)
    agreed = answered("RTP/SAVP", bad, line(SHA1_32, 9))
    assert isinstance(agreed.security, Sdes)
    assert agreed.security.suite == SHA1_32
    assert answered("RTP/AVP", bad, local=ours("offered")).security is None


def test_a_parameter_that_may_be_ignored_is_ignored() -> None:
    assert isinstance(answered("RTP/SAVP", RFC_LINE + " -UNHEARD_OF=1").security, Sdes)


def test_lines_beyond_the_bound_are_not_looked_at() -> None:
    many = [f"crypto:{tag} UNKNOWN inline:{RFC_KEY}" for tag in range(2, 18)]
    with pytest.raises(OfferRejected):
        answered("RTP/SAVP", *many, RFC_LINE)


def test_our_own_key_sent_back_is_refused() -> None:
    with pytest.raises(OfferRejected, match="our own key"):
        answered("RTP/SAVP", line(SHA1_80, keying=OUR_KEYS[SHA1_80]))


# ---- policy -------------------------------------------------------------------------------------------------------
def test_required_refuses_what_is_not_protected() -> None:
    with pytest.raises(OfferRejected, match="no media security"):
        answered("RTP/AVP")


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"])
def test_off_refuses_what_must_be_protected(protocol: str) -> None:
    with pytest.raises(OfferRejected, match="plain"):
        answered(protocol, RFC_LINE, f"fingerprint:{THEIRS}", local=ours("off"))


def test_off_answers_a_best_effort_offer_in_plain() -> None:
    agreed = answered("RTP/AVP", RFC_LINE, f"fingerprint:{THEIRS}", local=ours("off"))
    assert agreed.security is None
    assert agreed.description.media[0].attribute("crypto") is None
    assert agreed.description.media[0].attribute("fingerprint") is None


def test_offered_answers_a_plain_offer_in_plain() -> None:
    assert answered("RTP/AVP", local=ours("offered")).security is None


def test_of_several_streams_the_first_that_can_be_protected_is_taken() -> None:
    text = described("RTP/AVP") + b"m=audio 5008 RTP/SAVP 0\r\na=" + RFC_LINE.encode() + b"\r\n"
    agreed = answer(parse(text), ours())
    assert [media.port for media in agreed.description.media] == [0, 40_000]


# ---- DTLS ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("setup", "role", "said"),
    [
        (("setup:actpass",), "actpass", "passive"),
        (("setup:actpass",), "active", "active"),  # a role once taken is kept
        (("setup:active",), "actpass", "passive"),
        (("setup:passive",), "actpass", "active"),
        (("setup:ActPass ", "connection:new"), "actpass", "passive"),
        ((), "actpass", "passive"),
    ],
)
def test_the_role_follows_from_theirs(setup: tuple[str, ...], role, said: str) -> None:
    agreed = answered("UDP/TLS/RTP/SAVP", f"fingerprint:{THEIRS}", *setup, local=ours(setup=role))
    assert agreed.security == Dtls(said == "active", (THEIRS,))
    media = agreed.description.media[0]
    assert (media.attribute("setup"), media.attribute("fingerprint")) == (said, str(CERTIFICATE))
    assert media.protocol == "UDP/TLS/RTP/SAVP"


def test_a_fingerprint_of_the_session_counts_for_the_stream_and_the_streams_own_wins() -> None:
    of_session = (f"fingerprint:{THEIRS}", "setup:passive")
    assert answered("UDP/TLS/RTP/SAVPF", session=of_session).security == Dtls(True, (THEIRS,))
    other = Fingerprint("sha-512", bytes(64))
    agreed = answered("UDP/TLS/RTP/SAVPF", f"fingerprint:{other}", "setup:active", session=of_session)
    assert agreed.security == Dtls(False, (other,))


def test_keys_in_the_description_are_preferred_to_a_handshake_and_never_used_beside_one() -> None:
    both = (RFC_LINE, f"fingerprint:{THEIRS}", "setup:actpass")
    assert isinstance(answered("RTP/SAVP", *both).security, Sdes)
    assert isinstance(answered("UDP/TLS/RTP/SAVP", *both).security, Dtls)
    assert isinstance(answered("RTP/SAVP", *both, local=ours(cryptos=())).security, Dtls)
    with pytest.raises(OfferRejected):
        answered("UDP/TLS/RTP/SAVP", RFC_LINE)


@pytest.mark.parametrize(
    "bad",
    [
        ("fingerprint:sha-1 " + ":".join(["AB"] * 20),),
        ("fingerprint:md5 " + ":".join(["AB"] * 16),),
        ("fingerprint:sha-256 " + ":".join(["AB"] * 31),),
        ("fingerprint:sha-256 " + "AB" * 32,),
        ("fingerprint:sha-256",),
        ("fingerprint",),
        (f"fingerprint:{THEIRS}", "setup:holdconn"),
        (f"fingerprint:{THEIRS}", "setup:first"),
        (f"fingerprint:{THEIRS}", "setup"),
    ],
)
def test_a_handshake_that_cannot_be_checked_or_begun_is_refused(bad: tuple[str, ...]) -> None:
    with pytest.raises(OfferRejected):
        answered("UDP/TLS/RTP/SAVP", *bad)


# ---- our offers ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("policy", "more", "protocol"),
    [
        ("off", {}, "RTP/AVP"),
        ("offered", {}, "RTP/AVP"),
        ("required", {}, "RTP/SAVP"),
        ("required", {"cryptos": ()}, "UDP/TLS/RTP/SAVP"),
        ("required", {"protocol": "RTP/SAVPF"}, "RTP/SAVPF"),
    ],
)
def test_an_offer_says_what_the_policy_wants(policy: str, more, protocol: str) -> None:
    media = offer(ours(policy, **more)).media[0]
    assert media.protocol == protocol
    assert len(media.attribute_values("crypto")) == (0 if policy == "off" or "cryptos" in more else 4)
    assert (media.attribute("setup") is not None) == (policy != "off")


@pytest.mark.parametrize("policy", ["offered", "required"])
def test_their_answer_to_our_offer_settles_both_keys(policy: str) -> None:
    made = offer(ours(policy))
    agreed = accept(made, parse(described(made.media[0].protocol, line(SHA1_80, 3))))
    assert agreed.security == Sdes(SHA1_80, OUR_KEYS[SHA1_80], THEIR_KEY)


@pytest.mark.parametrize(("said", "is_client"), [("active", False), ("passive", True)])
def test_their_answer_to_our_offer_settles_who_begins(said: str, is_client: bool) -> None:
    made = offer(ours(cryptos=()))
    text = described("UDP/TLS/RTP/SAVP", f"fingerprint:{THEIRS}", f"setup:{said}")
    assert accept(made, parse(text)).security == Dtls(is_client, (THEIRS,))


@pytest.mark.parametrize(
    ("protocol", "attributes"),
    [
        ("RTP/SAVP", ()),
        ("RTP/AVP", (line(SHA1_80, 3),)),
        ("RTP/SAVP", (line(SHA1_80, 4),)),  # the tag of another suite
        ("RTP/SAVP", (line(SHA1_80, 9),)),
        ("RTP/SAVP", (line(SHA1_80, 3), line(SHA1_32, 4))),
        ("RTP/SAVP", (line(SHA1_80, 3, OUR_KEYS[SHA1_80]),)),
        ("RTP/SAVP", (line(SHA1_80, 3) + " UNENCRYPTED_SRTP",)),
        ("RTP/SAVP", (f"fingerprint:{THEIRS}", "setup:actpass")),
    ],
)
def test_an_answer_that_is_none_of_what_we_offered_is_rejected(
    protocol: str, attributes: tuple[str, ...]
) -> None:
    with pytest.raises(AnswerRejected):
        accept(offer(ours()), parse(described(protocol, *attributes)))


def test_best_effort_may_be_answered_in_plain() -> None:
    assert accept(offer(ours("offered")), parse(described("RTP/AVP"))).security is None


# ---- for all ------------------------------------------------------------------------------------------------------
@given(st.sampled_from(sorted(SUITES)), st.integers(1, 999_999_999), st.data())
def test_a_line_that_we_print_reads_back(suite: str, tag: int, data: st.DataObject) -> None:
    crypto = Crypto(tag, suite, data.draw(st.binary(min_size=SUITES[suite], max_size=SUITES[suite])))
    media = parse(described("RTP/SAVP", f"crypto:{crypto}")).media[0]
    assert cryptos_of(media) == [crypto]


@given(
    st.sampled_from(["offered", "required"]),
    st.sampled_from(["offered", "required"]),
    st.permutations(CRYPTOS),
)
def test_two_of_us_agree_on_each_others_keys(offers: str, answers: str, order) -> None:
    made = offer(ours(offers))
    theirs = tuple(replace(each, keying=each.keying[::-1]) for each in order)
    answering = ours(answers, cryptos=theirs)
    agreed = answer(made, answering)
    settled = accept(made, agreed.description)
    assert isinstance(agreed.security, Sdes)
    assert isinstance(settled.security, Sdes)
    assert (agreed.security.send, agreed.security.receive) == (
        settled.security.receive,
        settled.security.send,
    )
    assert agreed.security.suite == settled.security.suite == order[0].suite


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x00", exclude_categories=["Cc"]), max_size=60
)


@given(
    st.sampled_from(["RTP/AVP", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"]),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["crypto:", "crypto:1 ", f"crypto:1 {SHA1_80} inline:", "fingerprint:", "setup:"]
            ),
            TEXT,
        ).map("".join),
        max_size=4,
    ),
    st.sampled_from(["off", "offered", "required"]),
)
def test_whatever_stands_there_is_answered_by_the_policy_or_refused(protocol, attributes, policy) -> None:
    try:
        agreed = answered(protocol, *attributes, local=ours(policy))
    except NotAcceptable:
        return
    assert agreed.security is not None or (protocol == "RTP/AVP" and policy != "required")
    assert agreed.security is None or policy != "off"
