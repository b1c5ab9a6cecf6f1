"""The caller against an answering machine: the least that can be telephoned with."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import trio

from mediasrv.bench.netem import PROFILES, Profile
from mediasrv.ids import SeededTokens
from mediasrv.sip import events as sip
from mediasrv.sip.agent import UserAgent
from tests.sim import g711
from tests.sim.caller import Caller
from tests.sim.deterministic import Agenda, run
from tests.sim.faults import Lose, Losses
from tests.sim.network import Address, Network
from tests.sim.script import Cue, HangUp, Mute, Press, Rubbish, Say, Vanish, answered, dialled, passage, quiet

SERVER = ("10.0.0.1", 5060)
MEDIA = ("10.0.0.1", 20_000)
ANSWER = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


class AnsweringMachine:
    """Answers every call, or does not, and plays frames when told to."""

    def __init__(self, network: Network, *, answers: bool = True) -> None:
        self.network, self.answers = network, answers
        self.user_agent = UserAgent(SERVER, SeededTokens(99))
        self.rtp: list[tuple[int, bytes]] = []
        self.calls: list[sip.SipCallId] = []
        network.attach(SERVER, self._on_sip)
        network.attach(MEDIA, self._on_rtp)

    def _on_rtp(self, data: bytes, source: Address, to: Address) -> None:
        self.rtp.append((self.network.agenda.clock.now_ns(), data))

    def _on_sip(self, data: bytes, source: Address, to: Address) -> None:
        self.user_agent.receive(data, source, self.network.agenda.clock.now())
        while (event := self.user_agent.next_event()) is not None:
            if isinstance(event, sip.IncomingCall) and self.answers:
                self.calls.append(event.call)
                self.user_agent.respond(
                    event.call, 200, self.network.agenda.clock.now(), body=ANSWER.encode()
                )
        self.pump()

    def pump(self) -> None:
        now = self.network.agenda.clock.now()
        deadline = self.user_agent.next_deadline()
        if deadline is not None and deadline <= now:
            self.user_agent.handle_deadline(now)
        for data, to in self.user_agent.datagrams_to_send(now):
            self.network.send(data, SERVER, to)

    async def run(self) -> None:
        while True:
            await trio.sleep(0.02)
            self.pump()


async def telephone(
    agenda: Agenda,
    script: Sequence[Cue],
    *,
    profile: Profile = PROFILES["lan"],
    losses: Sequence[Lose] = (),
    answers: bool = True,
    seconds: float = 5.0,
    play: tuple[float, float] | None = None,
) -> tuple[Caller, AnsweringMachine]:
    network = Network(agenda, 3, profile=profile)
    network.censor = Losses(losses)
    machine = AnsweringMachine(network, answers=answers)
    caller = Caller(network, "10.0.0.2", SERVER, script, 3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(machine.run)
        caller.dial()
        if play is not None:
            await play_noise(agenda, network, caller, *play)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return caller, machine


async def play_noise(
    agenda: Agenda, network: Network, caller: Caller, after_s: float, seconds: float
) -> None:
    loud, faint = g711.encode(struct.pack("<h", 5_000) * 160), b"\xff" * 160
    for number in range(round((after_s + seconds + 1.5) * 50)):
        speaks = after_s <= number * 0.02 < after_s + seconds
        header = struct.pack("!BBHII", 0x80, 0, number, number * 160, 7)
        network.send(header + (loud if speaks else faint), MEDIA, caller.rtp_address)
        await trio.sleep(0.02)


def test_a_call_is_answered_heard_and_hung_up() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        return await telephone(agenda, [Cue(answered(2_000), HangUp())])

    caller, machine = run(1, main)
    assert caller.ending == "local"
    assert len(machine.rtp) in (100, 101)
    assert {b - a for (a, _), (b, _) in zip(machine.rtp, machine.rtp[1:], strict=False)} <= set(
        range(19_500_000, 20_500_000)
    )


def test_a_lost_ack_and_a_lost_bye_are_sent_again() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        losses = [Lose(b"ACK", 2), Lose(b"BYE", 2)]
        return await telephone(agenda, [Cue(answered(4_000), HangUp())], losses=losses, seconds=50.0)

    caller, _ = run(1, main)
    assert caller.ending == "local"
    assert caller.leftovers() == {}


def test_what_is_said_is_labelled_where_its_voice_begins() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        return await telephone(agenda, [Cue(answered(1_000), Say("hello there"))], profile=PROFILES["clean"])

    caller, machine = run(1, main)
    assert caller.answered_ns is not None
    (spoken,) = caller.spoken
    audible_ns = [at for at, data in machine.rtp if g711.audible(data[12:])]
    assert abs(audible_ns[0] - spoken.voiced_ns) <= 65_000_000  # the consonant comes before the voice
    assert audible_ns[-1] <= spoken.ends_ns


def test_cues_follow_the_agent_s_voice_as_the_caller_hears_it() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        script = [Cue(passage(1, 300), Press("7")), Cue(quiet(1, 1_000), HangUp())]
        return await telephone(agenda, script, play=(1.0, 2.0))

    caller, machine = run(1, main)
    first = next(heard.at_ns for heard in caller.heard if heard.audible)
    last = max(heard.at_ns for heard in caller.heard if heard.audible)
    (pressed_ns, _), (hung_up_ns, _) = caller.performed
    assert pressed_ns == first + 300_000_000
    assert hung_up_ns == last + 1_000_000_000
    assert any(data[1] & 0x7F == 101 for _, data in machine.rtp)


def test_a_muted_caller_sends_nothing_until_it_speaks_again() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        return await telephone(agenda, [Cue(answered(1_000), Mute()), Cue(answered(3_000), Mute(on=False))])

    _, machine = run(1, main)
    assert max(b - a for (a, _), (b, _) in zip(machine.rtp, machine.rtp[1:], strict=False)) > 1_900_000_000


def test_a_caller_who_gives_up_before_the_answer_cancels() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        return await telephone(agenda, [Cue(dialled(500), HangUp())], answers=False)

    caller, _ = run(1, main)
    assert caller.ending == "rejected 487"


def test_a_caller_who_vanishes_says_nothing_more() -> None:
    async def main(agenda: Agenda) -> tuple[Caller, AnsweringMachine]:
        return await telephone(agenda, [Cue(answered(1_000), Vanish())])

    caller, machine = run(1, main)
    assert caller.ending == "vanished"
    assert len(machine.rtp) in (50, 51)


def test_rubbish_is_repeatable() -> None:
    async def main(agenda: Agenda) -> list[bytes]:
        caller, _ = await telephone(agenda, [Cue(answered(500), Rubbish(30, seed=4))])
        return [wired.data for wired in caller.network.log]

    assert run(1, main) == run(1, main)
