"""Carriers with two hosts, of which one is dead, dying, overloaded or late: the call finds the other."""

from __future__ import annotations

import json

import trio

from mediasrv.call import build_agent
from mediasrv.endpoints.resolution import Ipv4, Srv
from mediasrv.server.outgoing import Wish
from mediasrv.sip import Account, Plan, Uri
from tests.server.departing import NUMBER, Departure
from tests.sim.sip.house import House
from tests.sim.sip.message import Lines, Message
from tests.sim.sip.phone import Phone
from tests.sim.sip.stories.trunks import registered
from tests.sim.sip.story import ANY, STEADY, WHOLE, story
from tests.sim.sip.talk import Talk

FIRST_WORD_S = 5.0  # that a host has, where there is another
REST_S = 20
HOSTS = ["127.0.0.2", "127.0.0.3"]  # of the first two telephones
NAME = "edge.example"


def trunks(*hosts: str, **keys: object) -> str:
    return json.dumps({"carrier": {"hosts": hosts, "dial_allow": ["+44"], **keys}})


def two_hosts(house: House) -> tuple[Phone, Phone]:
    return house.phone("one"), house.phone("two")


def dial(house: House) -> Departure:
    departures = house.server.departures
    assert departures is not None
    departure = Departure(departures.name())
    wish = Wish(NUMBER, build_agent("tone"), "carrier")
    house.tasks.start_soon(departures.run, departure.id, wish, departure.follow)
    return departure


async def spoken_with(house: House, call: Departure, host: Phone, within_s: float | None = None) -> None:
    """The call is answered there, and hung up by who has answered."""
    known = set(host.talks)
    await house.until(lambda: set(host.talks) - known, "the call comes", within_s)
    (name,) = set(host.talks) - known
    talk = host.talks[name]
    await house.until(lambda: talk.acknowledged, "our ACK")
    await house.until(lambda: call.of("answered"), "we know that it was answered")
    bye = talk.bye()
    await house.until(lambda: bye.status == 200, "their BYE is answered")
    await house.until(call.over.is_set, "it is over")
    assert call.record["ending"] == "callee_hung_up"


@story(STEADY, trunks=trunks(*HOSTS))
async def the_first_host_is_dead(house: House) -> None:
    """It costs the first call 5 s; the next ones go to the other at once."""
    first, second = two_hosts(house)
    house.cut_off(first)
    began_s = house.now_s
    await spoken_with(house, dial(house), second, FIRST_WORD_S + house.soon_s)
    assert house.now_s - began_s >= FIRST_WORD_S
    await spoken_with(house, dial(house), second, FIRST_WORD_S - 1)


@story(STEADY, trunks=trunks(NAME, lookup="srv"))
async def the_best_of_the_names_leads_to_a_dead_host(house: House) -> None:
    """RFC 2782: two equals by their weights, then the one that is left; whoever was silent comes last."""
    first, second = two_hosts(house)
    house.cut_off(first)
    for name, host in (("one", HOSTS[0]), ("two", HOSTS[1])):
        house.names.zone[f"{name}.{NAME}"] = [Ipv4(host)]
    house.names.zone[f"_sip._udp.{NAME}"] = [
        Srv(1, 60, 5060, f"one.{NAME}"),
        Srv(1, 40, 5060, f"one.{NAME}"),
        Srv(2, 10, 5060, f"two.{NAME}"),
    ]
    await spoken_with(house, dial(house), second, FIRST_WORD_S + house.soon_s)
    await spoken_with(house, dial(house), second, FIRST_WORD_S - 1)


@story(ANY, trunks=trunks(*HOSTS))
async def a_carrier_is_overloaded_and_then_back(house: House) -> None:
    """503 with Retry-After: the other host meanwhile, and this one again when it has rested."""
    first, second = two_hosts(house)
    first.takes_call = lambda talk: talk.say(503, (("Retry-After", str(REST_S)),))
    await spoken_with(house, dial(house), second)
    refused_s = house.now_s
    assert len(first.talks) == 1
    first.takes_call = Talk.ring_then_answer
    await trio.sleep(max(0.0, REST_S + house.soon_s - (house.now_s - refused_s)))
    await spoken_with(house, dial(house), first)


@story(STEADY, trunks=trunks(*HOSTS))
async def a_host_answers_after_it_was_passed_over(house: House) -> None:
    """It has heard us, and we have not heard it: its answer is acknowledged and hung up when it comes at last."""
    first, second = two_hosts(house)
    house.mute(first)
    call = dial(house)
    await house.until(lambda: second.talks, "the other host is asked", FIRST_WORD_S + house.soon_s)
    house.faults.mute.clear()
    (late,) = first.talks.values()
    await house.until(lambda: late.ended == "they hung up", "our BYE", 4 + house.soon_s)
    assert late.acknowledged
    (kept,) = second.talks.values()
    await house.until(lambda: kept.acknowledged, "our ACK")
    kept.bye()
    await house.until(call.over.is_set, "it is over")
    assert call.record["ending"] == "callee_hung_up"


def asking(house: House, host: Phone, *, dies: bool) -> None:
    """A registrar that wants a digest; `dies`: with the challenge, its last word."""

    def take(request: Message) -> tuple[int, Lines]:
        if request.header("Authorization"):
            return 200, (("Contact", request.header("Contact")),)
        if dies:
            house.agenda.after(1, lambda: house.cut_off(host))
        return 401, (("WWW-Authenticate", f'Digest realm="{host.user}", nonce="{host.token()}", qop="auth"'),)

    host.takes_other = take


@story(WHOLE, limit_s=900)
async def a_trunk_dies_in_the_middle_of_our_registration(house: House) -> None:
    """Its challenge is answered, and nobody takes the answer: the next host is registered with instead."""
    first, second = two_hosts(house)
    asking(house, first, dies=True)
    asking(house, second, dies=False)
    places = first.wire.inside, second.wire.inside
    uri = Uri.parse(f"sip:house@{NAME}")
    house.endpoint.register(Plan(uri, Uri.parse(f"sip:{NAME}"), places, Account("", "house", "secret"), 120))
    await house.until(lambda: registered(house) == 1, "we are registered", 120)
    proven = {wired.to for wired in house.network.log if b"\r\nAuthorization: " in wired.data}
    assert proven == set(places), "both were told who we are, and one of them was dead by then"
    with trio.fail_after(house.soon_s + 5):
        await house.endpoint.wait_unregistered()
