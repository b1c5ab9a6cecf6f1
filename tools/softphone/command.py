"""The command line; every option that does something in the call is a step of its plan."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec
import pjsua2 as pj

import tools.softphone
from tools.softphone.deck import Tape
from tools.softphone.keyboard import attend
from tools.softphone.outcome import Report
from tools.softphone.performance import carry_out
from tools.softphone.phone import CODECS, G711, SRTP, PhoneSettings
from tools.softphone.plan import Answer, Hold, Plan, Play, Press, Resume, Say, Step, Transfer, read_steps

STEPS = "tools.softphone.steps"  # where those of the plan's file wait for the command
WAV = click.Path(exists=True, dir_okay=False, path_type=Path)


def stdout_for_the_outcome_alone(log_level: int) -> TextIO:
    """What stdout was. PJSIP writes its log there, and begins before it can be told not to.

    From here on it goes to stderr, or nowhere when nobody asked for it; for good, since C's stdio keeps some of it
    until the process ends.
    """
    sys.stdout.flush()
    outcome = os.fdopen(os.dup(1), "w")
    log = 2 if log_level else os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, 1)
    return outcome


def take_plan(context: click.Context, _: click.Parameter, file: Path | None) -> None:
    """The file's keys become the defaults of the options they name; a key that names none is refused."""
    if file is None:
        return
    try:
        keys = tomllib.loads(file.read_text())
        context.meta[STEPS] = read_steps(keys.pop("steps", []))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise click.BadParameter(f"{file}: steps: {error}") from error
    unknown = keys.keys() - {option.name for option in context.command.params}
    if unknown:
        raise click.BadParameter(f"{file}: no such option: {', '.join(sorted(unknown))}")
    context.default_map = keys


def steps_of(wishes: dict[str, Any]) -> list[Step]:
    """What the options say that shall be done."""
    steps: list[Step] = []
    if wishes["listen"]:
        steps.append(Answer(on="called", after=wishes["answer_after"], status=wishes["answer_with"]))
    if wishes["say"]:
        steps.append(Say(after=wishes["play_after"], words=wishes["say"], voice=wishes["voice"]))
    elif wishes["play"] is not None:
        steps.append(Play(after=wishes["play_after"], file=str(wishes["play"])))
    if wishes["dtmf"]:
        steps.append(Press(after=wishes["dtmf_after"], digits=wishes["dtmf"], by=wishes["dtmf_by"]))
    if wishes["hold_after"] is not None:
        steps.append(Hold(after=wishes["hold_after"]))
        steps.append(Resume(after=wishes["hold_after"] + wishes["hold_for"]))
    if wishes["transfer"]:
        steps.append(Transfer(after=wishes["transfer_after"], to=wishes["transfer"]))
    return steps


def settings_of(wishes: dict[str, Any]) -> PhoneSettings:
    return PhoneSettings(
        codecs=wishes["codec"],
        srtp=wishes["srtp"],
        user=wishes["user"],
        password=wishes["password"],
        registrar=wishes["registrar"],
        local_port=wishes["port"],
        reliable_ringing=wishes["reliable_ringing"],
        log_level=wishes["log_level"],
    )


