"""Every pair of state and event, of every table: what happens, or that it is a mistake of ours."""

from __future__ import annotations

import pytest

from mediasrv.sip import Limits, Timers, WrongState
from mediasrv.sip.events import EndCause
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.hop import Locals
from mediasrv.sip.schedule import Schedule
from mediasrv.sip.tables import (
    FIRST_S,
    INVITE_CLIENT,
    INVITE_SERVER,
    MACHINES,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    Action,
    Event,
    Machine,
    State,
    next_interval_s,
)  # fmt: skip
from mediasrv.sip.transaction import Transactions

E, S = Event, State
RESPONSES = (E.PROVISIONAL, E.SUCCESS, E.FAILURE)
SENDS = (E.SEND_PROVISIONAL, E.SEND_SUCCESS, E.SEND_FAILURE)
CLIENTS, SERVERS = (INVITE_CLIENT, NON_INVITE_CLIENT), (INVITE_SERVER, NON_INVITE_SERVER)
TIMERS = tuple(FIRST_S)
PAIRS = [(machine, state, event) for machine in MACHINES for state in machine.steps for event in Event]

# RFC 3261 figures 5 to 8 with RFC 6026 figures 1 and 2, written down a second time as text: state.event -> state.
FIGURES = {
    INVITE_CLIENT.name: """
        CALLING PROVISIONAL PROCEEDING DELIVER | CALLING SUCCESS ACCEPTED DELIVER
        CALLING FAILURE COMPLETED ACKNOWLEDGE DELIVER | CALLING TIMER_A CALLING RESEND
        CALLING TIMER_B TERMINATED TELL_TIMEOUT | CALLING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT
        CALLING ABANDON TERMINATED | PROCEEDING PROVISIONAL PROCEEDING DELIVER
        PROCEEDING SUCCESS ACCEPTED DELIVER | PROCEEDING FAILURE COMPLETED ACKNOWLEDGE DELIVER
        PROCEEDING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT | PROCEEDING ABANDON TERMINATED
        COMPLETED PROVISIONAL COMPLETED | COMPLETED SUCCESS COMPLETED | COMPLETED FAILURE COMPLETED RESEND
        COMPLETED TRANSPORT_FAILED TERMINATED | COMPLETED ABANDON COMPLETED | COMPLETED TIMER_D TERMINATED
        ACCEPTED PROVISIONAL ACCEPTED | ACCEPTED SUCCESS ACCEPTED DELIVER | ACCEPTED FAILURE ACCEPTED
        ACCEPTED TRANSPORT_FAILED ACCEPTED | ACCEPTED ABANDON ACCEPTED | ACCEPTED TIMER_M TERMINATED""",
    INVITE_SERVER.name: """
        PROCEEDING REQUEST PROCEEDING RESEND | PROCEEDING ACK PROCEEDING
        PROCEEDING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT | PROCEEDING SEND_PROVISIONAL PROCEEDING SEND
        PROCEEDING SEND_SUCCESS ACCEPTED SEND | PROCEEDING SEND_FAILURE COMPLETED SEND
        COMPLETED REQUEST COMPLETED RESEND | COMPLETED ACK CONFIRMED | COMPLETED TRANSPORT_FAILED TERMINATED
        COMPLETED TIMER_G COMPLETED RESEND | COMPLETED TIMER_H TERMINATED
        CONFIRMED REQUEST CONFIRMED | CONFIRMED ACK CONFIRMED | CONFIRMED TRANSPORT_FAILED CONFIRMED
        CONFIRMED TIMER_I TERMINATED | ACCEPTED REQUEST ACCEPTED | ACCEPTED ACK ACCEPTED
        ACCEPTED TRANSPORT_FAILED ACCEPTED | ACCEPTED TIMER_L TERMINATED""",
    NON_INVITE_CLIENT.name: """
        TRYING PROVISIONAL PROCEEDING DELIVER | TRYING SUCCESS COMPLETED DELIVER
        TRYING FAILURE COMPLETED DELIVER | TRYING TIMER_E TRYING RESEND | TRYING TIMER_F TERMINATED TELL_TIMEOUT
        TRYING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT | PROCEEDING PROVISIONAL PROCEEDING DELIVER
        PROCEEDING SUCCESS COMPLETED DELIVER | PROCEEDING FAILURE COMPLETED DELIVER
        PROCEEDING TIMER_E PROCEEDING RESEND | PROCEEDING TIMER_F TERMINATED TELL_TIMEOUT
        PROCEEDING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT | COMPLETED PROVISIONAL COMPLETED
        COMPLETED SUCCESS COMPLETED | COMPLETED FAILURE COMPLETED | COMPLETED TRANSPORT_FAILED COMPLETED
        COMPLETED TIMER_K TERMINATED""",
    NON_INVITE_SERVER.name: """
        TRYING REQUEST TRYING | TRYING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT
        TRYING SEND_PROVISIONAL PROCEEDING SEND | TRYING SEND_SUCCESS COMPLETED SEND
        TRYING SEND_FAILURE COMPLETED SEND | PROCEEDING REQUEST PROCEEDING RESEND
        PROCEEDING TRANSPORT_FAILED TERMINATED TELL_TRANSPORT | PROCEEDING SEND_PROVISIONAL PROCEEDING SEND
        PROCEEDING SEND_SUCCESS COMPLETED SEND | PROCEEDING SEND_FAILURE COMPLETED SEND
        COMPLETED REQUEST COMPLETED RESEND | COMPLETED TRANSPORT_FAILED TERMINATED
        COMPLETED TIMER_J TERMINATED""",
}  # fmt: skip


