"""Calls of ours: rung at one place after the other, until somebody picks up or says no.

    places    a --5xx, silence, no way there--> b --3xx--> c --486--> busy
                                                |183: heard while it rings
                                                +200--> picked up

A refusal by who was asked is the answer, and no other place is tried: only one that could not even ask is passed over.
The telephones of one user are one place: they ring together, the first that picks up has the call, and one that is
busy leaves the others ringing; only a 6xx speaks for all of them (RFC 3261 section 16.7).
Which places there are, and whether a redirection may be followed, is the `Route`'s to say, because it costs money.

Whoever waits for the answer may be cancelled at any time, and then the ringing is stopped: an answer that crosses that
on its way is acknowledged and hung up by the protocol below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

import trio

from mediasrv.endpoints import CallEnd, CallGone, CallRedirected, SipCall
from mediasrv.legs.endings import WORDS, ending_of_refusal
from mediasrv.legs.leg import Ending, LegEnded
from mediasrv.legs.sound import Sound, Stage
from mediasrv.sdp import MalformedDescription, Negotiated, NotAcceptable, SessionDescription, parse
from mediasrv.sip import Account, Address, Headers, Progress, Rejected, Uri, WrongState

ANY_5XX = range(500, 600)
SILENT, FLOW_FAILED = 408, 430
FORKS_HEARD_MAX = 8
_CLEAREST = (Ending.BUSY, Ending.REFUSED, Ending.NO_ANSWER)  # what several telephones have said, in a word


@dataclass(frozen=True, slots=True)
class Failover:
    """When a place is passed over for the next, as long as nobody rang there."""

    statuses: Container[int] = ANY_5XX
    silence_s: float = 5.0  # RFC 3261 would wait 32 s, longer than a person listens to nothing


USUAL_FAILOVER = Failover()


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where the party may be reached."""

    uri: Uri
    hop: Address
    account: Account | None = None  # who we are there, when it asks
    path: Sequence[str] = ()  # Routes that the request takes
    failover: Failover = USUAL_FAILOVER
    # Other ways to the same telephone (RFC 5626), which is not rung in two at once.
    otherwise: tuple[Stop, ...] = ()


class Route(Protocol):
    """The way to one party."""

    async def next_stops(self) -> Sequence[Stop]:
        """Where to ring next, at once; empty: nowhere else."""

    async def ring(self, stop: Stop, offer: bytes) -> SipCall: ...
    async def redirected(self, targets: Sequence[Uri]) -> Stop | None:
        """Where to go on of all that a callee names; None: nowhere."""

    def passed_over(self, stop: Stop, end: Rejected) -> None:
        """Nobody could be asked there."""

    def note(self, event: str, **fields: object) -> None:
        """For the timeline: dialling, ringing, early_media, early_offer, redirected, not_reached, refused,
        not_answered."""


@dataclass(slots=True)
class _Attempt:
    """What one place has told so far."""

    stop: Stop
    call: SipCall
    alone: bool  # nobody else is rung at the same time
    offered: SessionDescription  # by us
    heard: dict[str, bytes] = field(default_factory=dict)  # descriptions before the answer, by fork
    followed: defaultdict[str, trio.Event] = field(default_factory=lambda: defaultdict(trio.Event))  # of them
    # What forks have offered since, and we agreed to.
    changed: dict[str, Negotiated] = field(default_factory=dict)
    rang: bool = False
    outcome: bytes | CallEnd | None = None  # the description of who has picked up, or how it ended
    taken: bool = False

    @property
    def is_unreached(self) -> bool:
        """Nobody could be asked there."""
        end = self.outcome
        if not isinstance(end, Rejected) or self.rang:
            return False
        return end.status in (SILENT, FLOW_FAILED) or end.status in self.stop.failover.statuses


