"""Who is let in: the questions asked of an INVITE before anything is built for it, in the order they are asked.

Cheap questions come first, and a stranger learns nothing about numbers or load: where a call comes from is asked
and proven before anything else (access/door.py, which keeps no state for strangers). Room is reserved before
the call is accepted, never found missing afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.config import Settings

DRAIN_RETRY_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Admission:
    """Whose call it is, and who answers it."""

    trunk: str
    agent: str  # empty: nobody does
    called: str  # the number, as the trunk means it


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the caller is told; `why` is the word that is counted."""

    status: int
    why: str
    retry_after_s: int | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return () if self.retry_after_s is None else (("Retry-After", str(self.retry_after_s)),)


UNKNOWN_SOURCE = Refusal(403, "unknown_source")
DRAINING = Refusal(503, "draining", DRAIN_RETRY_AFTER_S)
UNKNOWN_NUMBER = Refusal(404, "unknown_number")
FAULT = Refusal(500, "fault")
NOT_THEIRS = Refusal(403, "replaces_another_party")
REPLACED_IS_GONE = Refusal(481, "replaces_nobody")


def at_capacity(retry_after_s: int) -> Refusal:
    return Refusal(503, "at_capacity", retry_after_s)


def unacceptable(status: int) -> Refusal:
    """An offer that is malformed (400), or that we have nothing in common with (488)."""
    return Refusal(status, "bad_offer" if status == 400 else "no_common_media")


def admit(
    trunk: str | None, number: str, settings: Settings, *, draining: bool, visits: bool = False
) -> Admission | Refusal:
    """The decision for a call that is that trunk's, and means that number; None: it is nobody's.

    `visits`: it may be one that goes into another call, and then needs no agent of its own.
    """
    if trunk is None:
        return UNKNOWN_SOURCE
    if draining:
        return DRAINING
    agent = settings.agent_for(trunk, number)
    if agent is None and not visits:
        return UNKNOWN_NUMBER
    return Admission(trunk, agent or "", number)
