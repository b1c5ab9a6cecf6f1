"""Two parties of one call: dialled, ringing, talking, and apart again."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from mediasrv.call.bridge import ringback
from mediasrv.errors import LocalError
from mediasrv.legs import Ending, HoldChanged
from mediasrv.media import MediaFault, MediaTimeout, SourceLocked
from tests.call.joining import caller_who, hears, pressed, stage
from tests.fakes.parties import Guest


async def test_the_other_side_rings_answers_and_both_hear_each_other(autojump_clock: object) -> None:
    async with stage(bob=Guest(stays_s=5.0)) as here:
        anna = here.call()
        await trio.sleep(2)
        bob = here.dialler.party("bob")
        assert anna.stream.behind == ringback("eu")
        assert not hears(bob, anna)
        await trio.sleep(2.5)
        assert anna.stream.behind is None
        assert hears(anna, bob)
        assert hears(bob, anna)
        await trio.sleep(5)
        assert anna.stream.listens_to == {}
        assert here.outcome() == "hung_up"
    assert here.said() == ["a", "again", "a"]
    assert here.records["call-1"].ending == "caller_hung_up"


async def test_what_the_network_sounds_before_the_answer_takes_the_place_of_our_tone(
    autojump_clock: object,
) -> None:
    early = [(1.0, SourceLocked(("127.0.0.1", 4_000), 0))]
    async with stage(bob=Guest(answers_after_s=4.0, events=early)) as here:
        anna = here.call()
        await trio.sleep(1.5)
        assert anna.stream.behind is not None
        await trio.sleep(1.5)
        assert anna.stream.behind is None
        assert hears(anna, here.dialler.party("bob"))
        assert not hears(here.dialler.party("bob"), anna)
        assert here.noted("early_media")


@pytest.mark.parametrize(
    ("bob", "why"),
    [
        (Guest(refuses=Ending.BUSY), "busy"),
        (Guest(refuses=Ending.NO_ANSWER), "no_answer"),
        (Guest(refuses=Ending.REFUSED), "refused"),
        (Guest(refuses=Ending.FAULT), "refused"),
        (Guest(answers_after_s=100), "no_answer"),
        (None, "refused"),
    ],
)
async def test_who_is_not_reached_leaves_the_caller_with_the_menu(
    autojump_clock: object, bob: Guest | None, why: str
) -> None:
    async with stage(**({"bob": bob} if bob else {})) as here:
        here.call(step='ring_s = 10, busy = "busy"')
    assert here.outcome() == why
    assert here.said()[1] == ("engaged" if why == "busy" else "again")


async def test_a_server_without_room_refuses_and_the_menu_goes_on(autojump_clock: object) -> None:
    async with stage(bob=Guest()) as here:
        here.dialler.full = True
        here.call()
    assert (here.outcome(), here.said()[1]) == ("refused", "again")


async def test_the_other_side_s_hang_up_ends_the_call_unless_the_menu_goes_on(autojump_clock: object) -> None:
    async with stage(bob=Guest(stays_s=3.0)) as here:
        anna = here.call(step='after = "hang_up"')
    assert here.records["call-1"].ending == "agent_hung_up"
    assert anna.hung_up == [Ending.AGENT_HUNG_UP]


@pytest.mark.parametrize("at_s", [0.5, 1.005, 1.5, 3.01, 3.5, 7.0])
async def test_a_caller_who_hangs_up_takes_the_other_side_along(autojump_clock: object, at_s: float) -> None:
    async with stage(bob=Guest(stays_s=None)) as here:
        here.call(caller_who(stays_s=at_s))
    assert here.records["call-1"].ending == "caller_hung_up"
    assert here.records["call-1"].error == ""


async def test_keys_are_passed_on_both_ways_and_the_bridge_s_own_are_not(autojump_clock: object) -> None:
    keys = [
        (at_s + 4, key) for at_s, key in ((0, "5"), (0.2, "*"), (0.4, "7"), (2, "*"), (6, "*"), (6.2, "0"))
    ]
    async with stage(bob=Guest(stays_s=None, events=pressed((4.0, "8")))) as here:
        anna = here.call(caller_who(*keys))
        await trio.sleep(6.3)
        bob = here.dialler.party("bob")
        assert bob.stream.pressed == "5*7"
        await trio.sleep(2)
        assert bob.stream.pressed == "5*7*", "a lonely star is late, but not lost"
        assert anna.stream.pressed == "8"
        await trio.sleep(3)
        assert here.outcome() == "taken_back"
        assert bob.hung_up == [Ending.AGENT_HUNG_UP]
    assert here.said()[1] == "again"


async def test_a_caller_may_give_up_while_it_rings(autojump_clock: object) -> None:
    async with stage(bob=Guest(answers_after_s=20)) as here:
        here.call(caller_who((2.0, "*"), (2.2, "0")))
        await trio.sleep(2.5)
        assert here.outcome() == "taken_back"
        assert here.dialler.party("bob").closed


@pytest.mark.parametrize("who_holds", ["caller", "callee"])
async def test_one_who_holds_is_away_and_the_other_hears_music(
    autojump_clock: object, who_holds: str
) -> None:
    by_caller = who_holds == "caller"
    from_s = 6.0 if by_caller else 3.0  # since each one's own answer
    wants = [(from_s, HoldChanged(True)), (from_s + 4.0, HoldChanged(False))]
    async with stage(bob=Guest(stays_s=None, wants=() if by_caller else wants)) as here:
        anna = here.call(caller_who(wants=wants if by_caller else ()))
        await trio.sleep(4.5)
        bob = here.dialler.party("bob")
        holder, other = (anna, bob) if by_caller else (bob, anna)
        await trio.sleep(4.0)
        assert other.stream.behind is not None
        assert holder.stream.behind is None
        assert not hears(anna, bob)
        assert not hears(bob, anna)
        await trio.sleep(4.0)
        assert other.stream.behind is None
        assert hears(anna, bob)
        assert hears(bob, anna)
    assert [entry["who"] for entry in (*here.noted("hold"), *here.noted("resume"))] == [who_holds] * 2


@pytest.mark.parametrize("event", [MediaTimeout(0), MediaFault(5, 0)])
async def test_a_leg_whose_sound_fails_ends_the_bridge_and_not_the_call(
    autojump_clock: object, event: MediaTimeout | MediaFault
) -> None:
    async with stage(bob=Guest(stays_s=None, events=[(6.0, event)])) as here:
        here.call()
        await trio.sleep(7.2)
        assert here.outcome() == "lost"
    assert here.said()[1] == "again"


async def test_two_who_can_hear_each_other_no_more_end_the_bridge_and_not_the_call(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, what: object, gain_db: float = 0.0) -> None:
        raise LocalError("the engine takes no more orders")

    holds = [(1.0, HoldChanged(True)), (3.0, HoldChanged(False))]
    async with stage(bob=Guest(stays_s=None, wants=holds)) as here:
        here.call()
        await trio.sleep(5)
        monkeypatch.setattr(here.dialler.party("bob").stream, "connect", refuse)
        await trio.sleep(5)
        assert here.outcome() == "lost"
        assert here.noted("bridge_ended")[-1]["problem"] == "the engine takes no more orders"
    assert here.said()[1] == "again"
    assert here.records["call-1"].error == ""


async def test_silence_of_who_holds_is_no_fault(autojump_clock: object) -> None:
    bob = Guest(stays_s=8.0, wants=[(1.0, HoldChanged(True))], events=[(6.0, MediaTimeout(0))])
    async with stage(bob=bob) as here:
        here.call()
    assert here.outcome() == "hung_up"


async def test_both_are_recorded_in_one_file(autojump_clock: object, tmp_path: Path) -> None:
    async with stage(bob=Guest(stays_s=3.0), recordings=tmp_path) as here:
        anna = here.call(step="record = true")
    (recording,) = anna.stream.recordings
    assert recording.path == tmp_path / "call-1-1.wav"
    assert recording.result is not None
    assert here.noted("bridge_recorded")
