"""One of several providers of a kind, with its breaker; and the order in which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

from mediasrv.providers.protocols import ProviderError, Waits
from mediasrv.providers.resilience.breaker import Breaker, BreakerState
from mediasrv.providers.resilience.patience import Patience

MARGIN_S = 1.0  # who waits for them all is later than the last of them
P = TypeVar("P")
Told = Callable[[str, str], None]
"""Is told of the provider's name and what became of it: "failed", "skipped", "used"; for counters and timelines."""


def nobody(provider: str, what: str) -> None:
    """Told, and not listening."""


@dataclass(slots=True)
class Member(Generic[P]):
    """Shared by all calls, its breaker too."""

    name: str
    provider: P
    breaker: Breaker = field(default_factory=Breaker)
    first_s: float | None = None  # for its first piece; None: as long as the others have
    patience: Patience | None = None  # None: as with the others

    @contextmanager
    def asked(self, now: Callable[[], float]) -> Iterator[None]:
        """A request to it: a failure is its breaker's to know, and so is a request that was given up."""
        try:
            yield
        except Exception as error:
            self.breaker.failed(now())
            raise failure_of(self.name, error) from error
        except BaseException:
            self.breaker.given_up()
            raise

    def pause_s(self, failed: int, error: ProviderError, patience: Patience, chance: Random) -> float | None:
        """Before it is asked again; None: it is not, for the error's sake or its breaker's."""
        if self.breaker.state is BreakerState.OPEN:
            return None
        return (self.patience or patience).pause_s(failed, error, chance)


def failure_of(provider: str, error: Exception) -> ProviderError:
    """What is told of it: its own error, or one that stands for whatever an adapter has let slip."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        own, _ = found.split(ProviderError)
        found = (own or found).exceptions[0]
    if isinstance(found, ProviderError):
        return found
    return ProviderError(provider, f"{type(found).__name__}: {found}", retryable=True)


def willing(members: Sequence[Member[P]], now: Callable[[], float], told: Told) -> Iterator[Member[P]]:
    """Those to ask, in order. When all breakers are open the first is asked nevertheless: silence is no better."""
    asked = False
    for member in members:
        if member.breaker.admits(now()):
            asked = True
            yield member
        else:
            told(member.name, "skipped")
    if not asked:
        yield members[0]


def waits_for_all(members: Sequence[Member[P]], first_s: float, next_s: float, patience: Patience) -> Waits:
    """Until the last of them has had its last attempt; any silence may be followed by all the others."""
    each_s = [(member.patience or patience).longest_s(member.first_s or first_s) for member in members]
    asking_s = sum(each_s) + MARGIN_S
    return Waits(asking_s, asking_s + next_s)


def none_left(kind: str, errors: Sequence[ProviderError]) -> ProviderError:
    """Of all that failed, in one."""
    if len(errors) == 1:
        return errors[0]
    problem = "; ".join(str(error) for error in errors) or "there is none"
    return ProviderError(kind, problem, retryable=any(error.retryable for error in errors))
