"""The file of one call: one JSON object a line, in the order in which things were known.

`Beginning` comes first and `End` last. Between them are the passes of trio's loop in which something of the call ran or
came in (`Pass`), the moments at which the engine touched its stream (`Deed`), and the lines of its timeline and records
(`Line`). A file that breaks off can be repeated as far as it goes. `Beyond` says why it can be no more than an
approximation from there on.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import msgspec

from mediasrv.conversation.surrogates import mended_value
from mediasrv.errors import MediasrvError
from mediasrv.legs import CallInfo
from mediasrv.media.again import Birth, Moment

VERSION = 1
LARGEST_BYTES = 256 * 2**20


class NoTape(MediasrvError):
    """What was read is no recording of a call, or one of another version."""


class Beginning(msgspec.Struct, frozen=True, tag="beginning", tag_field="is"):
    version: int
    info: CallInfo
    agent: str
    began_ns: int
    unix_offset_ns: int  # from the monotonic clock to the date
    settings: Mapping[str, Any]  # the sections of the server's that a call knows of
    files: Mapping[str, str]  # what those name: path and text


class Born(msgspec.Struct, frozen=True, tag="born", tag_field="is"):
    birth: Birth


class Told(msgspec.Struct, frozen=True, tag="told", tag_field="is"):
    """So many events of the engine were handed to the stream, when so many moments were over."""

    moments: int
    events: int


class Wish(msgspec.Struct, frozen=True, tag="wish", tag_field="is", omit_defaults=True):
    """Signalling called a method of the stream, and reached over the border when so many moments were over."""

    method: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = {}
    reached: list[int] = []


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an operation on the world; they are counted as they begin."""

    operation: int
    name: str
    began_ns: int
    how: Literal["value", "error", "cancelled", "end"] = "value"
    value: Any = None
    asked: Any = None
    of: int = -1  # the stream that it is a piece of, by its own number


class Pass(msgspec.Struct, tag="pass", tag_field="is", omit_defaults=True):
    """What came in one, and what was reached; it grows until the pass is over.

    `reached`: for each reach over the border how many moments were over, and how often in a row.

    `doubted`: which of them, by their place in the pass, the next moment has overtaken.
    """

    at_ns: int
    came: list[Told | Wish] = []
    over: list[Outcome] = []
    reached: list[tuple[int, int]] = []
    doubted: list[int] = []
    begins: bool = False
    asked_to_end: str = ""


class Deed(msgspec.Struct, frozen=True, tag="deed", tag_field="is"):
    moment: Moment


class Line(msgspec.Struct, frozen=True, tag="line", tag_field="is"):
    kind: str
    record: Mapping[str, Any]


class Beyond(msgspec.Struct, frozen=True, tag="beyond", tag_field="is"):
    at_ns: int
    why: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="is"):
    at_ns: int
    uncertain: int  # reaches that a moment has overtaken
    lost: int  # pieces that there was no room to write


Entry = Beginning | Born | Pass | Deed | Line | Beyond | End
_decoder = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder()


def written(*entries: Entry) -> bytes:
    """A line each; what a provider brought is taped as it came, but for halves of letters, which no file can hold."""
    try:
        return _encoder.encode_lines(entries)
    except UnicodeEncodeError:
        return _encoder.encode_lines([mended_value(msgspec.to_builtins(entry)) for entry in entries])


def digest(packet: bytes) -> bytes:
    """By which a packet that was sent is known again."""
    return blake2b(packet, digest_size=8).digest()


@dataclass(slots=True)
class Tape:
    """A whole recording, in the order of each kind."""

    beginning: Beginning
    birth: Birth | None = None
    passes: list[Pass] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    beyond: list[Beyond] = field(default_factory=list)
    end: End | None = None

    @classmethod
    def read(cls, path: Path) -> Tape:
        """NoTape when it is none; what stands behind a half written line is left out."""
        try:
            if path.stat().st_size > LARGEST_BYTES:
                raise NoTape(f"{path}: larger than {LARGEST_BYTES} bytes")
            entries = _entries(_whole(path))
        except (OSError, EOFError) as error:
            raise NoTape(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        first = next(entries, None)
        if not isinstance(first, Beginning):
            raise NoTape(f"{path}: not the recording of a call")
        if first.version != VERSION:
            raise NoTape(f"{path}: version {first.version} is not {VERSION}")
        tape = cls(first)
        for entry in entries:
            tape._put(entry)
        return tape

    def _put(self, entry: Entry) -> None:
        match entry:
            case Pass():
                self.passes.append(entry)
            case Deed():
                self.moments.append(entry.moment)
            case Line():
                self.lines.append(entry)
            case Beyond():
                self.beyond.append(entry)
            case Born():
                self.birth = entry.birth
            case End():
                self.end = entry
            case Beginning():
                raise NoTape("a recording has one beginning")


def _whole(path: Path) -> bytes:
    """It may lie there compressed."""
    if path.suffix != ".gz":
        return path.read_bytes()
    with gzip.open(path) as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise NoTape(f"{path}: larger than {LARGEST_BYTES} bytes")
    return data


def _entries(data: bytes) -> Iterator[Entry]:
    for line in data.splitlines():
        try:
            yield _decoder.decode(line)
        except msgspec.MsgspecError:
            return