def figure(machine: Machine) -> dict[tuple[State, Event], tuple[State, tuple[Action, ...]]]:
    rows = [row.split() for row in FIGURES[machine.name].replace("\n", "|").split("|") if row.strip()]
    return {
        (State[state], Event[event]): (State[after], tuple(Action[name] for name in actions))
        for state, event, after, *actions in rows
    }


@pytest.mark.parametrize(
    ("machine", "state", "event"), PAIRS, ids=[f"{m.name}-{s.name}-{e.name}" for m, s, e in PAIRS]
)
def test_every_pair_is_as_the_figures_draw_it(machine: Machine, state: State, event: Event) -> None:
    step = machine.steps[state].get(event)
    assert (tuple(step) if step else None) == figure(machine).get((state, event))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_whatever_the_network_brings_has_a_row_in_every_state(machine: Machine) -> None:
    brought = RESPONSES if machine in CLIENTS else (E.REQUEST,)
    if machine is INVITE_SERVER:
        brought = (*brought, E.ACK)
    for state in set(machine.steps) - {S.TERMINATED}:
        assert {*brought, E.TRANSPORT_FAILED} <= set(machine.steps[state])


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_a_timer_runs_exactly_where_it_has_a_row(machine: Machine) -> None:
    for state, steps in machine.steps.items():
        assert set(machine.clocks.get(state, ())) == {event for event in steps if event in TIMERS}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_is_reached_and_left(machine: Machine) -> None:
    reached = {step.next for steps in machine.steps.values() for step in steps.values()} | {machine.first}
    assert reached == set(machine.steps)
    for state in reached - {S.TERMINATED}:
        assert any(step.next is not state for step in machine.steps[state].values())


def test_retransmissions_slow_down_as_the_rfc_says() -> None:
    timers = Timers()
    assert next_interval_s(E.TIMER_A, S.CALLING, 8.0, timers) == 16.0
    assert next_interval_s(E.TIMER_E, S.TRYING, 2.0, timers) == 4.0
    assert next_interval_s(E.TIMER_E, S.TRYING, 4.0, timers) == 4.0
    assert next_interval_s(E.TIMER_E, S.PROCEEDING, 0.5, timers) == 4.0
    assert next_interval_s(E.TIMER_G, S.COMPLETED, 4.0, timers) == 4.0
    assert next_interval_s(E.TIMER_B, S.CALLING, 32.0, timers) is None


# ---- the tables at work

REQUEST = (
    b"%s sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\n"
    b"To: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n"
)


