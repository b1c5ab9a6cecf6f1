"""What changes in mid-call: hold, codec, address, transfer; proposed by either side, or by both at once."""

from __future__ import annotations

import trio

from tests.sim.sip.house import House
from tests.sim.sip.phone import Exchange, Phone
from tests.sim.sip.stories.beginnings import answered, recorded
from tests.sim.sip.story import ANY, STEADY, WHOLE, story
from tests.sim.sip.talk import Talk
from tests.sim.sip.wires import UdpWire

IN_FLIGHT_S = 0.5  # what was sent before a change may still arrive


async def changed(house: House, change: Exchange, status: int = 200) -> None:
    await house.until(lambda: change.status == status, f"the change is answered {status}")
    await house.until(house.settled, "and acknowledged")


async def quiet(house: House, phone: Phone) -> None:
    """Nothing more arrives than what was on its way."""
    await trio.sleep(IN_FLIGHT_S)
    since_s = house.now_s
    await house.all_along(lambda: not phone.media.heard_since(since_s), "silence", 1.0)


async def sounding(house: House, phone: Phone, codec: int | None = None) -> None:
    since_s = house.now_s
    await house.until(lambda: len(phone.media.heard_since(since_s)) > 20, "sound")
    if codec is not None:
        await trio.sleep(IN_FLIGHT_S)
        since_s = house.now_s
        await house.until(lambda: set(phone.media.heard_since(since_s)) == {codec}, f"in codec {codec} alone")


async def in_a_call(house: House, *, nat: bool = False) -> tuple[Phone, Talk]:
    """`nat`: the way back for the sound is only known when some has come."""
    anna = house.phone(nat=nat)
    call = anna.dial()
    if nat:
        anna.media.speak()
    await answered(house, anna, call)
    return anna, call


async def hung_up(house: House, call: Talk) -> None:
    call.bye()
    await recorded(house, "caller_hung_up")


@story(ANY)
async def hold_and_resume(house: House) -> None:
    anna, call = await in_a_call(house)
    for direction in ("sendonly", "inactive"):
        await changed(house, call.reoffer(direction))
        await quiet(house, anna)
        await changed(house, call.reoffer("sendrecv"))
        await sounding(house, anna)
    await hung_up(house, call)


@story(WHOLE)
async def a_hold_whose_200_and_ack_are_lost(house: House) -> None:
    anna, call = await in_a_call(house)
    house.lose("200 INVITE", 2)
    house.lose("ACK", 2)
    hold = call.reoffer("sendonly")
    await house.until(lambda: hold.status == 200, "the third 200 comes", 1.5 + house.soon_s)
    await house.until(house.settled, "and so does the third ACK", 8.0 + house.soon_s)
    await quiet(house, anna)
    await changed(house, call.reoffer("sendrecv"))
    await sounding(house, anna)
    await hung_up(house, call)


@story(ANY)
async def a_codec_is_changed(house: House) -> None:
    anna, call = await in_a_call(house)
    for codec in (8, 0, 8):
        await changed(house, call.reoffer(codecs=(codec,)))
        await sounding(house, anna, codec)
    await hung_up(house, call)


@story(ANY)
async def a_codec_we_never_spoke_of_is_refused_and_all_stays(house: House) -> None:
    anna, call = await in_a_call(house)
    body = anna.media.description().replace(b"RTP/AVP 0 8 101", b"RTP/AVP 18")
    await changed(house, call.invite(body), 488)
    await sounding(house, anna, 0)
    await hung_up(house, call)


@story(ANY)
async def a_change_by_update(house: House) -> None:
    anna, call = await in_a_call(house)
    await changed(house, call.update("sendonly"))
    await quiet(house, anna)
    await changed(house, call.update("sendrecv", (8,)))
    await sounding(house, anna, 8)
    await hung_up(house, call)


@story(WHOLE)
async def an_update_and_its_answers_are_lost(house: House) -> None:
    anna, call = await in_a_call(house)
    house.lose("UPDATE", 2)
    house.lose("200 UPDATE", 2)
    update = call.update("inactive")
    await house.until(lambda: update.status == 200, "the fifth one is answered", 7.5 + house.soon_s)
    await quiet(house, anna)
    await hung_up(house, call)


@story(ANY)
async def an_update_meets_a_reinvite_of_the_same_side(house: House) -> None:
    """Only one offer is open at a time (RFC 3311 section 5.2): the later one may be refused, and nothing breaks."""
    anna, call = await in_a_call(house)
    first = call.reoffer("sendonly")
    await trio.sleep(house.moment_s(0.1))
    second = call.update("sendrecv")
    await house.until(lambda: first.over and second.over, "both are answered")
    assert first.status in (200, 491, 500), first.status
    assert second.status in (200, 491, 500), second.status
    await changed_in_the_end(house, call)
    await sounding(house, anna)
    await hung_up(house, call)


async def changed_in_the_end(house: House, call: Talk) -> None:
    """Tries until it is not refused for being too early, as the RFC wants it (14.1)."""
    for _ in range(8):
        change = call.reoffer("sendrecv")
        await house.until(lambda change=change: change.over, "an answer")
        if change.status == 200:
            return
        assert change.status in (491, 500), change.status
        await trio.sleep(2.1 + house.moment_s(1.9))
    raise AssertionError("refused for ever")


