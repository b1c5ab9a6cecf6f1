"""Who hears whom, for every state that a call can be in; keys that are meant for the bridge; the ringback tone."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.call.bridge import Floor, Mode, Seat, Supervision, ringback
from mediasrv.call.bridge.chords import Chords
from mediasrv.call.bridge.ringback import CADENCES, RATE_HZ
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.media import Clip, Listen
from tests.fakes.leg import FakeLeg
from tests.fakes.stream import FakeStream


def leg(name: str) -> FakeLeg:
    return FakeLeg(FakeStream(), CallInfo(CallId(name), name, "200", "local"))


class Call:
    """A caller, a callee, a supervisor, and a floor that knows them by name."""

    def __init__(self) -> None:
        self.legs = {name: leg(name) for name in ("anna", "bob", "sue")}
        self.floor = Floor(Seat(self.legs["anna"]))
        self.floor.music = Clip(b"\0\0", 8_000)

    def rings(self) -> None:
        self.floor.callee = Seat(self.legs["bob"])

    def answers(self) -> None:
        self.rings()
        self.floor.joined = True

    def heard_by(self, name: str) -> set[str]:
        """Whom the floor has connected with that stream; `agent`: what is said on the caller's."""
        self.floor.settle()
        names = {id(each.stream): other for other, each in self.legs.items()}
        return {
            "agent" if what is Listen.SAID else names[source]
            for source, what in self.legs[name].stream.listens_to
        }


def test_nobody_hears_anybody_in_a_call_that_an_agent_leads() -> None:
    call = Call()
    assert call.heard_by("anna") == set()


def test_who_rings_may_be_heard_and_hears_nobody() -> None:
    call = Call()
    call.rings()
    assert call.heard_by("anna") == {"bob"}
    assert call.heard_by("bob") == set()


@pytest.mark.parametrize(("anna_holds", "bob_holds"), list(itertools.product([False, True], repeat=2)))
def test_two_hear_each_other_unless_one_of_them_holds(anna_holds: bool, bob_holds: bool) -> None:
    call = Call()
    call.answers()
    assert call.floor.callee is not None
    call.floor.caller.holds, call.floor.callee.holds = anna_holds, bob_holds
    together = not (anna_holds or bob_holds)
    assert call.heard_by("anna") == ({"bob"} if together else set())
    assert call.heard_by("bob") == ({"anna"} if together else set())
    assert (call.legs["anna"].stream.behind is not None) is (bob_holds and not anna_holds)
    assert (call.legs["bob"].stream.behind is not None) is (anna_holds and not bob_holds)


@pytest.mark.parametrize(
    ("mode", "anna", "bob"),
    [
        (Mode.LISTEN, False, False),
        (Mode.WHISPER_CALLEE, False, True),
        (Mode.WHISPER_CALLER, True, False),
        (Mode.BARGE, True, True),
    ],
)
def test_a_supervisor_hears_everybody_and_is_heard_by_whom_it_wants(
    mode: Mode, anna: bool, bob: bool
) -> None:
    call = Call()
    call.answers()
    call.floor.supervision = Supervision(call.legs["sue"], mode)
    assert call.heard_by("sue") == {"anna", "bob", "agent"}
    assert ("sue" in call.heard_by("anna")) is anna
    assert ("sue" in call.heard_by("bob")) is bob
    call.floor.supervision = None
    assert call.heard_by("sue") == set()
    assert call.heard_by("anna") == {"bob"}


@pytest.mark.parametrize("mode", list(Mode))
def test_with_an_agent_alone_whoever_speaks_to_anybody_speaks_to_the_caller(mode: Mode) -> None:
    call = Call()
    call.floor.supervision = Supervision(call.legs["sue"], mode)
    assert call.heard_by("sue") == {"anna", "agent"}
    assert call.heard_by("anna") == (set() if mode is Mode.LISTEN else {"sue"})


def test_a_supervisor_stays_when_the_two_part() -> None:
    call = Call()
    call.answers()
    call.floor.supervision = Supervision(call.legs["sue"], Mode.BARGE)
    call.floor.settle()
    call.floor.clear()
    assert call.heard_by("sue") == {"anna", "agent"}
    assert call.heard_by("bob") == set()


async def test_one_who_has_gone_takes_its_connections_along_and_disturbs_nobody() -> None:
    call = Call()
    call.answers()
    call.floor.settle()
    await call.legs["bob"].stream.aclose()
    call.floor.clear()
    call.floor.settle()


# ---- keys --------------------------------------------------------------------------------------------------------


@given(st.text("*0123#", max_size=30), st.lists(st.floats(0, 3), min_size=30, max_size=30))
def test_no_key_is_lost_doubled_or_out_of_order(keys: str, pauses_s: list[float]) -> None:
    chords, now, out = Chords({"*0": "back", "*12": "more"}), 0.0, ""
    for key, pause_s in zip(keys, pauses_s, strict=False):
        now += pause_s
        if now >= chords.deadline:
            out += chords.lapse().passed
        meant = chords.press(key, now)
        out += meant.passed + {"back": "*0", "more": "*12", None: ""}[meant.command]
    assert out + chords.lapse().passed == keys


@pytest.mark.parametrize(
    ("keys", "passed", "command"),
    [
        ("5", "5", None),
        ("*", "", None),
        ("**", "*", None),
        ("*0", "", "back"),
        ("**0", "*", "back"),
        ("*5", "*5", None),
    ],
)
def test_a_chord_is_a_command_and_all_else_is_passed_on(keys: str, passed: str, command: str | None) -> None:
    chords = Chords({"*0": "back"})
    meant = [chords.press(key, 0.1 * place) for place, key in enumerate(keys)]
    assert "".join(each.passed for each in meant) == passed
    assert meant[-1].command == command


# ---- ringback ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("country", list(CADENCES))
def test_the_tone_has_its_country_s_rhythm_and_ends_in_silence(country: str) -> None:
    clip = ringback(country)  # type: ignore[arg-type]
    samples = struct.unpack(f"<{len(clip.pcm) // 2}h", clip.pcm)
    at = 0
    for place, length_s in enumerate(CADENCES[country].on_off_s):  # type: ignore[index]
        part = samples[at : at + round(length_s * RATE_HZ)]
        at += len(part)
        assert (max(part) > 2_000) is (place % 2 == 0)
    assert at == len(samples)
    assert samples[-1] == 0
    assert max(abs(sample) for sample in samples) < 8_000