class Bench:
    """One transaction, and what it sends and tells."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sent: list[bytes] = []
        self.told: list[object] = []
        self.schedule = Schedule()
        self.layer = Transactions(
            self.schedule,
            Limits(),
            Timers(),
            lambda data, to: self.sent.append(data),
            lambda data, to: self.sent.append(data),
            Locals(("192.0.2.1", 5060), {}),
        )
        method = b"INVITE" if machine in (INVITE_CLIENT, INVITE_SERVER) else b"OPTIONS"
        self.request = parse(REQUEST % (method, method), Limits())
        if machine in CLIENTS:
            self.transaction = self.layer.request(self.request, ("192.0.2.2", 5060), self, 0.0)
        else:
            self.transaction = self.layer.serve(self.request, ("192.0.2.1", 5060), 0.0)
        self.sent.clear()

    def responded(self, response, source, now) -> None:
        self.told.append(response.status)

    def failed(self, cause: EndCause, now: float) -> None:
        self.told.append(cause)

    def bring_to(self, state: State) -> None:
        """By the shortest way through the table."""
        ways: dict[State, list[Event]] = {self.machine.first: []}
        queue = [self.machine.first]
        while queue:
            at = queue.pop(0)
            for event, step in self.machine.steps[at].items():
                if step.next not in ways and (at, event) != (S.TRYING, E.TRANSPORT_FAILED):
                    ways[step.next] = [*ways[at], event]
                    queue.append(step.next)
        for event in ways[state]:
            self.give(event)
        assert self.transaction.state is state
        self.sent.clear()
        self.told.clear()

    def give(self, event: Event) -> None:
        status = {E.PROVISIONAL: 180, E.SUCCESS: 200, E.FAILURE: 486}.get(event)
        response = None
        if status:
            text = f"SIP/2.0 {status} X\r\n".encode() + self.request.build().partition(b"\r\n")[2]
            response = parse(text.replace(b"To: <sip:b@x>", b"To: <sip:b@x>;tag=2"), Limits())
        wire = b"response" if event in SENDS else b""
        self.transaction.apply(event, 1.0, wire=wire, response=response, source=("192.0.2.2", 5060))


@pytest.mark.parametrize(
    ("machine", "state", "event"), PAIRS, ids=[f"{m.name}-{s.name}-{e.name}" for m, s, e in PAIRS]
)
def test_a_transaction_does_what_its_table_says(machine: Machine, state: State, event: Event) -> None:
    bench = Bench(machine)
    bench.bring_to(state)
    step = machine.steps[state].get(event)
    if step is None:
        with pytest.raises(WrongState):
            bench.give(event)
        return
    kept = bench.transaction.kept
    bench.give(event)
    assert bench.transaction.state is step.next
    assert len(bench.layer) == (step.next is not S.TERMINATED)
    assert len(bench.schedule) == len(machine.clocks.get(step.next, ()))
    if Action.RESEND in step.actions:
        assert bench.sent == ([kept] if kept else [])
    elif Action.SEND in step.actions:
        assert bench.sent == [b"response"]
    elif Action.ACKNOWLEDGE in step.actions:
        assert [data[:4] for data in bench.sent] == [b"ACK "]
    else:
        assert bench.sent == []
    talks = {Action.DELIVER, Action.TELL_TIMEOUT, Action.TELL_TRANSPORT} & set(step.actions)
    assert len(bench.told) == (len(talks) if machine in CLIENTS else 0)


def test_the_ack_to_a_refusal_has_the_branch_of_the_invite_and_the_tag_of_the_response() -> None:
    bench = Bench(INVITE_CLIENT)
    bench.give(E.FAILURE)
    ack = parse(bench.sent[0], Limits())
    assert (ack.method, ack.cseq.method, ack.cseq.number) == ("ACK", "ACK", 1)
    assert ack.via == bench.request.via
    assert ack.to.tag == "2"


def test_deadlines_fire_in_order_and_dead_ones_are_swept() -> None:
    fired = []

    class Owner:
        def fire(self, name, now) -> None:
            fired.append((name, now))

    schedule, owner = Schedule(), Owner()
    for at in range(5_000):
        schedule.set(owner, "moved", 10_000 - at)
    assert len(schedule) == 1
    assert len(schedule._heap) < 2_100
    schedule.set(owner, "early", 1.0)
    schedule.set(owner, "cleared", 2.0)
    schedule.clear(owner, "cleared")
    schedule.fire_due(9_999.0)
    assert fired == [("early", 9_999.0), ("moved", 9_999.0)]
    assert schedule.next() is None
