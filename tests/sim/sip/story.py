"""A story: its name, the paths that it may happen over, the server that it wants, and what happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasrv.bench.netem import Jitter, Loss, Profile

if TYPE_CHECKING:
    from tests.sim.sip.house import House

Telling = Callable[["House"], Awaitable[None]]

STEADY = (
    Profile("near", delay_ms=1.0),
    Profile("fibre", delay_ms=12.0, jitter=Jitter("normal", 1.0, 0.5)),
    Profile("far", delay_ms=140.0, jitter=Jitter("uniform", 20.0)),
)
"""Nothing is lost but what the story loses, and all comes once and in order."""

DISORDERLY = (
    Profile("two_ways", delay_ms=40.0, jitter=Jitter("uniform", 30.0), reorder=0.3, reorder_ms=60.0, duplicate=0.1),
    Profile("twice", delay_ms=20.0, jitter=Jitter("uniform", 5.0), duplicate=0.5),
)  # fmt: skip
"""Nothing is lost, but it overtakes and comes again."""

LOSSY = (
    Profile("lossy", delay_ms=30.0, jitter=Jitter("uniform", 10.0), loss=Loss(good=0.05)),
    Profile("poor", delay_ms=60.0, jitter=Jitter("uniform", 40.0), loss=Loss(good=0.10), reorder=0.1, duplicate=0.05),
)  # fmt: skip
BAD = (Profile("bad", delay_ms=60.0, jitter=Jitter("uniform", 60.0), loss=Loss(good=0.20)),)

WHOLE = (*STEADY, *DISORDERLY)
ANY = (*WHOLE, *LOSSY)


@dataclass(frozen=True, slots=True)
class Story:
    name: str
    tell: Telling
    over: tuple[Profile, ...]
    settings: Mapping[str, str] = field(default_factory=dict)  # of the server, as in the environment
    limit_s: float = 600.0
    expected_logs: tuple[
        str, ...
    ] = ()  # what may stand in a line of its log, because the story is about that


STORIES: dict[str, Story] = {}


def story(
    over: tuple[Profile, ...] = ANY, *, limit_s: float = 600.0, logs: tuple[str, ...] = (), **settings: str
) -> Callable[[Telling], Telling]:
    """Enters a story in the book. `settings`: as in `media__capacity="1"`."""

    def enter(tell: Telling) -> Telling:
        name = tell.__name__
        assert name not in STORIES, name
        environment = {f"MEDIASRV_{key.upper()}": value for key, value in settings.items()}
        STORIES[name] = Story(name, tell, over, environment, limit_s, logs)
        return tell

    return enter
