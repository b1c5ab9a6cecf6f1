"""X- headers and User-to-User (RFC 7433), both ways: what a carrier says, and what it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mediasrv.server.outgoing.told import HEADERS_MAX, checked
from tests.carriers.carrier import NAMES, Manner
from tests.carriers.taken import Switch, switch_at
from tests.carriers.test_outgoing import trunk, trunk_between
from tests.server.departing import depart
from tests.server.house import House, running

UUI = "56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar"
MENU = """
[menus.main]
first_key_ms = 60000
[menus.main.keys]
1 = [{{ do = "connect", to = "{number}" }}, {{ do = "hang_up" }}]
"""


@pytest.mark.parametrize("name", NAMES)
async def test_what_the_operator_says_stands_in_the_invite(autojump_clock, name: str) -> None:
    async with trunk_between(name) as (house, switch):
        headers = {"X-Order": "17; urgent", "User-to-User": UUI}
        call = await depart(house, switch.manner.number, trunk="carrier", headers=headers)
        theirs = await switch.proven()
        assert (theirs.invite["x-order"], theirs.invite["user-to-user"]) == ("17; urgent", UUI)
        theirs.say("486 Busy Here")
        assert await call.ending() == "busy"


async def connected_over(house: House, switch: Switch) -> set[str]:
    """A call of the carrier's that is connected with one of its numbers: which X- headers and UUI go along."""
    call = switch.place()
    await call.final()
    await trio.sleep(0.5)
    await call.ask("INFO", body="Signal=1\nDuration=160\n", content_type="application/dtmf-relay")
    theirs = await switch.proven()
    told = {name for name, _ in theirs.invite.headers if name.startswith("x-") or name == "user-to-user"}
    theirs.say("486 Busy Here")
    return told


@pytest.mark.parametrize(("name", "goes_on"), [("twilio", True), ("telnyx", False)])
async def test_what_a_caller_said_goes_on_only_where_the_profile_says_so(
    autojump_clock, tmp_path: Path, name: str, goes_on: bool
) -> None:
    manner = Manner.read(name)
    menus = tmp_path / "menus.toml"
    menus.write_text(MENU.format(number=manner.number))
    settings = trunk(manner, numbers={manner.number: "menu"}) | {"MEDIASRV_AGENTS__MENU": str(menus)}
    async with running(settings) as house, switch_at(house.network, manner) as switch:
        told = await connected_over(house, switch)
        spoken = {key.lower() for key in manner.told if key.lower().startswith(("x-", "user"))}
        assert spoken
        assert told >= spoken if goes_on else not told


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"Route": "<sip:evil.example>"}, "only X- headers"),
        ({"X-": "nothing"}, "only X- headers"),
        ({"X-A\r\nRoute": "b"}, "only X- headers"),
        ({7: "x"}, "only X- headers"),
        ({"X-A": "b\r\nRoute: <sip:evil.example>"}, "one line"),
        ({"X-A": "b\nc"}, "one line"),
        ({"X-A": ""}, "one line"),
        ({"X-A": "x" * 513}, "one line"),
        ({"X-A": "\u20ac"}, "one line"),
        ({"X-A": 7}, "one line"),
        ({f"X-{k}": "v" for k in range(HEADERS_MAX + 1)}, "no more than"),
    ],
)
def test_nothing_but_plain_lines_can_be_told(headers: dict[object, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        checked(headers)


def test_what_can_be_told_is_told_as_it_stands() -> None:
    said = {"X-Order": "17", "user-to-user": UUI}
    assert checked(said) == said
