"""The four transactions of RFC 3261 section 17, as tables.

A transaction is one request and all its responses, and its task is to make a lossy datagram service look
reliable to whoever uses it: the client repeats its request until it hears something, the server repeats its
answer whenever the request comes again, and both remember for a while that they have finished, so that what
still wanders through the network is absorbed instead of being taken for something new.

INVITE is unlike the rest, because a person may take a minute to answer it: the response is repeated by the
server side (G, or by the dialog for a 2xx) until an ACK comes, and the request is not repeated any more
after the first provisional response. RFC 6026 added the Accepted states: a 2xx does not end the transaction
at once, else a repeated INVITE would look like a new call, and a second 2xx (a fork) would reach nobody.

                client            server                        client            server
    INVITE      CALLING           PROCEEDING        others      TRYING            TRYING
                  | 1xx             | 2xx   | 300+                | 1xx             | 1xx
                PROCEEDING          |     COMPLETED             PROCEEDING        PROCEEDING
           2xx /    \\ 300+          |       | ACK                 | 200+            | 200+
        ACCEPTED  COMPLETED      ACCEPTED CONFIRMED             COMPLETED         COMPLETED
              \\     /                \\     /                      |                 |
             TERMINATED             TERMINATED                  TERMINATED        TERMINATED

How to read them: `steps[state][event]` is where to go and what to do on the way. `clocks[state]` are the
timers that run in that state: entering it starts those that do not run yet, and stops all others. Every
event that the network can cause is listed in every state, if only to say that nothing happens; a pair that
is missing is a mistake of ours, and raises. Tests go through all pairs.

Over a reliable transport nothing is repeated and nothing wanders: the timers of UNRELIABLE_ONLY do not run there, and
those of WANDERING wait for nothing. The 2xx and its ACK are end to end and may cross a datagram further on, so L, M and
the dialog's own repeating (13.3.1.4) stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from mediasrv.sip.limits import Timers


class State(Enum):
    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Event(Enum):
    # from the network
    REQUEST = auto()  # the request, again
    ACK = auto()
    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    TRANSPORT_FAILED = auto()
    # from the user of the transaction
    SEND_PROVISIONAL = auto()
    SEND_SUCCESS = auto()
    SEND_FAILURE = auto()
    ABANDON = auto()  # section 9.1: cancelled, and still no final response
    # from the clock (table 4; L and M: RFC 6026)
    TIMER_A = auto()
    TIMER_B = auto()
    TIMER_D = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_J = auto()
    TIMER_K = auto()
    TIMER_L = auto()
    TIMER_M = auto()


class Action(Enum):
    SEND = auto()  # the message that came with the event, and keep it
    RESEND = auto()  # what was kept
    ACKNOWLEDGE = auto()  # build the ACK for a failure, send and keep it (17.1.1.3)
    DELIVER = auto()  # to the user
    TELL_TIMEOUT = auto()
    TELL_TRANSPORT = auto()


class Step(NamedTuple):
    next: State
    actions: tuple[Action, ...]


def to(state: State, *actions: Action) -> Step:
    return Step(state, actions)


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    first: State
    steps: Mapping[State, Mapping[Event, Step]]
    clocks: Mapping[State, tuple[Event, ...]]

    @property
    def serves(self) -> bool:
        return Event.REQUEST in self.steps[self.first]


# Table 4 of RFC 3261: how long each timer runs the first time.
FIRST_S: Mapping[Event, Callable[[Timers], float]] = {
    Event.TIMER_A: lambda timers: timers.t1_s,
    Event.TIMER_B: lambda timers: timers.patience_s,
    Event.TIMER_D: lambda timers: max(32.0, timers.patience_s),
    Event.TIMER_E: lambda timers: timers.t1_s,
    Event.TIMER_F: lambda timers: timers.patience_s,
    Event.TIMER_G: lambda timers: timers.t1_s,
    Event.TIMER_H: lambda timers: timers.patience_s,
    Event.TIMER_I: lambda timers: timers.t4_s,
    Event.TIMER_J: lambda timers: timers.patience_s,
    Event.TIMER_K: lambda timers: timers.t4_s,
    Event.TIMER_L: lambda timers: timers.patience_s,
    Event.TIMER_M: lambda timers: timers.patience_s,
}


UNRELIABLE_ONLY = frozenset((Event.TIMER_A, Event.TIMER_E, Event.TIMER_G))
WANDERING = frozenset((Event.TIMER_D, Event.TIMER_I, Event.TIMER_J, Event.TIMER_K))


def first_interval_s(timer: Event, timers: Timers, *, reliable: bool) -> float | None:
    """How long a timer runs the first time; None when it does not run over such a transport."""
    if not reliable:
        return FIRST_S[timer](timers)
    if timer in UNRELIABLE_ONLY:
        return None
    return 0.0 if timer in WANDERING else FIRST_S[timer](timers)


def next_interval_s(timer: Event, state: State, interval_s: float, timers: Timers) -> float | None:
    """How long a retransmission timer that has fired runs again; None for the timers that fire once."""
    if timer is Event.TIMER_A:
        return interval_s * 2
    if timer is Event.TIMER_E and state is State.PROCEEDING:
        return timers.t2_s  # section 17.1.2.2
    if timer in (Event.TIMER_E, Event.TIMER_G):
        return min(interval_s * 2, timers.t2_s)
    return None


INVITE_CLIENT = Machine(
    "INVITE client",
    State.CALLING,
    steps={
        State.CALLING: {
            Event.PROVISIONAL: to(State.PROCEEDING, Action.DELIVER),
            Event.SUCCESS: to(State.ACCEPTED, Action.DELIVER),
            Event.FAILURE: to(State.COMPLETED, Action.ACKNOWLEDGE, Action.DELIVER),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.ABANDON: to(State.TERMINATED),
            Event.TIMER_A: to(State.CALLING, Action.RESEND),
            Event.TIMER_B: to(State.TERMINATED, Action.TELL_TIMEOUT),
        },
        State.PROCEEDING: {
            Event.PROVISIONAL: to(State.PROCEEDING, Action.DELIVER),
            Event.SUCCESS: to(State.ACCEPTED, Action.DELIVER),
            Event.FAILURE: to(State.COMPLETED, Action.ACKNOWLEDGE, Action.DELIVER),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.ABANDON: to(State.TERMINATED),
        },
        State.COMPLETED: {
            Event.PROVISIONAL: to(State.COMPLETED),
            Event.SUCCESS: to(State.COMPLETED),
            Event.FAILURE: to(State.COMPLETED, Action.RESEND),
            Event.TRANSPORT_FAILED: to(State.TERMINATED),
            Event.ABANDON: to(State.COMPLETED),
            Event.TIMER_D: to(State.TERMINATED),
        },
        State.ACCEPTED: {
            Event.PROVISIONAL: to(State.ACCEPTED),
            Event.SUCCESS: to(State.ACCEPTED, Action.DELIVER),
            Event.FAILURE: to(State.ACCEPTED),
            Event.TRANSPORT_FAILED: to(State.ACCEPTED),
            Event.ABANDON: to(State.ACCEPTED),
            Event.TIMER_M: to(State.TERMINATED),
        },
        State.TERMINATED: {},
    },
    clocks={
        State.CALLING: (Event.TIMER_A, Event.TIMER_B),
        State.COMPLETED: (Event.TIMER_D,),
        State.ACCEPTED: (Event.TIMER_M,),
    },
)

INVITE_SERVER = Machine(
    "INVITE server",
    State.PROCEEDING,
    steps={
        State.PROCEEDING: {
            Event.REQUEST: to(State.PROCEEDING, Action.RESEND),
            Event.ACK: to(State.PROCEEDING),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.SEND_PROVISIONAL: to(State.PROCEEDING, Action.SEND),
            Event.SEND_SUCCESS: to(State.ACCEPTED, Action.SEND),
            Event.SEND_FAILURE: to(State.COMPLETED, Action.SEND),
        },
        State.COMPLETED: {
            Event.REQUEST: to(State.COMPLETED, Action.RESEND),
            Event.ACK: to(State.CONFIRMED),
            Event.TRANSPORT_FAILED: to(State.TERMINATED),
            Event.TIMER_G: to(State.COMPLETED, Action.RESEND),
            Event.TIMER_H: to(State.TERMINATED),
        },
        State.CONFIRMED: {
            Event.REQUEST: to(State.CONFIRMED),
            Event.ACK: to(State.CONFIRMED),
            Event.TRANSPORT_FAILED: to(State.CONFIRMED),
            Event.TIMER_I: to(State.TERMINATED),
        },
        # RFC 6026 section 8.5: the dialog repeats the 2xx; a repeated INVITE is absorbed.
        State.ACCEPTED: {
            Event.REQUEST: to(State.ACCEPTED),
            Event.ACK: to(State.ACCEPTED),
            Event.TRANSPORT_FAILED: to(State.ACCEPTED),
            Event.TIMER_L: to(State.TERMINATED),
        },
        State.TERMINATED: {},
    },
    clocks={
        State.COMPLETED: (Event.TIMER_G, Event.TIMER_H),
        State.CONFIRMED: (Event.TIMER_I,),
        State.ACCEPTED: (Event.TIMER_L,),
    },
)

NON_INVITE_CLIENT = Machine(
    "non-INVITE client",
    State.TRYING,
    steps={
        State.TRYING: {
            Event.PROVISIONAL: to(State.PROCEEDING, Action.DELIVER),
            Event.SUCCESS: to(State.COMPLETED, Action.DELIVER),
            Event.FAILURE: to(State.COMPLETED, Action.DELIVER),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.TIMER_E: to(State.TRYING, Action.RESEND),
            Event.TIMER_F: to(State.TERMINATED, Action.TELL_TIMEOUT),
        },
        State.PROCEEDING: {
            Event.PROVISIONAL: to(State.PROCEEDING, Action.DELIVER),
            Event.SUCCESS: to(State.COMPLETED, Action.DELIVER),
            Event.FAILURE: to(State.COMPLETED, Action.DELIVER),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.TIMER_E: to(State.PROCEEDING, Action.RESEND),
            Event.TIMER_F: to(State.TERMINATED, Action.TELL_TIMEOUT),
        },
        State.COMPLETED: {
            Event.PROVISIONAL: to(State.COMPLETED),
            Event.SUCCESS: to(State.COMPLETED),
            Event.FAILURE: to(State.COMPLETED),
            Event.TRANSPORT_FAILED: to(State.COMPLETED),
            Event.TIMER_K: to(State.TERMINATED),
        },
        State.TERMINATED: {},
    },
    clocks={
        State.TRYING: (Event.TIMER_E, Event.TIMER_F),
        State.PROCEEDING: (Event.TIMER_E, Event.TIMER_F),
        State.COMPLETED: (Event.TIMER_K,),
    },
)

NON_INVITE_SERVER = Machine(
    "non-INVITE server",
    State.TRYING,
    steps={
        State.TRYING: {
            Event.REQUEST: to(State.TRYING),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.SEND_PROVISIONAL: to(State.PROCEEDING, Action.SEND),
            Event.SEND_SUCCESS: to(State.COMPLETED, Action.SEND),
            Event.SEND_FAILURE: to(State.COMPLETED, Action.SEND),
        },
        State.PROCEEDING: {
            Event.REQUEST: to(State.PROCEEDING, Action.RESEND),
            Event.TRANSPORT_FAILED: to(State.TERMINATED, Action.TELL_TRANSPORT),
            Event.SEND_PROVISIONAL: to(State.PROCEEDING, Action.SEND),
            Event.SEND_SUCCESS: to(State.COMPLETED, Action.SEND),
            Event.SEND_FAILURE: to(State.COMPLETED, Action.SEND),
        },
        State.COMPLETED: {
            Event.REQUEST: to(State.COMPLETED, Action.RESEND),
            Event.TRANSPORT_FAILED: to(State.TERMINATED),
            Event.TIMER_J: to(State.TERMINATED),
        },
        State.TERMINATED: {},
    },
    clocks={State.COMPLETED: (Event.TIMER_J,)},
)

MACHINES = (INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER)
