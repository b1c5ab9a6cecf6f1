"""With what a call is struck: who ends it, what dies, what stands still; done between two steps of some task."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import trio

from mediasrv.call import Call
from mediasrv.call.record import TurnEnding
from mediasrv.clock import NS_PER_S
from mediasrv.legs import Ending
from mediasrv.media import MediaFault
from tests.sim.checkpoints import Task
from tests.sim.faults.ours import ring_is_full
from tests.sim.faults.talk import Talk
from tests.sim.strikes.mortal import Fates
from tests.sim.turns import turn_of
from tests.sim.world import World

STANDS_STILL_NS = 2 * NS_PER_S


@dataclass(frozen=True)
class Moment:
    """Where the call stands: `task` has just come to a checkpoint."""

    world: World
    fates: Fates
    task: Task

    def calls(self) -> list[Call]:
        reception = self.world.server._reception
        return list(reception._house.services.live) if reception else []


@dataclass(frozen=True)
class Deed:
    """`ends`: how the call may end, if it was not over already; nothing: it may go on, and end as it likes.

    `from_outside`: it is done when all that the server's tasks can do at this moment is done.
    """

    do: Callable[[Moment], None]
    ends: frozenset[Ending] = frozenset()
    from_outside: bool = False
    breaks_cadence: bool = False  # no clock of the engine's goes on, so no packet leaves


def turn_is_cancelled(now: Moment) -> None:
    """The one that the task belongs to; of another task, the one that was begun last."""
    turn = turn_of(now.task) or next(reversed(now.world.turns.turns), None)
    if turn is not None:
        turn.cancel(TurnEnding.MANUAL)


def caller_hangs_up(now: Moment) -> None:
    """BYE, or CANCEL while nobody has answered."""
    now.world.callers[0].hang_up()


def caller_vanishes(now: Moment) -> None:
    """No packet comes from that telephone any more, and no word."""
    if not now.world.callers[0].over.is_set():
        now.world.callers[0].vanish()


def callee_leaves(now: Moment) -> None:
    """Whoever was dialled hangs up, or refuses the call while it rings."""
    for talk in (talk for phone in now.fates.phones for talk in phone.talks.values()):
        if talk.up:
            talk.bye()
        elif not talk.ended:
            talk.say(486)


def operator_hangs_up(now: Moment) -> None:
    for call in now.calls():
        call.end(Ending.ADMIN)


def house_drains(now: Moment) -> None:
    now.world.server.hurry()


def bug_strikes(now: Moment) -> None:
    """Something in the call raises what nobody expects."""

    async def bug() -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError("a bug")

    for call in now.calls():
        if call.ending is None:
            call.start_soon(bug)


def socket_fails(now: Moment) -> None:
    """As the engine tells it of a socket that is lost for good."""
    for stream in now.world.engine.streams():
        stream._events.put(MediaFault(errno.ENETDOWN, now.world.agenda.clock.now_ns()))


def engine_takes_no_orders(now: Moment) -> None:
    """For a tenth of a second its ring is full."""
    ring_is_full(Talk(now.world, now.world.callers[0]), 0.1)


def engine_stands_still(now: Moment) -> None:
    """For two seconds its thread does nothing at all: no packet, no event, no order is carried out."""
    engine, clock = now.world.engine, now.world.agenda.clock
    before = engine.step, engine.step_on, engine.next_tick_ns
    until_ns = clock.now_ns() + STANDS_STILL_NS

    def stand_still(now_ns: int) -> None:
        if now_ns >= until_ns:
            engine.step, engine.step_on, engine.next_tick_ns = before  # type: ignore[method-assign]
            engine.step(now_ns)

    def stand_on(before_ns: int) -> int:
        clock.jump_to(max(clock.now_ns(), min(until_ns, before_ns)))
        stand_still(clock.now_ns())
        return clock.now_ns()

    engine.step, engine.step_on = stand_still, stand_on  # type: ignore[method-assign]
    engine.next_tick_ns = lambda: until_ns  # type: ignore[method-assign]


HUNG_UP = frozenset({Ending.CALLER_HUNG_UP, Ending.CALLER_CANCELLED})
DEEDS: Mapping[str, Deed] = {
    "turn_is_cancelled": Deed(turn_is_cancelled),
    "caller_hangs_up": Deed(caller_hangs_up, HUNG_UP, from_outside=True),
    "caller_vanishes": Deed(caller_vanishes, from_outside=True),
    "callee_leaves": Deed(callee_leaves, from_outside=True),
    "operator_hangs_up": Deed(operator_hangs_up, frozenset({Ending.ADMIN})),
    "house_drains": Deed(house_drains, frozenset({Ending.DRAIN}), from_outside=True),
    "bug_strikes": Deed(bug_strikes, frozenset({Ending.FAULT})),
    "model_falters": Deed(lambda now: now.fates.model.falter()),
    "model_dies": Deed(lambda now: now.fates.model.die()),
    "voice_falters": Deed(lambda now: now.fates.voice.falter()),
    "voice_dies": Deed(lambda now: now.fates.voice.die()),
    "ears_falter": Deed(lambda now: now.fates.ears.falter()),
    "ears_die": Deed(lambda now: now.fates.ears.die()),
    "socket_fails": Deed(socket_fails, frozenset({Ending.FAULT})),
    "engine_takes_no_orders": Deed(engine_takes_no_orders),
    "engine_stands_still": Deed(engine_stands_still, breaks_cadence=True),
}
