"""Carriers that want to know who we are, and registrations that outlive their outages."""

from __future__ import annotations

import trio

from mediasrv.sip import Account, Plan, Uri
from tests.sim.sip.house import House
from tests.sim.sip.message import Lines, Message
from tests.sim.sip.phone import Phone
from tests.sim.sip.stories.dialling import answer_of, ended, talk_of
from tests.sim.sip.story import ANY, STEADY, story
from tests.sim.sip.talk import Talk

ACCOUNT = Account("carrier", "house", "secret")
EXPIRES_S = 120
PAUSE_S = 120.0  # before the third round, at the longest


def challenge(nonce: str, *, stale: bool = False) -> Lines:
    aged = ", stale=true" if stale else ""
    return (("Proxy-Authenticate", f'Digest realm="carrier", nonce="{nonce}", qop="auth"{aged}'),)


def carrier(house: House) -> Phone:
    """It takes no request whose digest is not for the nonce of the moment; `nonce` is set by the story."""
    trunk = house.phone("carrier")

    def decide(talk: Talk) -> None:
        invite = talk.asked[-1]
        if proves(invite, "first"):
            talk.ring_then_answer()
        else:
            talk.say(407, challenge("first"))

    trunk.takes_call = decide
    return trunk


def proves(request: Message, nonce: str) -> bool:
    return f'nonce="{nonce}"' in request.header("Proxy-Authorization")


@story(ANY)
async def a_carrier_asks_who_we_are(house: House) -> None:
    trunk = carrier(house)
    call = await house.call(trunk, account=ACCOUNT)
    assert await answer_of(house, call) == 200
    await house.until(lambda: talk_of(trunk).acknowledged, "our ACK")
    await ended(house, call, talk_of(trunk))


@story(ANY)
async def a_nonce_grows_stale_in_mid_call(house: House) -> None:
    """Our BYE is asked for credentials with another nonce, and is said again with them."""
    trunk = carrier(house)
    call = await house.call(trunk, account=ACCOUNT)
    assert await answer_of(house, call) == 200
    talk = talk_of(trunk)
    await house.until(lambda: len(talk.acknowledged) == 2, "our ACKs, of the 407 and of the 200")
    talk.answers["BYE"] = lambda bye: 200 if proves(bye, "second") else (407, challenge("second", stale=True))
    await call.bye()
    await house.until(lambda: any(proves(bye, "second") for bye in talk.requests("BYE")), "the second BYE")
    assert len(talk.requests("BYE")) == 2


@story(ANY)
async def a_carrier_that_never_believes_us_is_asked_twice_and_no_more(house: House) -> None:
    trunk = house.phone("carrier")
    trunk.takes_call = lambda talk: talk.say(407, challenge(talk.phone.token()))
    call = await house.call(trunk, account=ACCOUNT)
    assert await answer_of(house, call) == 407
    assert len(talk_of(trunk).requests("INVITE")) == 2


def registrar(house: House) -> Phone:
    trunk = house.phone("carrier")

    def take(request: Message) -> tuple[int, Lines] | int:
        if request.method != "REGISTER":
            return 405
        return 200, (("Contact", request.header("Contact")),)

    trunk.takes_other = take
    return trunk


def plan(trunk: Phone) -> Plan:
    return Plan(
        Uri.parse("sip:house@carrier"), Uri.parse("sip:carrier"), (trunk.wire.inside,), None, EXPIRES_S
    )


def registered(house: House) -> int:
    return house.counts("sip_registration").get("Registered", 0)


@story(ANY, limit_s=900)
async def a_registration_is_kept_up_and_taken_back(house: House) -> None:
    trunk = registrar(house)
    house.endpoint.register(plan(trunk))
    await house.until(lambda: registered(house) == 1, "we are registered")
    await house.until(lambda: registered(house) == 4, "and are so again", 3 * EXPIRES_S)
    with trio.fail_after(house.soon_s + 5):
        await house.endpoint.wait_unregistered()
    assert trunk.heard[-1][1].header("Expires") == "0"


@story(STEADY, limit_s=1_800)
async def a_registrar_is_gone_for_a_while(house: House) -> None:
    """The binding lapses; rounds follow ever more rarely; when the trunk is back, so are we."""
    trunk = registrar(house)
    house.endpoint.register(plan(trunk))
    await house.until(lambda: registered(house) == 1, "we are registered")
    house.cut_off(trunk)
    failed = lambda: house.counts("sip_registration").get("RegistrationFailed", 0)  # noqa: E731
    await house.until(failed, "the refresh is not answered", EXPIRES_S + 40)
    await trio.sleep(house.moment_s(60))
    house.reconnect(trunk)
    await house.until(lambda: registered(house) == 2, "we are registered again", PAUSE_S + 32)
    with trio.fail_after(house.soon_s):
        await house.endpoint.wait_unregistered()


@story(STEADY, limit_s=600)
async def a_registrar_that_is_dead_does_not_hold_us_up(house: House) -> None:
    trunk = registrar(house)
    house.cut_off(trunk)
    house.endpoint.register(plan(trunk))
    await trio.sleep(house.moment_s(100))
    with trio.fail_after(33):
        await house.endpoint.wait_unregistered()
