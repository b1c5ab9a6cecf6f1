"""A softphone for one call, on PJSIP's own stack: an independent peer to try the server with.

    python -m tools.softphone sip:anyone@127.0.0.1:5060 --record heard.wav --seconds 10
    python -m tools.softphone sip:anyone@127.0.0.1:5060 --say "excuse me, one question" --play-after 3
    python -m tools.softphone sip:anyone@127.0.0.1:5060 --plan sip_config/softphone/keys.toml --json

It calls over UDP, or what the URI says (`;transport=tcp`, `;transport=tls`: the certificate is not looked at). It
offers G.711, or what --codec says. It has no sound device: it plays a WAV file (16-bit, mono) into the call and
records what it hears into another.
PJSIP (GPL) comes in the `pjsua2-python` wheel of the `test` extra and is never part of the server.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import tomllib
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import click
import pjsua2 as pj

from mediasrv.providers.formant import speak

POLL_MS = 10
HANG_UP_S = 3.0
DIGIT_GAP_S = 0.3
G711 = ("PCMU", "PCMA")
CODECS = (*G711, "G722")
FIRST_PRIORITY = 255  # of PJSIP; 0 is not offered
SRTP: Mapping[str, int] = {  # with keys in the descriptions: this build of PJSIP has no DTLS
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "mandatory": pj.PJMEDIA_SRTP_MANDATORY,
}


@dataclass(slots=True)
class Outcome:
    """How the call went; `--json` prints these keys."""

    uri: str
    answered: bool = False
    status: int = 0
    reason: str = ""
    answered_after_s: float | None = None
    talked_s: float = 0.0
    hung_up_by: str = ""  # "us" | "them"
    codec: str = ""
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    recorded: str = ""
    notes: list[str] = field(default_factory=list)


class PhoneCall(pj.Call):  # type: ignore[misc]
    """One call: what PJSIP calls back into, and the files that are played and recorded."""

    def __init__(self, account: pj.Account, outcome: Outcome, play: Path | None, record: Path | None) -> None:
        super().__init__(account)
        self.outcome = outcome
        self.over = False
        self._play, self._record = play, record
        self._player: pj.AudioMediaPlayer | None = None
        self._recorder: pj.AudioMediaRecorder | None = None
        self._dialled_s = time.monotonic()
        self._answered_s = 0.0

    def onCallState(self, _: object) -> None:  # noqa: N802 - PJSIP's name
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._answered_s = time.monotonic()
            self.outcome.answered = True
            self.outcome.answered_after_s = round(self._answered_s - self._dialled_s, 3)
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._note_end(info)

    def _note_end(self, info: pj.CallInfo) -> None:
        self.over = True
        self.outcome.status, self.outcome.reason = info.lastStatusCode, info.lastReason
        self.outcome.hung_up_by = self.outcome.hung_up_by or "them"
        if self.outcome.answered:
            self.outcome.talked_s = round(time.monotonic() - self._answered_s, 3)

    def onCallMediaState(self, _: object) -> None:  # noqa: N802 - PJSIP's name
        media = self._active_media()
        if media is None:
            return
        if self._record is not None and self._recorder is None:
            self._recorder = pj.AudioMediaRecorder()
            self._recorder.createRecorder(str(self._record))
            self.outcome.recorded = str(self._record)
        if self._recorder is not None:
            media.startTransmit(self._recorder)
        if self._player is not None:  # after a hold: the old path is gone
            self._player.startTransmit(media)

    def _active_media(self) -> pj.AudioMedia | None:
        info = self.getInfo()  # kept: the list of media belongs to it
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                return self.getAudioMedia(index)
        return None

    def is_answered(self) -> bool:
        return self.outcome.answered

    def play(self) -> None:
        media = self._active_media()
        if self._play is None or media is None:
            return
        self._player = pj.AudioMediaPlayer()
        self._player.createPlayer(str(self._play), pj.PJMEDIA_FILE_NO_LOOP)
        self._player.startTransmit(media)

    def press(self, digit: str) -> None:
        self.dialDtmf(digit)

    def hold(self) -> None:
        self.setHold(pj.CallOpParam(True))

    def resume(self) -> None:
        again = pj.CallOpParam(True)
        again.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.reinvite(again)

    def hang_up_now(self) -> None:
        self.outcome.hung_up_by = "us"
        self._read_statistics()
        self.hangup(pj.CallOpParam(True))

    def _read_statistics(self) -> None:
        if self._active_media() is None:
            return
        stream, statistics = self.getStreamInfo(0), self.getStreamStat(0)
        self.outcome.codec = stream.codecName
        self.outcome.packets_sent = statistics.rtcp.txStat.pkt
        self.outcome.packets_received = statistics.rtcp.rxStat.pkt
        self.outcome.packets_lost = statistics.rtcp.rxStat.loss

    def let_go(self) -> None:
        """Players and recorders die before the library does, or PJSIP aborts; the WAV header is written here."""
        self._player = None
        self._recorder = None


class Softphone:
    """PJSIP, started and ended; everything happens in the caller's thread."""

    def __init__(self, *, codecs: Sequence[str] = G711, srtp: str = "off", log_level: int = 0) -> None:
        self._endpoint = pj.Endpoint()
        self._priorities = {name: FIRST_PRIORITY - place for place, name in enumerate(codecs)}
        self._srtp = srtp
        self._log_level = log_level
        self._account = pj.Account()

    def __enter__(self) -> Self:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = self._log_level
        config.medConfig.noVad = True
        self._endpoint.libCreate()
        self._endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        for kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP, pj.PJSIP_TRANSPORT_TLS):
            self._endpoint.transportCreate(kind, transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        for codec in self._endpoint.codecEnum2():
            name = codec.codecId.partition("/")[0]
            self._endpoint.codecSetPriority(codec.codecId, self._priorities.get(name, 0))
        identity = pj.AccountConfig()
        identity.idUri = "sip:softphone@127.0.0.1"
        identity.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        identity.mediaConfig.srtpUse = SRTP[self._srtp]
        identity.mediaConfig.srtpSecureSignaling = (
            0  # the signalling is in the clear, and never leaves the machine
        )
        self._account.create(identity)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._account.shutdown()
        self._endpoint.libDestroy()

    def dial(self, uri: str, play: Path | None, record: Path | None) -> PhoneCall:
        call = PhoneCall(self._account, Outcome(uri), play, record)
        call.makeCall(uri, pj.CallOpParam(True))
        return call

    def run(self, call: PhoneCall, until: Callable[[], bool], at_most_s: float) -> None:
        """Handles events until something is true, the call is over, or time is up."""
        deadline_s = time.monotonic() + at_most_s
        while not (call.over or until()) and time.monotonic() < deadline_s:
            self._endpoint.libHandleEvents(POLL_MS)


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do in the call, in seconds after it was answered."""

    seconds: float
    play: Path | None
    play_after_s: float
    record: Path | None
    dtmf: str
    dtmf_after_s: float
    hold_after_s: float | None
    hold_for_s: float
    answer_within_s: float
    codecs: Sequence[str] = G711
    srtp: str = "off"

    def steps(self, call: PhoneCall) -> list[tuple[float, Callable[[], None]]]:
        todo: list[tuple[float, Callable[[], None]]] = []
        if self.play is not None:
            todo.append((self.play_after_s, call.play))
        for position, digit in enumerate(self.dtmf):
            todo.append((self.dtmf_after_s + position * DIGIT_GAP_S, lambda digit=digit: call.press(digit)))
        if self.hold_after_s is not None:
            todo.append((self.hold_after_s, call.hold))
            todo.append((self.hold_after_s + self.hold_for_s, call.resume))
        return sorted(todo, key=lambda step: step[0])


def carry_out(plan: Plan, uri: str, *, log_level: int = 0) -> Outcome:
    """Calls, does what is planned, hangs up, and tells how it went."""
    with Softphone(codecs=plan.codecs, srtp=plan.srtp, log_level=log_level) as phone:
        call = phone.dial(uri, plan.play, plan.record)
        try:
            phone.run(call, call.is_answered, plan.answer_within_s)
            if call.outcome.answered:
                talk(phone, call, plan)
            elif not call.over:
                call.outcome.notes.append(f"not answered within {plan.answer_within_s:g} s")
        finally:
            if not call.over:
                call.hang_up_now()
                phone.run(call, never, HANG_UP_S)
            call.let_go()
        outcome = call.outcome
        del call  # before the library, too
    return outcome


def talk(phone: Softphone, call: PhoneCall, plan: Plan) -> None:
    """Does each step at its time; one that PJSIP refuses is noted, and the call goes on."""
    answered_s = time.monotonic()
    for at_s, step in [*plan.steps(call), (plan.seconds, lambda: None)]:
        phone.run(call, never, answered_s + min(at_s, plan.seconds) - time.monotonic())
        if call.over or at_s > plan.seconds:
            return
        try:
            step()
        except pj.Error as error:
            call.outcome.notes.append(error.reason)


def stdout_for_the_outcome_alone() -> TextIO:
    """What stdout was. From here on PJSIP's log, written there before it can be told not to, goes to stderr.

    For good: C's stdio keeps some of it until the process ends.
    """
    sys.stdout.flush()
    outcome = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return outcome


def take_plan(context: click.Context, _: click.Parameter, file: Path | None) -> None:
    """The file's keys become the defaults of the options they name; a key that names none is refused."""
    if file is None:
        return
    try:
        keys = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} is not TOML: {error}") from error
    unknown = keys.keys() - {option.name for option in context.command.params}
    if unknown:
        raise click.BadParameter(f"{file}: no such option: {', '.join(sorted(unknown))}")
    context.default_map = keys