@story(ANY)
async def a_second_reinvite_before_the_first_is_answered(house: House) -> None:
    anna, call = await in_a_call(house)
    changes = [call.reoffer(direction) for direction in ("sendonly", "recvonly", "inactive")]
    await house.until(lambda: all(change.over for change in changes), "all three are answered")
    assert {change.status for change in changes} <= {200, 491, 500}
    await changed_in_the_end(house, call)
    await sounding(house, anna)
    await hung_up(house, call)


@story(ANY)
async def a_reinvite_before_the_ack(house: House) -> None:
    """RFC 5407 section 3.1.4: it is told to wait, until the call is really up."""
    anna = house.phone()
    call = anna.dial()
    call.acks = False
    await house.until(lambda: call.up, "the call is answered")
    early = call.reoffer("sendonly")
    await house.until(lambda: early.status == 491, "not yet")
    call.acks = True
    await house.until(lambda: anna.media.heard, "the next 200 is acknowledged")
    await changed_in_the_end(house, call)
    await hung_up(house, call)


@story(ANY)
async def a_caller_moves_to_another_address(house: House) -> None:
    anna, call = await in_a_call(house)
    bert = house.phone("bert")
    moved = bert.media.description()
    await changed(house, call.invite(moved))
    await sounding(house, bert)
    await quiet(house, anna)
    await hung_up(house, call)


@story(STEADY)
async def a_nat_forgets_the_port_of_the_signalling(house: House) -> None:
    """What comes from the new port belongs to the call all the same; it has the tags."""
    anna, call = await in_a_call(house, nat=True)
    assert isinstance(anna.wire, UdpWire)
    anna.wire.rebind(32_000)
    await changed(house, call.reoffer("sendonly"))
    await hung_up(house, call)


@story(STEADY, limit_s=200)
async def a_nat_moves_the_port_and_our_requests_follow(house: House) -> None:
    """Our BYE goes where the peer was last heard, not where it called from."""
    anna, call = await in_a_call(house, nat=True)
    assert isinstance(anna.wire, UdpWire)
    anna.wire.rebind(32_000)
    await changed(house, call.update())
    house.server.hurry()
    await house.until(lambda: call.requests("BYE"), "our BYE at the new port")


@story(STEADY, media__media_timeout_ms="4000")
async def a_nat_moves_the_sound_and_it_is_found_by_what_it_says(house: House) -> None:
    """Without keys only the stream itself tells that it is still the same one: it is followed after a second."""
    anna, call = await in_a_call(house, nat=True)
    await sounding(house, anna)
    anna.media.rebind(33_000)
    await trio.sleep(1.5)
    await sounding(house, anna)
    await hung_up(house, call)


@story(STEADY)
async def a_nat_moves_the_sound_and_a_reinvite_says_where(house: House) -> None:
    anna, call = await in_a_call(house, nat=True)
    anna.media.rebind(33_000)
    anna.media.here = anna.media.outside
    await changed(house, call.reoffer())
    await sounding(house, anna)
    await hung_up(house, call)


@story(ANY, agents__default="menu")
async def a_key_under_loss_is_heard_once(house: House) -> None:
    anna, call = await in_a_call(house)
    anna.media.speak()
    await trio.sleep(1.0)
    pressed = house.draws.choice("012345678")  # 9 has the menu hang up, too: either end could be first
    anna.media.handset.press(pressed, 120)
    await house.until(lambda: chosen(house), "the menu has heard it", 15.0)
    assert chosen(house)[0] == pressed, chosen(house)
    await hung_up(house, call)


def chosen(house: House) -> list[object]:
    events = [entry.record for entry in house.sink.records if entry.kind == "timeline"]
    return [event["keys"] for event in events if event["event"] in ("choice", "no_choice")]


@story(ANY)
async def a_transfer_that_nobody_here_can_make_is_declined(house: House) -> None:
    _, call = await in_a_call(house)
    refer = call.ask("REFER", (("Refer-To", "<sip:carol@127.0.0.99>"),))
    await house.until(lambda: refer.over, "the REFER is answered", 10.0 + 2 * house.soon_s)
    assert refer.status in (403, 405, 603), refer.status
    await house.all_along(lambda: call.up, "the call goes on", 1.0)
    await hung_up(house, call)


@story(ANY)
async def what_makes_no_sense_in_a_call_is_refused_and_changes_nothing(house: House) -> None:
    anna, call = await in_a_call(house)
    expected = (("SUBSCRIBE", (405, 501)), ("NOTIFY", (481, 489)), ("PRACK", (400, 481)), ("FLY", (405, 501)))
    for method, statuses in expected:
        asked = call.ask(method, answered=lambda response: None)
        await house.until(lambda asked=asked: asked.over, f"{method} is answered")
        assert asked.status in statuses, (method, asked.status)
    await sounding(house, anna)
    await hung_up(house, call)


@story(ANY)
async def rubbish_in_mid_call_ends_nothing(house: House) -> None:
    anna, call = await in_a_call(house)
    assert call.invitation is not None
    invite = call.invitation.request.build()
    for _ in range(40):
        cut = house.draws.randrange(len(invite))
        data = bytearray(invite[:cut] + bytes(house.draws.randbytes(8)) + invite[cut:])
        data[house.draws.randrange(len(data))] ^= 1 << house.draws.randrange(8)
        anna.send(bytes(data))
        await trio.sleep(0.05)
    await sounding(house, anna)
    call.bye()
    await house.until(lambda: "caller_hung_up" in house.endings(), "the call's own end")
    for stray in house.core.calls.copy():
        house.endpoint.bye(stray, "")
