"""The server as its callers meet it, in virtual time."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from mediasrv.config import load
from mediasrv.endpoints import CallGone, SipCall
from mediasrv.errors import ConfigError
from mediasrv.ids import SeededTokens
from mediasrv.media.engine import Engine
from mediasrv.sdp import LocalMedia, answer, parse
from mediasrv.server import Server
from mediasrv.server.wiring import engine_settings
from mediasrv.sip import EndCause, Ended, Rejected
from tests.fakes.clock import TrioClock
from tests.fakes.datagrams import FakeNetwork
from tests.server.house import EVERYTHING_FORGOTTEN_S, HOUSE, House, running


async def refusal(call: SipCall) -> Rejected:
    with pytest.raises(CallGone) as gone:
        await call.wait_answered()
    assert isinstance(gone.value.end, Rejected)
    return gone.value.end


async def hung_up(call: SipCall) -> Ended:
    end = await call.wait_ended()
    assert isinstance(end, Ended)
    return end


async def nothing_is_left(house: House) -> None:
    await trio.sleep(EVERYTHING_FORGOTTEN_S)
    statistics = house.server.statistics()
    assert (statistics.live_calls, statistics.live_dialogs, statistics.live_streams) == (0, 0, 0)
    assert house.server._endpoint is not None
    sip = house.server._endpoint.statistics()
    assert (sip.transactions, sip.dialogs, sip.calls) == (0, 0, 0)


async def test_a_call_is_answered_heard_hung_up_and_recorded(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        await trio.sleep(1)
        assert 45 <= house.packets_to(5071) <= 55
        await call.bye()
        await nothing_is_left(house)
        (record,) = house.call_records()
        assert record["ending"] == "caller_hung_up"
        assert (record["caller"], record["called"], record["trunk"], record["agent"]) == (
            "anna",
            "100",
            "local",
            "tone",
        )
        assert house.events()[:3] == ["sip", "sip", "call_began"]
        assert house.server.statistics().counts["calls_ended"] == {"caller_hung_up": 1}


async def test_numbers_find_their_agents_and_unknown_ones_are_not_found(autojump_clock) -> None:
    numbers = {"MEDIASRV_AGENTS__DEFAULT": "", "MEDIASRV_AGENTS__NUMBERS": '{"200": "echo"}'}
    async with running(numbers) as house, house.caller() as caller:
        assert (await refusal(await caller.call("100"))).status == 404
        call = await caller.answered("200")
        await call.bye()
        await nothing_is_left(house)
        assert [record["agent"] for record in house.call_records()] == ["echo"]


async def test_a_number_may_lead_to_an_agent_that_a_file_declares(autojump_clock, tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text('prompt = "x"\n[providers]\nears = ["model"]')
    told = {
        "MEDIASRV_AGENTS__DIRECTORY": str(tmp_path),
        "MEDIASRV_AGENTS__NUMBERS": '{"200": "desk"}',
        "MEDIASRV_PROVIDERS": '{"model": {"adapter": "openai", "key": "k"}, "voice": {"adapter": "formant"}}',
    }
    async with running(told) as house, house.caller() as caller:
        call = await caller.answered("200")
        await call.bye()
        await nothing_is_left(house)
        assert [record["agent"] for record in house.call_records()] == ["desk"]


async def test_a_stranger_is_forbidden_whatever_the_number(autojump_clock) -> None:
    async with running() as house, house.caller(("192.0.2.1", 5070)) as stranger:
        assert (await refusal(await stranger.call())).status == 403
        await nothing_is_left(house)
        assert house.sink.records == []
        assert house.server.statistics().counts["sip"]["answered.403"] == 1


async def test_a_stranger_who_does_not_acknowledge_gets_one_datagram_for_one(autojump_clock) -> None:
    """He may be somebody else, whose address was written on the envelope."""
    async with running() as house, house.caller(("192.0.2.1", 5070)) as stranger:
        house.network.loses = lambda data, to: data.startswith(b"ACK")
        await refusal(await stranger.call())
        await nothing_is_left(house)
        sent = [to for source, to, _ in house.network.wire if source == HOUSE]
        assert sent == [("192.0.2.1", 5070)]


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        (b"nonsense", 400),
        (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n",
            488,
        ),
        (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n",
            488,
        ),
    ],
)
async def test_an_offer_without_use_is_refused_and_gives_its_room_back(
    autojump_clock, offered: bytes, status: int
) -> None:
    async with running({"MEDIASRV_MEDIA__CAPACITY": "1"}) as house, house.caller() as caller:
        for _ in range(3):
            assert (await refusal(await caller.call(body=offered))).status == status
        await (await caller.answered()).bye()
        await nothing_is_left(house)


async def test_a_call_beyond_capacity_is_told_when_to_come_back(autojump_clock) -> None:
    async with running({"MEDIASRV_MEDIA__CAPACITY": "1"}) as house, house.caller() as caller:
        first = await caller.answered()
        refused = await refusal(await caller.call())
        assert refused.status == 503
        assert int(refused.headers.text("Retry-After") or 0) > 0
        await first.bye()
        await trio.sleep(1)
        await (await caller.answered()).bye()
        await nothing_is_left(house)


async def test_ports_used_up_are_a_503_too(autojump_clock) -> None:
    async with running({"MEDIASRV_MEDIA__RTP_PORTS": "30000-30001"}) as house, house.caller() as caller:
        first = await caller.answered()
        assert (await refusal(await caller.call())).status == 503
        await first.bye()
        await nothing_is_left(house)


@pytest.mark.parametrize("codec", ["PCMA", "opus", "G722"])
async def test_a_late_offer_is_ours_and_names_all_that_we_speak_and_the_answer_opens_the_sound(
    autojump_clock, codec: str
) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(body=b"")
        offered = await call.wait_answered()
        assert all(name in offered for name in (b"PCMU", b"PCMA", b"G722", b"opus/48000/2"))
        theirs = LocalMedia(("127.0.0.1", 5099), (codec,))
        await call.acknowledge(answer(parse(offered), theirs).description.build())
        await trio.sleep(1)
        (stream,) = house.engine.streams()
        assert stream.codec == codec
        assert house.packets_to(5099) > 40
        await call.bye()
        await nothing_is_left(house)


async def test_a_late_offer_without_an_answer_ends_the_call(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call(body=b"")
        await call.wait_answered()
        await call.acknowledge(b"")
        assert "unacceptable answer" in (await hung_up(call)).reason_text
        await nothing_is_left(house)


async def test_hold_stops_the_sound_and_resume_brings_it_back_elsewhere(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        await trio.sleep(1)
        await caller.reinvite(call, direction="sendonly")
        await trio.sleep(0.1)
        assert house.packets_to(5071) > 0
        await trio.sleep(1)
        assert house.packets_to(5071) == 0, "they only send: we may not speak"
        await caller.reinvite(call, port=5081)
        await trio.sleep(1)
        assert house.packets_to(5081) > 40
        await call.bye()
        await nothing_is_left(house)


async def test_who_is_silenced_stays_so_whatever_he_offers_after_that(autojump_clock) -> None:
    async with running() as house, house.caller() as anna:
        call = await anna.answered()
        await trio.sleep(0.2)
        (live,) = house.server._roster.calls()
        live.leg.silence()
        await trio.sleep(0.2)
        house.sent.clear()
        await anna.reinvite(call, port=6000)
        await trio.sleep(0.5)
        assert [packet for packet in house.sent if packet.to[1] in (5071, 6000)] == []
        await call.bye()
        await nothing_is_left(house)


async def test_a_reinvite_that_wants_another_codec_is_refused_and_the_call_goes_on(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        caller.media = replace(caller.media, codecs=("opus",))
        await caller.reinvite(call)
        await trio.sleep(0.1)
        assert any("488" in line for line in house.network.lines())
        house.packets_to(5071)
        await trio.sleep(1)
        assert house.packets_to(5071) > 40
        await call.bye()
        await nothing_is_left(house)


async def test_a_reinvite_changes_to_another_codec_of_the_first_offer(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        await trio.sleep(0.1)
        caller.media = replace(caller.media, codecs=("PCMA",))
        await caller.reinvite(call)
        await trio.sleep(0.1)
        house.sent.clear()
        await trio.sleep(1)
        assert {packet.data[1] & 0x7F for packet in house.sent} == {8}
        await call.bye()
        await nothing_is_left(house)


async def test_a_reinvite_changes_the_length_of_packets(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        for ptime_ms, packets in ((60, 17), (10, 100)):
            caller.media = replace(caller.media, ptime_ms=ptime_ms)
            await caller.reinvite(call)
            await trio.sleep(0.2)
            house.sent.clear()
            await trio.sleep(1)
            assert len(types(house)) == pytest.approx(packets, abs=2)
        await call.bye()
        await nothing_is_left(house)


def types(house: House) -> list[int]:
    """The payload types of the sound that was sent."""
    return [packet.data[1] & 0x7F for packet in house.sent if not packet.is_rtcp]


async def test_silence_is_described_for_callers_who_can_read_it_and_sent_again_when_they_cannot(
    autojump_clock,
) -> None:
    environment = {"MEDIASRV_MEDIA__COMFORT_NOISE": "true", "MEDIASRV_AGENTS__DEFAULT": "echo"}
    async with running(environment) as house, house.caller() as caller:
        caller.media = replace(caller.media, codecs=("PCMU",), comfort_noise=True)
        call = await caller.answered()
        await trio.sleep(1)
        house.sent.clear()
        await trio.sleep(2)
        assert types(house) == [13, 13]
        caller.media = replace(caller.media, comfort_noise=False)
        await caller.reinvite(call)
        await trio.sleep(0.1)
        house.sent.clear()
        await trio.sleep(1)
        assert types(house) == [0] * len(types(house))
        assert len(types(house)) > 40
        await call.bye()
        await nothing_is_left(house)


async def test_reports_go_through_the_port_of_the_sound_or_the_one_above_it(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        for multiplexed in (True, False):
            caller.media = replace(caller.media, rtcp_mux=multiplexed)
            call = await caller.answered()
            house.sent.clear()
            await trio.sleep(15)
            reports = [packet for packet in house.sent if packet.is_rtcp]
            assert all(200 <= packet.data[1] <= 207 for packet in reports)
            port = caller.media.address[1]
            assert {packet.to[1] for packet in reports} == {port if multiplexed else port + 1}
            await call.bye()
        await nothing_is_left(house)


async def test_a_caller_who_goes_away_while_ringing_leaves_nothing(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call()
        await call.cancel()
        await nothing_is_left(house)


async def test_a_caller_who_goes_away_before_anybody_has_looked_is_no_fault(autojump_clock) -> None:
    """INVITE and CANCEL are read in one go, as on a machine that had something else to do."""
    lines = (
        "{} sip:100@127.0.0.1 SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKquick",
        "From: <sip:anna@127.0.0.1:5070>;tag=a", "To: <sip:100@127.0.0.1>", "Call-ID: quick",
        "CSeq: 1 {}", "Contact: <sip:anna@127.0.0.1:5070>", "Max-Forwards: 70", "Content-Length: 0", "", "",
    )  # fmt: skip
    async with running() as house:
        anna = await house.network.open(("127.0.0.1", 5070))
        for method in ("INVITE", "CANCEL"):
            anna.send("\r\n".join(lines).format(method, method).encode(), HOUSE)
        await nothing_is_left(house)
        assert house.server.counters.snapshot()["calls_ended"] == {"caller_cancelled": 1}


async def test_no_sound_is_sent_before_the_ack(autojump_clock) -> None:
    """Only who has read our 200 can send it: until then, the address in the offer may be anybody's."""
    async with running() as house, house.caller() as caller:
        await (await caller.answered()).bye()
        await trio.sleep(1)
        house.sent.clear()
        house.network.loses = lambda data, to: data.startswith(b"ACK")
        call = await caller.answered()
        await trio.sleep(1)
        assert house.packets_to(5071) == 0
        house.network.loses = lambda data, to: False
        await trio.sleep(4)
        assert house.packets_to(5071) > 0
        await call.bye()
        await nothing_is_left(house)


