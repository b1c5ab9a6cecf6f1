"""How words sound: those of an agent, taken from the dictionary that comes with PocketSphinx, or told by the agent."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from mediasrv.errors import ConfigError


@cache
def model_directory() -> Path | None:
    """Of the American English model in the wheel; None when the extra `local` is not installed."""
    spec = importlib.util.find_spec("pocketsphinx")
    for place in spec.submodule_search_locations or () if spec else ():
        directory = Path(place) / "model" / "en-us"
        if (directory / "cmudict-en-us.dict").is_file():
            return directory
    return None


def dictionary(words: Iterable[str], told: Mapping[str, str]) -> str:
    """The part of the dictionary that has these words, with all their pronunciations.

    `told`: words that it does not have, or that callers say otherwise, as phones: `{"aurora": "ER AO R AH"}`.
    """
    wanted = set(words) - told.keys()
    lines = [f"{word} {phones}" for word, phones in sorted(told.items())]
    known = set()
    for word, line in _entries():
        if word in wanted:
            known.add(word)
            lines.append(line)
    if missing := sorted(wanted - known):
        raise ConfigError("sounds", "nobody says how these words sound", value=missing)
    return "\n".join(lines) + "\n"


def _entries() -> Iterator[tuple[str, str]]:
    """`word(2) PH ON ES`: a word, and the line as it stands."""
    directory = model_directory()
    if directory is None:
        raise ConfigError("stt", "the extra `local` is not installed: there is no PocketSphinx")
    with (directory / "cmudict-en-us.dict").open(encoding="utf-8") as lines:
        for line in lines:
            yield line.split(maxsplit=1)[0].partition("(")[0], line.rstrip()
