"""Attacks on a whole server that only it can answer: what they cost, whom they call, and whom they leave unharmed."""

from __future__ import annotations

import json
import re

import pytest
import trio

from mediasrv.config import Settings, TrunkSettings, load
from mediasrv.config.addresses import Network
from mediasrv.endpoints import CallGone
from mediasrv.endpoints.traffic import STRANGE_MESSAGES
from mediasrv.sip import Rejected, Uri
from tests.server.house import HOUSE, House, running

PREMIUM = (
    "sip:+19005551234@127.0.0.1", "tel:+1-900-555-1234", "sip:+19005551234@127.0.0.1:5090",
    "sip:%2B19005551234@127.0.0.1", "sip:+1(900)555.1234@127.0.0.1;user=phone", "tel:+18765551234",
)  # fmt: skip
SHORT_CODES = (
    "sip:118118@127.0.0.1",
    "sip:118118@127.0.0.1:5090",
    "tel:118118",
    "sip:118118%23@127.0.0.1",
    "sip:*72@127.0.0.1",
)
ORDINARY = "sip:+14155551234@127.0.0.1"
WORLDLY = {
    "MEDIASRV_TRUNKS__LOCAL__SOURCES": "127.0.0.0/8",
    "MEDIASRV_TRUNKS__LOCAL__DIAL_ALLOW": "+1",
    "MEDIASRV_TRUNKS__LOCAL__HOSTS": "127.0.0.1:5090",
}
BASE = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
SPEAKABLE = "m=audio 5071 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def invites(house: House) -> list[bytes]:
    return [data for source, _, data in house.network.wire if source == HOUSE and data.startswith(b"INVITE")]


@pytest.mark.parametrize("target", [*PREMIUM, ORDINARY])
async def test_a_refer_to_a_premium_number_makes_nobody_s_telephone_ring(autojump_clock, target: str) -> None:
    """Not even over a trunk that may dial those whole countries; an ordinary number there does ring."""
    async with running(WORLDLY) as house, house.caller() as caller:
        call = await caller.answered()
        transfer = await call.talk.refer(Uri.parse(target))
        with trio.fail_after(90):
            told = await transfer.wait_final()
        assert told is not None
        if target == ORDINARY:
            assert len(invites(house)) > 0
        else:
            assert (told.status, invites(house)) == (603, [])
        assert call.end is None
        await call.bye()


@pytest.mark.parametrize("target", SHORT_CODES)
async def test_a_refer_to_a_short_code_makes_nobody_s_telephone_ring(autojump_clock, target: str) -> None:
    async with running(WORLDLY) as house, house.caller() as caller:
        call = await caller.answered()
        transfer = await call.talk.refer(Uri.parse(target))
        with trio.fail_after(90):
            told = await transfer.wait_final()
        assert told is not None
        assert (told.status, invites(house)) == (603, [])
        assert call.end is None
        await call.bye()


