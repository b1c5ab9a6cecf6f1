"""What of a secure passage is not written down: its keys, and the words of whatever the world brought meanwhile.

Its shape is: each key is another one, each transcript, piece and result is there at its time, and empty. So a
repetition has as much to do, and knows no more of it than its length.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import msgspec

from mediasrv.replay.outcomes import STORED
from mediasrv.replay.tape import Outcome, Pass, Told, Wish
from mediasrv.telemetry import SecretWhile
from mediasrv.telemetry.timeline import SECRET

SOME_KEY = "0"  # for any

Fields = dict[str, Any]


def without_secrets(of: Pass, secret: SecretWhile) -> Pass:
    """The same pass, without what of it is secret."""
    came, over = of.came, of.over
    if secret.covers(of.at_ns):
        came = [_without_key(each) for each in came]
    if any(_is_secret(each, of.at_ns, secret) for each in over):
        over = [_without_words(each) if _is_secret(each, of.at_ns, secret) else each for each in over]
    if came is of.came and over is of.over:
        return of
    return msgspec.structs.replace(of, came=came, over=over)


def _is_secret(outcome: Outcome, at_ns: int, secret: SecretWhile) -> bool:
    """Words that are waited for belong to when they come; all else, to the whole time that it took."""
    began_ns = at_ns if outcome.name == "ears.next" else outcome.began_ns
    return secret.overlaps(began_ns, at_ns)


def _without_key(came: Told | Wish) -> Told | Wish:
    if not isinstance(came, Wish) or came.method != "hear_key":
        return came
    named = {name: SOME_KEY if name == "digit" else value for name, value in came.named.items()}
    return Wish(came.method, (SOME_KEY, *came.arguments[1:]) if came.arguments else (), named, came.reached)


def _without_words(outcome: Outcome) -> Outcome:
    value = outcome.value
    if outcome.how == "error":
        value = _empty_error(value)
    elif isinstance(value, list) and value and value[0] in EMPTY:
        value = [value[0], EMPTY[value[0]](value[1])]
    return msgspec.structs.replace(outcome, value=value, asked=None)


def _empty_request(of: Fields) -> Fields:
    """The tool's name stays."""
    return of | {"call": of["call"] | {"arguments": {}}}


def _silent(of: Fields) -> Fields:
    octets = len(zlib.decompress(b64decode(of["pcm"])))
    return of | {"pcm": b64encode(zlib.compress(bytes(octets), STORED)).decode(), "words": []}


# What `kept` makes of each kind, changed as it stands there: what a provider brings need not be what it should.
EMPTY: dict[str, Callable[[Fields], Fields]] = {
    "Prepared": lambda of: _empty_request(of) | {"preview": "", "data": {}},
    "SpeechChunk": _silent,
    "TextDelta": lambda of: of | {"text": ""},
    "ToolFragment": lambda of: of | {"text": ""},
    "ToolRequest": _empty_request,
    "ToolResult": lambda of: of | {"text": SECRET},
    "Transcript": lambda of: of | {"text": ""},
}


def _empty_error(value: Any) -> Any:
    """Its kind, and nothing of what it quotes."""
    match value:
        case ["provider", provider, _, *rest]:
            return ["provider", provider, SECRET, *rest]
        case ["group", *several]:
            return ["group", *[_empty_error(each) for each in several]]
        case ["other", str(text)]:
            return ["other", text.partition(":")[0]]
        case ["transfer", _]:
            return ["transfer", SECRET]
        case _:
            return value
