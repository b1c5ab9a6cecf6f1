"""Clocks that stand still, leap, or run backwards: calls end late or early, but nothing breaks and nothing stays."""

from __future__ import annotations

import random

import pytest

from mediasrv.sip import IncomingCall
from tests.sip.network import ANSWER, BOB, Network

LEAPS_S = (-3_600.0, -1.0, -0.001, 0.0, 0.5, 40.0, 3_600.0, 1e6)


@pytest.mark.parametrize("seed", range(20))
def test_a_clock_that_steps_harms_nobody_and_leaves_nothing(seed: int) -> None:
    chance = random.Random(seed)
    net = Network(seed)
    for _ in range(10):
        hers = net.call()
        net.run(1.0)
        net.now += chance.choice(LEAPS_S)
        for event in net.bob.said(IncomingCall)[-1:]:
            if event.call in net.bob.agent._core.calls and chance.random() < 0.8:
                net.bob.agent.respond(event.call, chance.choice((180, 486)), net.now)
        net.now += chance.choice(LEAPS_S)
        net.run(1.0)
        net.alice.agent.bye(hers, net.now)
        net.alice.agent.cancel(hers, net.now)
    net.now = max(net.now, 1e7)
    net.run()
    net.run()
    net.assert_nothing_left()


def test_an_answer_is_not_repeated_for_the_time_that_a_machine_slept() -> None:
    """A machine is stopped for an hour while a 200 waits for its ACK: one datagram, not one for each interval."""
    net = Network()
    net.rules.append(lambda source, to, data: data.startswith(b"ACK"))
    net.call()
    net.run(1.0)
    net.bob.agent.respond(1, 200, net.now, body=ANSWER)
    net.flush()
    before = len(net.sent(BOB, b"SIP/2.0 200"))
    net.bob.agent.handle_deadline(net.now + 3_600.0)
    net.flush()
    assert len(net.sent(BOB, b"SIP/2.0 200")) - before <= 1


def test_deadlines_are_handled_once_however_often_they_are_asked_for() -> None:
    net = Network()
    net.established()
    before = net.bob.agent.statistics()
    for _ in range(1_000):
        net.bob.agent.handle_deadline(net.now)
    assert net.bob.agent.datagrams_to_send(net.now) == []
    assert net.bob.agent.statistics() == before
