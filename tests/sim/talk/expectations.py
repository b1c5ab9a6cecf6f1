"""What a story may expect: each is a sentence, and says what was there instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mediasrv.conversation.words import tokens
from tests.sim.invariants import MS
from tests.sim.talk.account import Account
from tests.sim.talk.story import Judgement
from tests.sim.trace import Record

How = Literal["whole", "cut off", "not at all"]


def reply(
    number: int, *, to: str = "", heard: How | None = None, because: str | tuple[str, ...] = ()
) -> Judgement:
    """The nth reply answers the words of `to`, and was heard so; `because`: how its turn ended."""

    def check(account: Account) -> Iterator[str]:
        if len(account.replies) < number:
            yield f"there were only {len(account.replies)} replies, not {number}: {_told(account)}"
            return
        yield from _differences(account.replies[number - 1], f"reply {number}", to, heard, because)

    return check


def some_reply(*, to: str) -> Judgement:
    """One that what was only half understood does not stand in the way of."""

    def check(account: Account) -> Iterator[str]:
        if not any(_contains(tokens(str(turn["asked"])), tokens(to)) for turn in account.replies):
            yield f"no reply answers {to!r}: {_told(account)}"

    return check


def never_doubled(text: str) -> Judgement:
    """What was said once is not answered as if it had been said twice: half heard, and then whole."""

    def check(account: Account) -> Iterator[str]:
        begins = tokens(text)[:2]
        for turn in account.replies:
            asked = tokens(str(turn["asked"]))
            if sum(asked[at : at + 2] == begins for at in range(len(asked))) > 1:
                yield f"{turn['asked']!r} has {text!r} twice"

    return check


def last_reply(*, to: str = "", heard: How | None = None, because: str | tuple[str, ...] = ()) -> Judgement:
    def check(account: Account) -> Iterator[str]:
        if not account.replies:
            yield "there was no reply"
            return
        yield from _differences(account.replies[-1], "the last reply", to, heard, because)

    return check


def _differences(
    turn: Record, name: str, to: str, heard: How | None, because: str | tuple[str, ...]
) -> Iterator[str]:
    asked = tokens(str(turn["asked"]))
    if to and not _contains(asked, tokens(to)):
        yield f"{name} answers {turn['asked']!r}, not {to!r}"
    if heard is not None and _how(turn) != heard:
        yield f"{name} was heard {_how(turn)}, not {heard}: {turn['heard']!r} of {turn['said']!r}"
    endings = (because,) if isinstance(because, str) else because
    if endings and turn["ending"] not in endings:
        yield f"{name} ended with {turn['ending']}, not {' or '.join(endings)}"


def _how(turn: Record) -> How:
    said, heard = str(turn["said"]).split(), str(turn["heard"]).split()
    if not heard:
        return "not at all"
    return "whole" if heard == said and turn["ending"] == "completed" else "cut off"


def _contains(all_of_it: list[str], part: list[str]) -> bool:
    return any(all_of_it[at : at + len(part)] == part for at in range(len(all_of_it) - len(part) + 1))


def replies(number: int) -> Judgement:
    """No more, and no fewer; guesses that were dropped are none."""

    def check(account: Account) -> Iterator[str]:
        if len(account.replies) != number:
            yield f"there were {len(account.replies)} replies, not {number}: {_told(account)}"

    return check


def _told(account: Account) -> str:
    return "; ".join(
        f"{turn['kind']} to {turn['asked']!r}: {turn['heard']!r} ({turn['ending']})" for turn in account.turns
    )


def nothing_cut_off(account: Account) -> Iterator[str]:
    for turn in account.turns:
        if turn["ending"] in ("user_barge_in", "replaced"):
            yield f"turn {turn['number']} was cut off ({turn['ending']}) after {turn['heard']!r}"


def voice_stops(*, within_ms: float, after: str) -> Judgement:
    """In the caller's ear, from the labelled onset of that utterance."""

    def check(account: Account) -> Iterator[str]:
        voiced_ns = account.spoken(after).voiced_ns
        late_ms = (account.voice_stopped_ns(voiced_ns) - voiced_ns) / MS
        if late_ms > within_ms:
            yield f"the voice went on for {late_ms:g} ms after {after!r} began"

    return check


def never_talks_over(text: str, *, from_ms: float) -> Judgement:
    """From so long after the caller began to say it until it was said, nothing of the agent sounds."""

    def check(account: Account) -> Iterator[str]:
        spoken = account.spoken(text)
        over = [at for at in account.audible_ns if spoken.voiced_ns + from_ms * MS < at < spoken.ends_ns]
        if over:
            yield f"the agent spoke {(over[0] - spoken.voiced_ns) / MS:g} ms into {text!r}"

    return check


def noted(event: str, *, times: int | None = None, **fields: object) -> Judgement:
    """The timeline tells of it: once at least, or so often."""

    def check(account: Account) -> Iterator[str]:
        found = [e for e in account.noted(event) if all(e.get(key) == value for key, value in fields.items())]
        if len(found) != times and (times is not None or not found):
            wanted = "ever" if times is None else f"{times} times"
            yield f"{event} {fields or ''} was noted {len(found)} times, not {wanted}: {account.noted(event)}"

    return check


def tool(name: str, outcome: str | tuple[str, ...]) -> Judgement:
    """Each call of it came to that."""

    def check(account: Account) -> Iterator[str]:
        found = [str(tool["outcome"]) for tool in account.tools if tool["name"] == name]
        outcomes = (outcome,) if isinstance(outcome, str) else outcome
        if not found or any(one not in outcomes for one in found):
            yield f"tool {name} came to {found or 'nothing'}, not {' or '.join(outcomes)}"

    return check


def tool_not_called(name: str) -> Judgement:
    def check(account: Account) -> Iterator[str]:
        if any(tool["name"] == name for tool in account.tools):
            yield f"tool {name} was called"

    return check


def model_learns(text: str) -> Judgement:
    """The history, as the model would be told it at the end, has these words in it."""

    def check(account: Account) -> Iterator[str]:
        if not any(text in message.text for message in account.history):
            yield f"the history has no {text!r}: {[message.text for message in account.history]}"

    return check


def model_never_learns(text: str) -> Judgement:
    def check(account: Account) -> Iterator[str]:
        if any(text in message.text for message in account.history):
            yield f"the history has {text!r}"

    return check


def turns(*kinds: str) -> Judgement:
    """These, in this order."""

    def check(account: Account) -> Iterator[str]:
        found = tuple(str(turn["kind"]) for turn in account.turns)
        if found != kinds:
            yield f"the turns were {', '.join(found)}, not {', '.join(kinds)}"

    return check


def ended(why: str) -> Judgement:
    """As the call's record has it."""

    def check(account: Account) -> Iterator[str]:
        if account.call["ending"] != why:
            yield f"the call ended with {account.call['ending']}, not {why}"

    return check