def say_into(file: Path, words: str) -> Path:
    utterance = speak(words, 8_000, "high")
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(utterance.rate_hz)
        wav.writeframes(utterance.pcm)
    return file


def show(outcome: Outcome) -> str:
    if not outcome.answered:
        return f"not answered: {outcome.status} {outcome.reason}".rstrip()
    recorded = f", recorded in {outcome.recorded}" if outcome.recorded else ""
    return (
        f"answered after {outcome.answered_after_s} s, talked {outcome.talked_s} s in {outcome.codec or 'G.711'}, "
        f"hung up by {outcome.hung_up_by}; packets: {outcome.packets_sent} sent, "
        f"{outcome.packets_received} received, {outcome.packets_lost} lost{recorded}"
    )


@click.command(help=__doc__.split("\n\n")[0] if __doc__ else None)
@click.argument("uri")
@click.option(
    "--plan", type=click.Path(exists=True, dir_okay=False, path_type=Path), callback=take_plan, is_eager=True,
    expose_value=False, help="TOML file of options (play_after = 3 ...); those given here win.",
)  # fmt: skip
@click.option("--say", default="", help="Words to say, in the built-in voice, instead of a file.")
@click.option("--play", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="WAV file to say.")
@click.option(
    "--play-after", default=0.0, show_default=True, help="Seconds after the answer to begin saying it."
)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="WAV file for what is heard.")
@click.option("--dtmf", default="", help="Keys to press, as RFC 4733 events: 0-9 * # A-D.")
@click.option(
    "--dtmf-after", default=1.0, show_default=True, help="Seconds after the answer to press the first."
)
@click.option(
    "--hold-after", type=float, help="Seconds after the answer to put the call on hold (re-INVITE)."
)
@click.option("--hold-for", default=2.0, show_default=True, help="Seconds to leave it there.")
@click.option("--seconds", default=10.0, show_default=True, help="Hang up this long after the answer.")
@click.option("--answer-within", default=10.0, show_default=True, help="Give up after this many seconds.")
@click.option(
    "--codec", type=click.Choice(CODECS), multiple=True, default=G711, show_default=True,
    help="What to offer, first choice first; may stand several times.",
)  # fmt: skip
@click.option(
    "--srtp", type=click.Choice(list(SRTP)), default="off", show_default=True, help="Media security."
)
@click.option("--log-level", default=0, show_default=True, help="PJSIP's own log, 0-6, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of a sentence.")
def main(
    uri: str, say: str, play: Path | None, play_after: float, record: Path | None, dtmf: str, dtmf_after: float,
    hold_after: float | None, hold_for: float, seconds: float, answer_within: float, codec: tuple[str, ...],
    srtp: str, log_level: int, as_json: bool,
) -> None:  # fmt: skip
    stdout = stdout_for_the_outcome_alone()
    try:
        with tempfile.TemporaryDirectory() as directory:
            if say:
                play = say_into(Path(directory) / "said.wav", say)
            plan = Plan(
                seconds,
                play,
                play_after,
                record,
                dtmf,
                dtmf_after,
                hold_after,
                hold_for,
                answer_within,
                codec,
                srtp,
            )
            outcome = carry_out(plan, uri, log_level=log_level)
    except pj.Error as error:
        raise click.ClickException(error.info()) from error
    click.echo(json.dumps(asdict(outcome)) if as_json else show(outcome), file=stdout)
    sys.exit(0 if outcome.answered else 1)


if __name__ == "__main__":
    main()