BAD_FORMATS = {
    "a format of 2**32": "m=audio 5071 RTP/AVP 4294967296\r\n",
    "a format of 2**32 that is given a name": "m=audio 5071 RTP/AVP 4294967296 -1\r\na=rtpmap:4294967296 PCMU/8000\r\n",
    "a port of 2**32": "m=audio 4294967296 RTP/AVP 0\r\n",
    "a thousand formats that we cannot do": "m=audio 5071 RTP/AVP" + " 99" * 1_000 + "\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FORMATS)
async def test_media_formats_beyond_all_bounds_are_refused_and_the_next_call_is_served(
    autojump_clock, name: str
) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(body=(BASE + BAD_FORMATS[name]).encode())
        with pytest.raises(CallGone) as gone:
            await call.wait_answered()
        assert isinstance(gone.value.end, Rejected)
        assert gone.value.end.status in (400, 488)
        await (await caller.answered()).bye()


ANOTHER_CODEC = "rtpmap:0 PCMU/0"  # says that the only one is none that we know
BAD_FMTP = (
    "fmtp:101 4294967296-9999999999", "fmtp:101 -1", "fmtp:101", "fmtp:", "fmtp:0 " + "x" * 900, "fmtp:4294967296 0-15",
    "fmtp:101 0-15,,,;=;=\\", "ptime:-20", "ptime:99999999999999999999", "maxptime:0", ANOTHER_CODEC,
    "rtpmap:101 telephone-event/4294967296",
)  # fmt: skip


@pytest.mark.parametrize("line", BAD_FMTP)
async def test_bad_fmtp_lines_neither_crash_nor_keep_a_call_from_its_codec(autojump_clock, line: str) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(body=f"{BASE}{SPEAKABLE}a={line}\r\n".encode())
        if line == ANOTHER_CODEC:
            with pytest.raises(CallGone):
                await call.wait_answered()
            assert isinstance(call.end, Rejected)
            assert call.end.status == 488
        else:
            await call.wait_answered()
            await call.bye()
        await (await caller.answered()).bye()
        assert house.server.statistics().counts.get("sip_fault") is None


async def test_an_options_flood_leaves_a_live_call_its_sound(autojump_clock) -> None:
    async with running() as house, house.caller() as caller, house.caller(("192.0.2.66", 5070)) as stranger:
        call = await caller.answered()
        flood = (
            b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5070;rport;branch=z9hG4bK%d\r\n"
            b"From: <sip:x@192.0.2.66>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n\r\n"
        )
        house.packets_to(5071)
        for number in range(100):
            for copy in range(10):
                stranger.endpoint._socket.send(flood % (number * 10 + copy, number), HOUSE)
            await trio.sleep(0.02)
        assert 95 <= house.packets_to(5071) <= 105
        assert call.end is None
        await call.bye()


STRANGE = {
    "a BYE": b"BYE sip:x@127.0.0.1 SIP/2.0\r\nCSeq: %d BYE\r\nTo: <sip:x@127.0.0.1>;tag=guessed\r\n",
    "an OPTIONS": b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nCSeq: %d OPTIONS\r\nTo: <sip:x@127.0.0.1>\r\n",
    "a CANCEL": b"CANCEL sip:x@127.0.0.1 SIP/2.0\r\nCSeq: %d CANCEL\r\nTo: <sip:x@127.0.0.1>\r\n",
    "an ACK": b"ACK sip:x@127.0.0.1 SIP/2.0\r\nCSeq: %d ACK\r\nTo: <sip:x@127.0.0.1>;tag=guessed\r\n",
    "a response": b"SIP/2.0 200 OK\r\nCSeq: %d INVITE\r\nTo: <sip:x@127.0.0.1>;tag=guessed\r\n",
    "rubbish": b"%d\r\n",
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("source", [("192.0.2.66", 5070), ("127.0.0.1", 5075)])
async def test_a_call_id_alone_makes_no_call_s_timeline_grow(
    autojump_clock, name: str, source: tuple[str, int]
) -> None:
    async with running() as house, house.caller() as caller, house.caller(source) as stranger:
        call = await caller.answered()
        head = STRANGE[name] + (
            b"Via: SIP/2.0/UDP 192.0.2.66:5070;rport;branch=z9hG4bK%d\r\nFrom: <sip:x@192.0.2.66>;tag=1\r\n"
            b"Call-ID: " + call_id(house) + b"\r\n\r\n"
        )
        await trio.sleep(0.5)  # until the ACK is there
        before = house.events().count("sip")
        for number in range(1, 200):
            stranger.endpoint._socket.send(head % (number, number), HOUSE)
            await trio.sleep(0.01)
        assert house.events().count("sip") - before <= STRANGE_MESSAGES
        assert call.end is None
        noted = house.events().count("sip")
        await call.bye()
        await trio.sleep(1)
        assert house.events().count("sip") == noted + 2


def call_id(house: House) -> bytes:
    return re.findall(rb"\r\nCall-ID: ([^\r]+)", house.network.wire[0][2])[0]


def test_an_ipv4_mapped_source_is_the_trunk_s_when_its_ipv4_address_is() -> None:
    sources = {"sources": ["192.0.2.0/24"]}
    settings: Settings = load(environment={"MEDIASRV_TRUNKS": json.dumps({"office": sources})})
    assert settings.trunk_of("::ffff:192.0.2.7") == settings.trunk_of("192.0.2.7") == "office"
    for stranger in ("::ffff:198.51.100.7", "::192.0.2.7", "64:ff9b::c000:207", "2001:db8::1", "nonsense"):
        assert settings.trunk_of(stranger) is None


def test_a_block_of_ipv6_addresses_holds_what_it_says() -> None:
    assert Network.parse("::ffff:192.0.2.0/120").holds("::ffff:192.0.2.7")
    assert not Network.parse("2001:db8::/32").holds("::ffff:192.0.2.7")
    assert not TrunkSettings().admits("::ffff:0.0.0.0")
