"""What a call is given by the composition root, and what it must have of an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mediasrv.call.settings import CallSettings
from mediasrv.clock import Clock
from mediasrv.ids import CallId, TokenSource
from mediasrv.legs import CallInfo, CannotDial, Ending, Leg
from mediasrv.telemetry import RecordSink

if TYPE_CHECKING:
    from mediasrv.call.call import Call


class Dial(Protocol):
    """Calls somebody, for a call that goes on."""

    def __call__(
        self, by: CallInfo, target: str, *, needs: MediaNeeds, beside: Leg | None = None
    ) -> AbstractAsyncContextManager[Leg]:
        """A leg to `target` (a number, an extension, a URI), open for the block; its `answer` waits for the answer.

        `by` pays: the toll rules and the allowance of its trunk are asked first. `beside`: a leg that will hear the new
        one, so that both streams stand in one group. Leaving the block hangs up, or stops ringing. Raises CannotDial,
        or AtCapacity.
        """


def nobody_is_dialled(
    by: CallInfo, target: str, *, needs: MediaNeeds, beside: Leg | None = None
) -> AbstractAsyncContextManager[Leg]:
    raise CannotDial("this server calls nobody")


def nothing_may_be_dialled(info: CallInfo, target: str) -> str:
    return "no rules say whom this call may dial"


class LiveCalls:
    """Those that go on just now."""

    def __init__(self) -> None:
        self._calls: dict[CallId, Call] = {}

    def __iter__(self) -> Iterator[Call]:
        """Oldest first."""
        return iter(list(self._calls.values()))

    def find(self, call: CallId) -> Call | None:
        return self._calls.get(call)

    @contextmanager
    def knows(self, call: Call) -> Iterator[None]:
        name = call.info.id
        self._calls[name] = call
        try:
            yield
        finally:
            del self._calls[name]
            call.over.set()


@dataclass(frozen=True, slots=True)
class CallServices:
    """Shared by all calls; a call keeps nothing in it but its name while it lasts."""

    clock: Clock
    tokens: TokenSource
    sink: RecordSink
    settings: CallSettings = field(default_factory=CallSettings)
    recordings: Path | None = None  # the directory they go into; None: nothing is recorded
    why_not_dial: Callable[[CallInfo, str], str] = (
        nothing_may_be_dialled  # empty: it may be dialled, and counts
    )
    why_not_follow: Callable[[CallInfo, str], str] = (
        nothing_may_be_dialled  # a target that a peer has named, before `dial` asks the rules; empty: nothing
    )
    dial: Dial = nobody_is_dialled
    live: LiveCalls = field(default_factory=LiveCalls)


@dataclass(frozen=True, slots=True)
class MediaNeeds:
    """What an agent wants of the ears: the leg opens its stream accordingly, and room is kept for it."""

    aec: bool = True
    ns: bool = True
    vad: bool = True
    bridge: bool = False  # what is heard is recorded, or heard by other people
    recogniser_millicores: float = 0.0  # of this machine's cores, when speech is recognised on it


class Agent(Protocol):
    """Leads calls; holds no call's state, so that one agent serves all of them."""

    name: str
    needs: MediaNeeds

    async def lead(self, call: Call) -> Ending:
        """Leads one answered call to its end; cancelled when the other side hangs up."""


def picks_up_itself(agent: Agent) -> bool:
    """Whether it is given a call that came in before it is answered, and says `Call.pick_up` when it is time.

    What it returns before that is how the caller is refused. This is asked for every call, and an isinstance of a
    Protocol would look at each of its members.
    """
    return getattr(agent, "picks_up_itself", False)


@runtime_checkable
class Rehearses(Protocol):
    """An agent that makes something ready before the first call comes."""

    async def prepare(self, settings: CallSettings) -> None:
        """Bounded; what cannot be made is made in the calls."""