@click.command(help=tools.softphone.__doc__)
@click.argument("uri", default="")
@click.option(
    "--plan", type=WAV, callback=take_plan, is_eager=True, expose_value=False,
    help="TOML file of options (play_after = 3 ...) and steps; options given here win.",
)  # fmt: skip
@click.option("--listen", is_flag=True, help="Wait for a call instead of making one.")
@click.option("--interactive", is_flag=True, help="A person at the terminal does what is done.")
@click.option(
    "--prompted", is_flag=True, help="A line X on stdin is an event `told X`, for steps to wait for."
)
@click.option("--user", default="softphone", show_default=True, help="Who we are, also to the registrar.")
@click.option("--password", default="", help="What proves it, when somebody asks (digest).")
@click.option("--registrar", default="", help="URI to register at first (sip:HOST:PORT).")
@click.option("--port", default=0, help="Our UDP port; 0: any.")
@click.option("--say", default="", help="Words to say, instead of a file.")
@click.option(
    "--voice",
    default="",
    help="Of espeak-ng, to --say it in (en-us), instead of the built-in one.",
)
@click.option("--play", type=WAV, help="WAV file to say.")
@click.option("--play-after", default=0.0, show_default=True, help="Seconds after the answer to begin.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="WAV file for what is heard.")
@click.option("--own-voice", is_flag=True, help="Record what we say, too.")
@click.option("--dtmf", default="", help="Keys to press: 0-9 * # A-D.")
@click.option(
    "--dtmf-by", type=click.Choice(["rfc4733", "info", "inband"]), default="rfc4733", show_default=True,
    help="As events among the sound's packets, as INFO, or as tones.",
)  # fmt: skip
@click.option("--dtmf-after", default=1.0, show_default=True, help="Seconds after the answer to press.")
@click.option("--hold-after", type=float, help="Seconds after the answer to put the call on hold.")
@click.option("--hold-for", default=2.0, show_default=True, help="Seconds to leave it there.")
@click.option("--transfer", default="", help="URI to which the other side is asked to call (REFER).")
@click.option("--transfer-after", default=1.0, show_default=True, help="Seconds after the answer to ask.")
@click.option("--answer-after", default=0.0, show_default=True, help="Seconds to let a call ring.")
@click.option("--answer-with", default=200, show_default=True, help="Status to answer a call with.")
@click.option("--seconds", default=10.0, show_default=True, help="Hang up this long after the answer.")
@click.option("--answer-within", default=10.0, show_default=True, help="Give up after this many seconds.")
@click.option(
    "--codec", type=click.Choice(CODECS), multiple=True, default=G711, show_default=True,
    help="What to offer, first choice first; may stand several times.",
)  # fmt: skip
@click.option("--srtp", type=click.Choice(list(SRTP)), default="off", show_default=True, help="Of the sound.")
@click.option(
    "--reliable-ringing", is_flag=True, help="Whom we call must have his ringing confirmed (100rel)."
)
@click.option("--log-level", default=0, show_default=True, help="PJSIP's own log, 0-6, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of sentences.")
@click.pass_context
def main(context: click.Context, /, **wishes: Any) -> None:
    check(context, wishes)
    stdout = stdout_for_the_outcome_alone(wishes["log_level"])
    try:
        report = run(context, wishes, stdout)
    except pj.Error as error:
        raise click.ClickException(error.info()) from error
    click.echo(json.dumps(report.as_json()) if wishes["as_json"] else report.as_text(), file=stdout)
    stdout.flush()
    sys.exit(0 if report.went_well else 1)


def check(context: click.Context, wishes: dict[str, Any]) -> None:
    if wishes["listen"] and wishes["uri"]:
        raise click.UsageError("either a URI to call, or --listen")
    if wishes["interactive"] and wishes["prompted"]:
        raise click.UsageError("a person and a program cannot both have stdin: --interactive, or --prompted")
    if not (wishes["uri"] or wishes["listen"] or wishes["interactive"] or wishes["registrar"]):
        raise click.UsageError("nothing to do: give a URI to call, --listen, --registrar or --interactive")
    try:
        context.meta[STEPS] = [*steps_of(wishes), *context.meta.get(STEPS, [])]
        read_steps(msgspec.to_builtins(context.meta[STEPS]))  # what options say is checked like a file
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from error


def run(context: click.Context, wishes: dict[str, Any], stdout: TextIO) -> Report:
    settings = settings_of(wishes)
    tape = Tape(wishes["record"], wishes["own_voice"]) if wishes["record"] is not None else None
    if wishes["interactive"]:
        return attend(settings, wishes["uri"], tape, stdout)
    plan = Plan(
        uri=wishes["uri"],
        listen=wishes["listen"],
        seconds=wishes["seconds"],
        answer_within_s=wishes["answer_within"],
        tape=tape,
        steps=context.meta[STEPS],
        prompted=wishes["prompted"],
    )

    def tell_ready(contact: str) -> None:
        line = json.dumps({"ready": contact}) if wishes["as_json"] else f"waiting for a call to {contact}"
        click.echo(line, file=stdout)

    return carry_out(settings, plan, tell_ready)