class Outgoing:
    """An `Opening`: ours to make."""

    def __init__(self, route: Route, ring_s: float) -> None:
        self.call: SipCall | None = None
        self._route, self._ring_s = route, ring_s
        self._ringing = trio.CancelScope()
        self._given_up: Ending | None = None
        self._why = Ending.REFUSED  # of the last place; where there was none, nobody could be asked

    async def ring(self, sound: Sound) -> None:
        await trio.lowlevel.checkpoint()

    async def speak_early(self, sound: Sound) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def pick_up(self, sound: Sound) -> SipCall:
        call = None
        with self._ringing:
            await trio.lowlevel.checkpoint()
            with trio.move_on_after(self._ring_s) as patience:
                call = await self._try_all(sound)
            if patience.cancelled_caught:
                self._why = Ending.NO_ANSWER
        if call is None:
            self._route.note("not_answered", why=(self._given_up or self._why).value)
            raise LegEnded(self._given_up or self._why)
        return call

    async def give_up(self, why: Ending) -> None:
        self._given_up = self._given_up or why
        self._ringing.cancel()

    async def _try_all(self, sound: Sound) -> SipCall | None:
        while stops := await self._route.next_stops():
            attempts: list[_Attempt] = []
            try:
                for stop in stops:
                    attempts.append(await self._ring(stop, sound, alone=len(stops) == 1))
                await self._wait_for_one(attempts, sound)
                for attempt in attempts:
                    if isinstance(attempt.outcome, bytes):
                        return await self._talk(attempt, attempt.outcome, sound)
            finally:
                for attempt in attempts:
                    if not attempt.taken:
                        await _abandon(attempt.call, self._given_up)
            if not all(attempt.is_unreached for attempt in attempts):
                break
        return None

    async def _ring(self, stop: Stop, sound: Sound, *, alone: bool) -> _Attempt:
        self._route.note("dialling", to=str(stop.uri), at=f"{stop.hop[0]}:{stop.hop[1]}")
        self.call = await self._route.ring(stop, sound.ours.build())
        return _Attempt(stop, self.call, alone, sound.ours)

    async def _wait_for_one(self, attempts: Sequence[_Attempt], sound: Sound) -> None:
        """Until somebody has picked up, or spoken for all, or nobody is left."""
        async with trio.open_nursery() as all_of_them:
            for attempt in attempts:
                all_of_them.start_soon(self._wait_for, attempt, sound, all_of_them.cancel_scope)
        ends = [each.outcome for each in attempts if isinstance(each.outcome, Rejected)]
        if ends:
            self._why = min(map(ending_of_refusal, ends), key=_CLEAREST.index)

    async def _wait_for(self, attempt: _Attempt, sound: Sound, others: trio.CancelScope) -> None:
        end = await self._outcome_by_any_way(attempt, sound)
        if not isinstance(end, Rejected):
            others.cancel()
            return
        if not attempt.is_unreached and end.status >= 600:
            others.cancel()

    async def _outcome_by_any_way(self, attempt: _Attempt, sound: Sound) -> bytes | CallEnd:
        while True:
            end = attempt.outcome = await self._outcome(attempt, sound)
            if not isinstance(end, Rejected):
                return end
            self._route.note(
                "not_reached" if attempt.is_unreached else "refused", status=end.status, reason=end.reason,
                **({} if end.q850_cause is None else {"q850": end.q850_cause}),
            )  # fmt: skip
            if not attempt.is_unreached:
                return end
            self._route.passed_over(attempt.stop, end)
            if not attempt.stop.otherwise:
                return end
            await self._go_another_way(attempt, sound)

    async def _go_another_way(self, attempt: _Attempt, sound: Sound) -> None:
        following, *others = attempt.stop.otherwise
        another = await self._ring(replace(following, otherwise=tuple(others)), sound, alone=attempt.alone)
        attempt.stop, attempt.call, attempt.outcome = another.stop, another.call, None

    async def _outcome(self, attempt: _Attempt, sound: Sound) -> bytes | CallEnd:
        """The description of who has picked up (perhaps empty), or how it ended."""
        outcome: bytes | CallEnd = b""
        async with trio.open_nursery() as beside:
            beside.start_soon(self._follow_progress, attempt, sound)
            beside.start_soon(self._answer_offers, attempt, sound)
            outcome = await self._answered(attempt)
            beside.cancel_scope.cancel()
        return outcome

    async def _answered(self, attempt: _Attempt) -> bytes | CallEnd:
        while True:
            try:
                return await attempt.call.wait_answered()
            except CallGone as gone:
                return gone.end
            except CallRedirected as elsewhere:
                stop = await self._route.redirected(elsewhere.redirected.targets)
                if stop is None:
                    status = elsewhere.redirected.status
                    return Rejected(attempt.call.id, status, "not followed", Headers())
                self._route.note("redirected", to=str(stop.uri), at=f"{stop.hop[0]}:{stop.hop[1]}")
                with suppress(WrongState, CallGone):  # it took too long to decide: how it ended comes next
                    await attempt.call.redirect(stop.uri, stop.hop)

    async def _follow_progress(self, attempt: _Attempt, sound: Sound) -> None:
        with suppress(trio.EndOfChannel):
            while True:
                progress = await attempt.call.wait_progress()
                if not attempt.rang:
                    attempt.rang = True
                    self._route.note("ringing", status=progress.status)
                if progress.body and attempt.alone:
                    await self._hear_early(attempt, progress, sound)

    async def _hear_early(self, attempt: _Attempt, progress: Progress, sound: Sound) -> None:
        """What cannot be understood is not heard; the answer may still be better."""
        if attempt.heard.get(progress.fork) == progress.body or len(attempt.heard) > FORKS_HEARD_MAX:
            return
        attempt.heard[progress.fork] = progress.body
        sound.ours = attempt.offered
        try:
            await sound.take(parse(progress.body), Stage.CALLEE_RINGS)
        except (MalformedDescription, NotAcceptable) as error:
            self._route.note("early_media", problem=str(error))
        else:
            self._route.note("early_media", codec=sound.stream.codec)
        finally:
            attempt.followed[progress.fork].set()

    async def _answer_offers(self, attempt: _Attempt, sound: Sound) -> None:
        """A telephone that rings may change what it has answered (RFC 3311 section 5)."""
        talk = attempt.call.talk
        with suppress(CallGone, trio.EndOfChannel):
            while True:
                offered = await talk.wait_update()
                with suppress(WrongState):  # that telephone rings no more
                    await self._answer_offer(attempt, offered, sound)

    async def _answer_offer(self, attempt: _Attempt, offered: bytes, sound: Sound) -> None:
        fork, talk = attempt.call.talk.asking, attempt.call.talk
        try:
            if attempt.alone:
                await attempt.followed[fork].wait()  # what it answered first may be on its way to the sound
            if not attempt.alone or attempt.heard.keys() != {fork}:
                raise NotAcceptable("several telephones ring, and there is one sound")
            agreed = sound.reanswer(parse(offered))
        except (MalformedDescription, NotAcceptable) as error:
            self._route.note("early_offer", problem=str(error))
            await talk.answer_update(488)
            return
        await talk.answer_update(200, agreed.description.build())
        sound.ours = agreed.description
        sound.follow(agreed)
        attempt.changed[fork] = agreed
        self._route.note("early_offer", codec=agreed.codec)

    async def _talk(self, attempt: _Attempt, answered: bytes, sound: Sound) -> SipCall:
        """The answer may have come earlier, in a reliable 183 (RFC 3262 section 5), and have been changed since."""
        call = attempt.call
        changed, description = attempt.changed.get(call.fork), answered or call.early.get(call.fork, b"")
        try:
            if changed is not None:
                sound.ours = changed.description
                sound.begin(changed)
            else:
                sound.ours = attempt.offered
                await sound.take(parse(description))
        except (MalformedDescription, NotAcceptable) as error:
            self._route.note("unacceptable_answer", problem=str(error))
            await attempt.call.bye("unacceptable answer")
            raise LegEnded(Ending.FAULT) from error
        attempt.taken, self.call = True, attempt.call
        return attempt.call


async def _abandon(call: SipCall, why: Ending | None) -> None:
    """Stops the ringing, or hangs up on who picked up at that very moment."""
    if call.end is None:
        with trio.CancelScope(shield=True):
            await call.bye(WORDS.get(why, "") if why else "")
