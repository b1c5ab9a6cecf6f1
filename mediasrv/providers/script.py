"""The script of a scripted provider: one TOML file, read strictly (docs/scripted.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from mediasrv.errors import ConfigError

DEMO = Path(__file__).with_name("demo.toml")


class ToolUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model asks for a tool."""

    name: str
    arguments: dict[str, str | int | float | bool] = {}


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model writes, when the caller has said one of `hears`, or at the nth request; the first that fits."""

    text: str = ""
    hears: list[str] = []
    turn: int = 0
    tools: list[ToolUse] = []
    then: str = ""  # written once the tools have answered; {result} stands for the last result
    first_token_ms: int | None = None
    token_ms: int | None = None


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first_token_ms: int = 120
    token_ms: int = 15
    speculates: bool = (
        False  # begins replies before the caller has finished; they count as turns and requests
    )


class Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["formant", "tone", "espeak"] = "formant"
    name: str = "mid"
    first_sound_ms: int = 60
    sound_ms: int = 0  # before every further piece of sound
    word_times: bool = True
    rehearses: bool = (
        False  # the fixed lines are made once for all calls; no request of a call's is counted for them
    )


class Heard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One utterance of the caller. `at_ms`: at that time of the call, whatever the gate hears."""

    text: str
    at_ms: int | None = None
    first_word_ms: int | None = None
    word_ms: int | None = None
    confidence: float = 0.95


class Ears(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Speech is what the gate says is speech: with the 200 ms that it waits before it believes in an end."""

    first_word_ms: int = 420  # of speech, before the first word is told
    word_ms: int = 200
    final_ms: int = 60  # of quiet, before the final transcript
    shortest_ms: int = 420  # shorter speech has no words in it
    otherwise: str = "please go on"  # when the utterances below are used up; empty: nothing


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong with the nth request of one provider, after so many tokens, pieces of sound or transcripts."""

    of: Literal["stt", "llm", "tts"]
    request: int
    kind: Literal["error", "stall", "slow"] = "error"
    after: int = 0
    slow_ms: int = 0


class ScriptTool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    description: str = ""
    on_cancel: Literal["cancel", "shield", "commit_if_heard"] = "cancel"
    takes_ms: int = 0
    result: str = "done"
    fails: bool = False
    ends_call: bool = False
    deadline_s: float = 10.0


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "script"
    system: str = ""
    greeting: str = ""
    uninterruptible: str = ""  # said before the greeting, and not to be interrupted
    voice: Voice = Voice()
    model: Model = Model()
    ears: Ears = Ears()
    reply: list[Reply] = []
    hears: list[Heard] = []
    tool: list[ScriptTool] = []
    fault: list[Fault] = []

    def spoken(self) -> list[str]:
        """Every text that the voice may be asked for."""
        replies = [text for reply in self.reply for text in (reply.text, reply.then)]
        return [self.uninterruptible, self.greeting, *replies]


def read_script(path: str | Path = DEMO) -> Script:
    """The script in that file; ConfigError says what is wrong with it, and where."""
    source = str(path)
    try:
        script = msgspec.toml.decode(Path(path).read_bytes(), type=Script)
    except OSError as error:
        raise ConfigError("script", error.strerror or str(error), source=source) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError("script", str(error), source=source) from error
    _check(script, source)
    return script


def parse_script(text: str) -> Script:
    """For scripts that are written in place: tests, benchmarks, the simulation."""
    try:
        script = msgspec.toml.decode(text, type=Script)
    except msgspec.DecodeError as error:
        raise ConfigError("script", str(error)) from error
    _check(script, "")
    return script


def _check(script: Script, source: str) -> None:
    known = {tool.name for tool in script.tool}
    for k, reply in enumerate(script.reply, 1):
        if not (reply.text or reply.tools):
            raise ConfigError(f"reply[{k}]", "needs a text or tools", source=source)
        for use in reply.tools:
            if use.name not in known:
                raise ConfigError(f"reply[{k}].tools", "no such [[tool]]", source=source, value=use.name)
    for k, fault in enumerate(script.fault, 1):
        if fault.request < 1:
            raise ConfigError(f"fault[{k}].request", "counts from 1", source=source, value=fault.request)