async def test_a_caller_who_sends_nothing_is_hung_up_upon(autojump_clock) -> None:
    async with running({"MEDIASRV_MEDIA__MEDIA_TIMEOUT_MS": "2000"}) as house, house.caller() as caller:
        call = await caller.answered()
        assert "no media" in (await hung_up(call)).reason_text
        await nothing_is_left(house)
        assert house.call_records()[0]["ending"] == "media_timeout"


async def test_a_fault_in_one_call_is_that_calls_alone(autojump_clock, monkeypatch) -> None:
    async with running() as house, house.caller() as caller:
        well = await caller.answered()
        with monkeypatch.context() as patch:
            patch.setattr("mediasrv.server.reception.run_call", fails)
            ill = await caller.call()
            assert (await refusal(ill)).status == 500
        await trio.sleep(1)
        assert well.end is None
        (told,) = [line for _, _, line in house.sink.records if line.get("event") == "fault"]
        assert told["ms"] == pytest.approx(250, abs=100)  # since the call began, as every line
        await well.bye()
        await nothing_is_left(house)
        assert house.server.statistics().counts["calls_ended"] == {"caller_hung_up": 1, "fault": 1}


async def fails(*_: object) -> None:
    await trio.sleep(0.25)
    raise ZeroDivisionError


async def test_callers_who_cannot_be_answered_do_not_take_the_server_along(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        well = await caller.answered()
        socket = house.network.sockets[HOUSE]
        for error in (errno.ENETUNREACH, errno.EAGAIN):
            socket.send_error = error
            lost = await caller.call()
            await trio.sleep(0.2)
            socket.send_error = None
            await lost.cancel()
        await trio.sleep(1)
        assert well.end is None
        await well.bye()
        await nothing_is_left(house)


@pytest.mark.parametrize("passes", range(12))
async def test_the_end_of_the_server_at_any_moment_of_a_call_that_begins_leaves_nothing(
    passes: int, autojump_clock
) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.call()
        for _ in range(passes):
            await trio.lowlevel.checkpoint()
        house.server.hurry()
        await house.server.wait_stopped()
        await call.wait_ended()
        assert house.server._endpoint is not None
        assert house.server._endpoint.statistics().calls == 0


async def test_a_call_in_the_last_moment_is_sent_away_and_not_left_ringing(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        await caller.answered()
        house.network.loses = lambda data, to: data.startswith(b"BYE")  # the house waits for its answer
        house.server.hurry()
        await trio.sleep(0.1)
        assert (await refusal(await caller.call())).status == 503


async def test_draining_lets_a_call_finish_and_sends_new_ones_away(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        house.server.drain()
        refused = await refusal(await caller.call())
        assert refused.status == 503
        assert refused.headers.text("Retry-After") == "30"
        await trio.sleep(5)
        assert call.end is None
        await call.bye()
        began = trio.current_time()
        await house.server.wait_stopped()
        assert trio.current_time() - began < 1


async def test_draining_is_bounded_and_tells_why(autojump_clock) -> None:
    async with running({"MEDIASRV_SERVER__DRAIN_S": "3"}) as house, house.caller() as caller:
        call = await caller.answered()
        began = trio.current_time()
        house.server.drain()
        end = await hung_up(call)
        assert end.cause is EndCause.BYE
        assert "shutting down" in end.reason_text
        await house.server.wait_stopped()
        assert 3 <= trio.current_time() - began < 5
        assert house.call_records()[0]["ending"] == "drain"


async def test_hurrying_ends_running_calls_at_once(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        call = await caller.answered()
        began = trio.current_time()
        house.server.hurry()
        assert "shutting down" in (await hung_up(call)).reason_text
        await house.server.wait_stopped()
        assert trio.current_time() - began < 2


async def test_a_server_without_calls_stops_at_once(autojump_clock) -> None:
    async with running() as house:
        house.server.drain()
        await house.server.wait_stopped()
        assert trio.current_time() < 1


async def test_after_many_calls_that_end_in_many_ways_nothing_is_left(autojump_clock) -> None:
    async with running() as house, house.caller() as caller:
        tasks = house.server.statistics().tasks
        for at in range(100):
            call = await caller.call()
            if at % 4:
                await call.wait_answered()
            await trio.sleep(at % 7 / 10)
            await (call.bye() if at % 4 else call.cancel())
            if at % 5 == 0:
                await call.bye()
        await nothing_is_left(house)
        assert house.server.statistics().tasks == tasks
        assert len(house.call_records()) == len({record["id"] for record in house.call_records()})


async def refused_to_start(environment: dict[str, str]) -> ConfigError:
    with pytest.RaisesGroup(ConfigError, flatten_subgroups=True, allow_unwrapped=True) as caught:
        async with running(environment):
            raise AssertionError("it started")
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ConfigError)
    return error


async def test_an_agent_that_does_not_exist_is_found_before_any_call(autojump_clock) -> None:
    error = await refused_to_start({"MEDIASRV_AGENTS__NUMBERS": '{"5": "nobody"}'})
    assert "agents.numbers.5 = 'nobody'" in str(error)


async def test_the_advertised_address_is_what_peers_are_told(autojump_clock) -> None:
    async with running({"MEDIASRV_SIP__ADVERTISED": "198.51.100.20"}) as house, house.caller() as caller:
        call = await caller.call()
        answer = await call.wait_answered()
        assert b"c=IN IP4 198.51.100.20" in answer
        assert any(
            b"Contact: <sip:198.51.100.20:5060" in data
            for source, _, data in house.network.wire
            if source == HOUSE
        )


async def test_a_server_told_to_stop_while_it_starts_stops(autojump_clock) -> None:
    async with running(drained_at_once=True) as house:
        await house.server.wait_stopped()
        assert trio.current_time() < 1


async def test_a_data_directory_that_cannot_be_made_is_named(autojump_clock, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    settings = load(
        environment={"MEDIASRV_AGENTS__DEFAULT": "tone", "MEDIASRV_SERVER__DATA_DIR": str(blocker)}
    )
    server = Server(
        settings,
        clock=TrioClock(),
        tokens=SeededTokens(1),
        open_engine=lambda settings, tokens: Engine(engine_settings(settings), manual=True, tokens=tokens),
        open_socket=FakeNetwork().open,
    )
    with pytest.raises(ConfigError, match=r"server\.data_dir = .* cannot be written"):
        await server.run()


async def test_a_call_whose_speech_cannot_be_recognised_in_time_is_refused_and_others_are_not(
    autojump_clock,
) -> None:
    demo = {
        "MEDIASRV_AGENTS__NUMBERS": '{"400": "demo"}',
        "MEDIASRV_AGENTS__RECOGNISER_MILLICORES": "1",
    }
    async with running(demo) as house, house.caller() as caller:
        refused = await refusal(await caller.call("400"))
        assert refused.status == 503
        assert refused.headers.text("Retry-After") == "30"
        await (await caller.answered("100")).bye()
        await nothing_is_left(house)
