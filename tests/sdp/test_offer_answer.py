"""What an offer and our abilities come to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sdp import (
    AnswerRejected,
    LocalMedia,
    MalformedDescription,
    Negotiated,
    NotAcceptable,
    OfferRejected,
    accept,
    answer,
    at_port,
    next_version,
    offer,
    parse,
)  # fmt: skip

OURS = LocalMedia(("192.0.2.2", 40_000), session_id=7)


def offered(
    media: str = "m=audio 5004 RTP/AVP 0 8 101",
    *attributes: str,
    c: str = "IN IP4 192.0.2.1",
    session: str = "",
):
    attributes = attributes or ("rtpmap:101 telephone-event/8000",)
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 192.0.2.1",
        "s=-",
        *([f"c={c}"] if c else []),
        "t=0 0",
        *([session] if session else []),
    ]
    return parse("\r\n".join([*lines, media, *(f"a={text}" for text in attributes), ""]).encode())


def answered(*arguments, **more) -> Negotiated:
    return answer(offered(*arguments, **more), OURS)


def test_an_ordinary_offer_is_answered_with_one_codec_and_events() -> None:
    agreed = answered()
    assert (agreed.codec, agreed.payload_type, agreed.clock_hz) == ("PCMU", 0, 8_000)
    assert agreed.telephone_event_type == 101
    assert (agreed.remote, agreed.remote_rtcp) == (("192.0.2.1", 5004), ("192.0.2.1", 5005))
    assert (agreed.direction, agreed.sending, agreed.hearing, agreed.ptime_ms) == ("sendrecv", True, True, 20)
    assert agreed.description.build().decode().split("\r\n") == [
        "v=0", "o=- 7 1 IN IP4 192.0.2.2", "s=-", "c=IN IP4 192.0.2.2", "t=0 0", "m=audio 40000 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv",
        "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("media", "attributes", "codec", "payload_type", "events"),
    [
        ("m=audio 5004 RTP/AVP 8 0", ("x",), "PCMA", 8, 0),  # their order counts; no rtpmap needed
        ("m=audio 5004 RTP/AVP 0", ("rtpmap:0 pcmu/8000/1",), "PCMU", 0, 0),
        ("m=audio 5004 RTP/AVP 97", ("rtpmap:97 PCMA/8000",), "PCMA", 97, 0),
        ("m=audio 5004 RTP/AVP 18 9 96 8", ("rtpmap:96 opus/48000/2",), "PCMA", 8, 0),
        ("m=audio 5004 RTP/AVP 98 0", ("rtpmap:98 PCMU/16000",), "PCMU", 0, 0),
        ("m=audio 5004 RTP/AVP 98 0", ("rtpmap:98 PCMU/8000/2",), "PCMU", 0, 0),
        ("m=audio 5004 RTP/AVP 0 96", ("rtpmap:96 Telephone-Event/8000",), "PCMU", 0, 96),
        ("m=audio 5004 RTP/AVP 0 96", ("rtpmap:96 telephone-event/48000",), "PCMU", 0, 0),
        ("m=audio 5004 RTP/AVP 0 8", ("rtpmap:0 GARBAGE/8000",), "PCMA", 8, 0),
        ("m=audio 5004 RTP/AVP 72 4294967296 -1 0x8 8", ("rtpmap:72 PCMU/8000",), "PCMA", 8, 0),
        ("m=audio 5004 RTP/AVP 8", ("rtpmap:8", "rtpmap:x PCMU/8000", "rtpmap:8 /8000"), "PCMA", 8, 0),
    ],
)  # fmt: skip
def test_the_codec_is_the_first_of_theirs_that_we_speak(
    media, attributes, codec, payload_type, events
) -> None:
    agreed = answered(media, *attributes)
    assert (agreed.codec, agreed.payload_type, agreed.telephone_event_type) == (codec, payload_type, events)


@pytest.mark.parametrize(
    ("media", "more"),
    [
        ("m=audio 5004 RTP/AVP 18", {}),
        ("m=audio 5004 RTP/AVP 101", {}),
        ("m=audio 0 RTP/AVP 0", {}),
        ("m=audio 5004 RTP/SAVP 0", {}),
        ("m=audio 5004 UDP/TLS/RTP/SAVPF 0", {}),
        ("m=video 5004 RTP/AVP 0", {}),
        ("m=image 5004 udptl t38", {}),
        ("m=audio 5004 RTP/AVP 0", {"c": ""}),
        ("m=audio 5004 RTP/AVP 0", {"c": "IN IP6 2001:db8::1"}),
        ("m=audio 5004 RTP/AVP 0", {"c": "IN IP4 host.example.com"}),
        ("m=audio 5004 RTP/AVP 0", {"c": "IN IP4 224.2.1.1/127"}),
        ("m=audio 5004 RTP/AVP 0", {"c": "IN IP4 239.1.1.1"}),
        ("m=audio 5004 RTP/AVP 0", {"c": "IN IP4 255.255.255.255"}),
        ("m=audio 5004 RTP/AVP 0", {"c": "IN IP4 300.1.1.1"}),
    ],
)
def test_an_offer_with_nothing_for_us_is_rejected(media: str, more: dict[str, str]) -> None:
    with pytest.raises(OfferRejected):
        answered(media, **more)


def test_an_offer_without_media_is_rejected() -> None:
    with pytest.raises(OfferRejected):
        answer(parse(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"), OURS)


def test_other_streams_are_refused_in_their_places() -> None:
    agreed = answered(
        "m=video 6000 RTP/AVP 99\r\nm=audio 0 RTP/AVP 0\r\nm=audio 5004 RTP/AVP 8 18\r\nm=audio 5008 RTP/AVP 0",
        "x",
    )
    assert [(m.kind, m.port, m.formats) for m in agreed.description.media] == [
        ("video", 0, ("99",)), ("audio", 0, ("0",)), ("audio", 40_000, ("8",)), ("audio", 0, ("0",)),
    ]  # fmt: skip
    assert agreed.remote == ("192.0.2.1", 5004)


WIDE = LocalMedia(OURS.address, ("opus", "G722", "PCMU", "PCMA", "L16"), comfort_noise=True, rtcp_mux=True)
OPUS = ("rtpmap:111 opus/48000/2", "rtpmap:101 telephone-event/8000", "rtpmap:102 telephone-event/48000")


def test_opus_is_answered_as_its_rfc_names_it_and_with_events_on_its_clock() -> None:
    agreed = answer(offered("m=audio 5004 RTP/AVP 111 0 101 102", *OPUS), WIDE)
    assert (agreed.codec, agreed.payload_type, agreed.clock_hz) == ("opus", 111, 48_000)
    assert agreed.telephone_event_type == 102
    lines = agreed.description.build().decode().split("\r\n")
    assert "m=audio 40000 RTP/AVP 111 102" in lines
    assert "a=rtpmap:111 opus/48000/2" in lines
    assert "a=fmtp:111 minptime=10;useinbandfec=1" in lines
    assert "a=rtpmap:102 telephone-event/48000" in lines


@pytest.mark.parametrize(
    ("fmtp", "fec", "dtx", "bit_rate"),
    [
        ("useinbandfec=1; usedtx=1;maxaveragebitrate=20000", True, True, 20_000),
        ("UseInbandFEC=1;stereo=1", True, False, 0),
        ("useinbandfec=0;maxaveragebitrate=1", False, False, 6_000),
        ("maxaveragebitrate=9999999;;=;x", False, False, 510_000),
        ("maxaveragebitrate=4294967296", False, False, 0),
        ("maxaveragebitrate=-5;usedtx=yes", False, False, 0),
    ],
)
def test_what_they_say_of_their_opus_is_read_and_kept_in_reason(fmtp, fec, dtx, bit_rate) -> None:
    agreed = answer(offered("m=audio 5004 RTP/AVP 111", *OPUS, f"fmtp:111 {fmtp}"), WIDE)
    theirs = agreed.format
    assert (theirs.is_set("useinbandfec"), theirs.is_set("usedtx"), theirs.bit_rate()) == (fec, dtx, bit_rate)


@pytest.mark.parametrize(
    ("media", "attributes", "codec", "also"),
    [
        ("m=audio 5004 RTP/AVP 9 0 8", ("x",), "G722", ["PCMU", "PCMA"]),
        ("m=audio 5004 RTP/AVP 0 9 8", ("x",), "PCMU", ["PCMA"]),  # a wider band needs another stream
        ("m=audio 5004 RTP/AVP 111 0", OPUS, "opus", []),  # and so does another clock
        ("m=audio 5004 RTP/AVP 96 0", ("rtpmap:96 L16/16000",), "L16", []),
        ("m=audio 5004 RTP/AVP 96 0", ("rtpmap:96 L16/44100",), "PCMU", []),
        ("m=audio 5004 RTP/AVP 96 0", ("rtpmap:96 opus/16000/2",), "PCMU", []),
        ("m=audio 5004 RTP/AVP 0 8 97 98 99 100", tuple(f"rtpmap:{n} PCMU/8000" for n in range(97, 101)),
         "PCMU", ["PCMA", "PCMU", "PCMU"]),
    ],
)  # fmt: skip
def test_what_could_take_the_codecs_place_is_remembered(media, attributes, codec, also) -> None:
    agreed = answer(offered(media, *attributes), WIDE)
    assert agreed.codec == codec
    assert [each.name for each in agreed.also] == also


def test_comfort_noise_and_one_port_for_rtcp_are_agreed_where_both_want_them() -> None:
    both = answer(offered("m=audio 5004 RTP/AVP 0 13", "rtcp-mux"), WIDE)
    assert (both.comfort_noise_type, both.rtcp_mux, both.remote_rtcp) == (13, True, ("192.0.2.1", 5004))
    assert b"a=rtpmap:13 CN/8000\r\n" in both.description.build()
    assert b"a=rtcp-mux\r\n" in both.description.build()
    ours_only = answer(offered("m=audio 5004 RTP/AVP 0"), WIDE)
    assert (ours_only.comfort_noise_type, ours_only.rtcp_mux) == (0, False)
    theirs_only = answer(offered("m=audio 5004 RTP/AVP 0 13", "rtcp-mux"), OURS)
    assert (theirs_only.comfort_noise_type, theirs_only.rtcp_mux) == (0, False)


def test_an_answer_is_the_same_whenever_its_port_is_known() -> None:
    theirs = offered("m=video 5006 RTP/AVP 31\r\nm=audio 5004 RTP/AVP 0\r\nm=audio 5008 RTP/AVP 8")
    not_yet = replace(OURS, address=(OURS.address[0], 9))
    assert at_port(answer(theirs, not_yet), OURS.address[1]) == answer(theirs, OURS)


def test_an_offer_of_everything_is_agreed_with_itself() -> None:
    mine = offer(WIDE)
    assert mine.media[0].formats == ("96", "9", "0", "8", "97", "13", "102", "101", "103")
    theirs = answer(parse(mine.build()), WIDE)
    assert (theirs.codec, theirs.telephone_event_type, theirs.rtcp_mux) == ("opus", 102, True)
    assert accept(mine, parse(theirs.description.build())).codec == "opus"


DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
FLOWS = {"sendrecv": (1, 1), "sendonly": (1, 0), "recvonly": (0, 1), "inactive": (0, 0)}


@pytest.mark.parametrize("theirs", DIRECTIONS)
@pytest.mark.parametrize("ours", DIRECTIONS)
@pytest.mark.parametrize("at_session", [False, True])
def test_sound_flows_where_both_want_it(theirs, ours, at_session: bool) -> None:
    text = offered(session=f"a={theirs}") if at_session else offered("m=audio 5004 RTP/AVP 0", theirs)
    agreed = answer(text, LocalMedia(OURS.address, direction=ours))
    (their_sending, their_hearing), (sending, hearing) = FLOWS[theirs], FLOWS[ours]
    assert agreed.sending == bool(sending and their_hearing)
    assert agreed.hearing == bool(hearing and their_sending)
    assert agreed.description.direction_of(agreed.description.media[0]) == agreed.direction


def test_the_hold_of_old_stops_our_sending_only() -> None:
    agreed = answered(c="IN IP4 0.0.0.0")
    assert (agreed.remote, agreed.remote_rtcp, agreed.direction) == (None, None, "recvonly")
    assert (agreed.sending, agreed.hearing) == (False, True)


def test_ipv6_meets_ipv6() -> None:
    agreed = answer(offered(c="IN IP6 2001:DB8::1"), LocalMedia(("2001:db8::2", 40_000)))
    assert agreed.remote == ("2001:db8::1", 5004)
    assert b"c=IN IP6 2001:db8::2\r\n" in agreed.description.build()


@pytest.mark.parametrize(
    ("attribute", "port"),
    [("rtcp:6000", 6000), ("rtcp:6001 IN IP4 203.0.113.1", 6001), ("rtcp:0", 5005), ("rtcp:99999", 5005),
     ("rtcp:0655359", 5005), ("rtcp:", 5005), ("rtcp:١", 5005)],
)  # fmt: skip
def test_rtcp_goes_to_the_port_that_is_named_on_the_same_host(attribute: str, port: int) -> None:
    assert answered("m=audio 5004 RTP/AVP 0", attribute).remote_rtcp == ("192.0.2.1", port)


def test_there_is_no_port_after_the_last() -> None:
    assert answered("m=audio 65535 RTP/AVP 0").remote_rtcp is None


@pytest.mark.parametrize(
    ("text", "ptime_ms"),
    [("30", 30), ("5", 10), ("500", 60), ("-20", 20), ("9999999", 20), ("", 20), ("20.5", 20)],
)
def test_packet_times_are_kept_in_reason(text: str, ptime_ms: int) -> None:
    assert answered("m=audio 5004 RTP/AVP 0", f"ptime:{text}").ptime_ms == ptime_ms


@pytest.mark.parametrize(
    ("attributes", "ptime_ms"),
    [(("maxptime:10",), 10), (("ptime:60", "maxptime:40"), 40), (("ptime:30", "maxptime:60"), 30),
     (("ptime:40", "maxptime:x"), 40), (("maxptime:200",), 20), (("maxptime:0",), 10)],
)  # fmt: skip
def test_packets_are_no_longer_than_they_can_take(attributes: tuple[str, ...], ptime_ms: int) -> None:
    assert answered("m=audio 5004 RTP/AVP 0", *attributes).ptime_ms == ptime_ms


@pytest.mark.parametrize(
    ("stated", "playback_hz"),
    [("8000", 8_000), ("12000", 16_000), ("16000", 16_000), ("24000", 24_000), ("48000", 48_000), ("96000", 48_000),
     ("0", 48_000), ("x", 48_000), ("", 48_000), ("99999999", 48_000)],
)  # fmt: skip
def test_opus_is_sent_at_a_rate_that_they_play(stated: str, playback_hz: int) -> None:
    agreed = answer(offered("m=audio 5004 RTP/AVP 111", *OPUS, f"fmtp:111 maxplaybackrate={stated}"), WIDE)
    assert agreed.format.playback_hz() == playback_hz


def test_without_events_of_ours_none_are_agreed() -> None:
    agreed = answer(offered(), LocalMedia(OURS.address, telephone_events=False))
    assert agreed.telephone_event_type == 0
    assert agreed.description.media[0].formats == ("0",)


def test_the_version_grows_with_every_change_and_only_then() -> None:
    first = answered().description
    again = answer(offered(), OURS, first).description
    assert again == first
    held = answer(offered("m=audio 5004 RTP/AVP 0", "sendonly"), OURS, again).description
    assert held.origin.session_version == first.origin.session_version + 1
    assert held.origin.session_id == first.origin.session_id
    assert next_version(held, None) == held


@pytest.mark.parametrize("codecs", [("PCMU", "PCMA"), ("PCMA",)])
def test_offer_and_answer_agree_on_both_sides(codecs: tuple[str, ...]) -> None:
    mine = offer(LocalMedia(("192.0.2.9", 30_000), codecs=codecs, direction="sendonly"))
    theirs = answer(parse(mine.build()), OURS)
    agreed = accept(mine, parse(theirs.description.build()))
    assert (
        (agreed.codec, agreed.payload_type)
        == (theirs.codec, theirs.payload_type)
        == (codecs[0], agreed.payload_type)
    )
    assert agreed.remote == OURS.address
    assert (agreed.direction, theirs.direction) == ("sendonly", "recvonly")
    assert agreed.description == mine


@pytest.mark.parametrize(
    ("media", "attributes"),
    [
        ("m=audio 0 RTP/AVP 0", ()),
        ("m=audio 5004 RTP/AVP 18", ()),
        ("m=audio 5004 RTP/AVP 8", ("x",)),
        ("m=video 5004 RTP/AVP 0", ()),
        ("m=audio 5004 RTP/AVP 0\r\nm=audio 5006 RTP/AVP 0", ()),
        ("a=nothing", ()),
    ],
)
def test_an_answer_that_does_not_fit_is_rejected(media: str, attributes: tuple[str, ...]) -> None:
    mine = offer(LocalMedia(OURS.address, codecs=("PCMU",)))
    with pytest.raises(AnswerRejected):
        accept(mine, offered(media, *attributes))


@given(
    media=st.lists(st.text("0123456789 RTP/AVPaudio", max_size=30), max_size=3),
    attributes=st.lists(
        st.sampled_from(["rtpmap:", "fmtp:", "ptime:", "rtcp:", "sendonly", ""]).flatmap(
            lambda start: st.text("0123456789 /PCMU-", max_size=20).map(lambda text: start + text)
        ),
        max_size=5,
    ),
)
def test_whatever_is_offered_it_is_answered_or_rejected(media: list[str], attributes: list[str]) -> None:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "m=audio 5004 RTP/AVP 0"]
    lines += [f"m=audio {text}" for text in media] + [f"a={text}" for text in attributes]
    try:
        agreed = answer(parse("\r\n".join(lines).encode()), OURS)
    except (NotAcceptable, MalformedDescription):
        return
    assert parse(agreed.description.build()) == agreed.description
    assert len(agreed.description.media) == 1 + len(media)
