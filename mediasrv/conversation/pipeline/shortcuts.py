"""What needs no language model: a greeting, thanks, a bare yes or no, good-bye, "say that again".

A shortcut fits only when it is all that was said: "thanks, and what does it cost?" is a question. A yes or a no that
answers something the agent has asked means more than it says, and goes to the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mediasrv.conversation.words import tokens

FAREWELL = "goodbye"
_POLITE = frozenset(("please", "then", "so", "well", "oh", "okay", "ok", "there", "sir", "madam", "again"))


@dataclass(frozen=True, slots=True)
class Shortcut:
    name: str
    reply: str


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    said: frozenset[str]
    reply: Callable[[str], str]  # to what the caller heard last; empty: this needs the model


def _unless_asked(reply: str) -> Callable[[str], str]:
    return lambda last: "" if last.rstrip().endswith("?") else reply


def _always(reply: str) -> Callable[[str], str]:
    return lambda last: reply


_ENGLISH = (
    _Rule(
        "greeting",
        frozenset(("hello", "hi", "hey", "good morning", "good afternoon", "good evening", "good day", "hi hello")),
        _always("Hello! What can I do for you?"),
    ),
    _Rule(
        "thanks",
        frozenset(("thanks", "thank you", "thanks a lot", "thank you very much", "many thanks", "thank you so much")),
        _always("You are welcome."),
    ),
    _Rule("yes", frozenset(("yes", "yeah", "yep", "sure", "right", "exactly", "correct")), _unless_asked("All right.")),
    _Rule("no", frozenset(("no", "nope", "nothing")), _unless_asked("All right.")),
    _Rule(
        FAREWELL,
        frozenset(("bye", "bye bye", "goodbye", "good bye", "see you", "have a nice day", "thanks bye")),
        _always("Good-bye."),
    ),
    _Rule(
        "repeat",
        frozenset((
            "repeat that", "say that", "could you repeat that", "can you repeat that", "what did you say", "pardon",
            "pardon me", "what was that", "come again", "could you say that", "can you say that", "i did not hear that",
            "i didn't hear that", "i beg your pardon", "say it", "repeat it",
        )),
        lambda last: last,
    ),
)  # fmt: skip
_RULES = {"en": _ENGLISH}
_BY_WORDS = {
    language: {said: rule for rule in rules for said in rule.said} for language, rules in _RULES.items()
}


def find_shortcut(text: str, last_heard: str, language: str = "en") -> Shortcut | None:
    """The answer that needs no thought; None when there is none, or not in this language."""
    known = _BY_WORDS.get(language.partition("-")[0], {})
    said = [word.replace("’", "'").replace("-", " ") for word in tokens(text)]
    for line in (" ".join(said), " ".join(word for word in said if word not in _POLITE)):
        rule = known.get(line)
        if rule is not None and (reply := rule.reply(last_heard)):
            return Shortcut(rule.name, reply)
    return None
