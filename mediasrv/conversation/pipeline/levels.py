"""How much time a reply may take, and what it gives up for it: five levels, one table.

A level is chosen per agent, call or request and stored with the turn. Every stage reads its own column here; no stage
asks which level it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Level:
    name: str
    target_s: tuple[float, float]  # from the caller's last word to the first of the reply
    streams: bool  # the first sentence is spoken while the third is written
    partial_confidence: float | None  # of a partial transcript that may be acted on; None: finals only
    speculate_words: int | None  # in such a partial, before a reply to it is begun; None: never
    chunks: int  # of knowledge; 0: none is looked for
    temperature: float
    parallel: bool  # stages that do not need each other run side by side
    shortcuts: bool  # "thanks" is answered without a language model
    reply_words: int
    cache_s: int  # how long a cached reply stays good
    semantic_cache: bool
    accuracy: float  # what an evaluation of the level is held against

    @property
    def reply_tokens(self) -> int:
        """The most that a language model may write: words take two tokens, and tool calls some more."""
        return 100 + 2 * self.reply_words


LEVELS = {
    level.name: level
    for level in (
        #     name                target_s    streams conf. spec. chunks temp. parallel shortcuts words cache semantic
        Level("quality",          (3.0, 4.0), False, None, None, 10, 0.3, False, False, 150, 3_600, True,  0.98),
        Level("balanced_quality", (2.0, 3.0), False, None, None,  5, 0.5, True,  False, 150, 2_400, True,  0.95),
        Level("balanced",         (1.5, 2.0), True,  0.80, 5,     3, 0.7, True,  False, 150, 1_800, False, 0.90),
        Level("balanced_speed",   (1.0, 1.5), True,  0.60, 3,     2, 0.8, True,  True,  150, 1_200, False, 0.85),
        Level("speed",            (0.7, 1.0), True,  0.40, 2,     0, 0.9, True,  True,   50,   600, False, 0.75),
    )
}  # fmt: skip
BALANCED = LEVELS["balanced"]


def level_named(name: str) -> Level:
    if name not in LEVELS:
        raise ConfigError("level", f"must be one of {', '.join(LEVELS)}", value=name)
    return LEVELS[name]
