"""Trunks that are asked whether they live, by a whole server in virtual time."""

from __future__ import annotations

import json

import pytest
import trio

from tests.server.access.test_enrolment import FIRST, SECOND, carrier
from tests.server.house import House, running

TRUNK = {"hosts": [FIRST[0], SECOND[0]], "keep_alive_s": 30}
ENVIRONMENT = {"MEDIASRV_TRUNKS": json.dumps({"t": TRUNK})}


def down(house: House) -> list[str]:
    return list(house.server.statistics().hosts_down)


def asked(house: House) -> int:
    return sum(line.startswith("OPTIONS sip:192.0.2.10 ") for line in house.network.lines())


async def test_a_host_that_does_not_answer_is_known_before_a_call_finds_it_so(autojump_clock) -> None:
    async with running(ENVIRONMENT, silent=True) as house, carrier(house):
        await trio.sleep(29)
        assert down(house) == [f"t {SECOND[0]}:5060"]


async def test_a_host_goes_and_returns_with_its_answers(autojump_clock) -> None:
    async with running(ENVIRONMENT, silent=True) as house, carrier(house, SECOND):
        async with carrier(house):
            await trio.sleep(40)
            assert down(house) == []
        await trio.sleep(60)
        assert down(house) == [f"t {FIRST[0]}:5060"]
        async with carrier(house):
            await trio.sleep(60)
            assert down(house) == []


async def test_each_host_is_asked_once_in_each_pause_and_nothing_is_left_over(autojump_clock) -> None:
    async with running(ENVIRONMENT, silent=True) as house, carrier(house), carrier(house, SECOND):
        await trio.sleep(45)
        before, tasks = asked(house), house.server.statistics().tasks
        await trio.sleep(300)
        assert asked(house) - before == 2 * 10
        assert house.server.statistics().tasks == tasks


@pytest.mark.usefixtures("unhurried")
async def test_a_trunk_without_a_pause_is_not_asked(autojump_clock) -> None:
    environment = {"MEDIASRV_TRUNKS": json.dumps({"t": {**TRUNK, "keep_alive_s": 0}})}
    async with running(environment, silent=True) as house, carrier(house):
        await trio.sleep(3_600)
        assert asked(house) == 0
