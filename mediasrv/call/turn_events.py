"""The words the turn table is written in: its states, what can happen to it, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from mediasrv.call.record import TurnEnding
from mediasrv.call.settings import CallSettings
from mediasrv.errors import LocalError
from mediasrv.legs import Ending
from mediasrv.media import HoldId

TurnKind = Literal["greeting", "reply", "prompt", "goodbye"]


class TurnTakingError(LocalError):
    """The event cannot happen in this state: whoever sent it has lost count."""


class Phase(Enum):
    LISTENING = "listening"
    THINKING = "thinking"  # a turn runs, nothing of it has sounded
    SPEAKING = "speaking"
    HELD = "held"  # the voice is paused: is it an interruption?
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TurnState:
    """All times in seconds on the call's clock."""

    settings: CallSettings
    began: float
    phase: Phase = Phase.LISTENING

    # the turn that runs, or ran last
    turn: int = 0
    kind: TurnKind = "reply"
    asked: str = ""  # what it answers
    trusted: str = ""  # of that, the end, which the recogniser had not settled: its next final words do
    sounding_since: float | None = None
    interruptible: bool = True
    asks: bool = False  # what began to sound last ends in a question

    quiet_since: float | None = None  # nothing of the turn sounds; None: something does
    masks: int = 0  # steps taken against that silence

    # a reply begun before the caller had finished: the turn's number is `turn`
    ahead: str | None = None  # what it answers
    guesses: int = 0  # for this utterance

    # the hold under judgement
    hold: HoldId | None = None  # None: the one that the call took by itself
    held_since: float = 0.0
    sounded: tuple[tuple[float, float], ...] = ()  # since then, from when to when
    under: Phase = Phase.SPEAKING  # what a release goes back to
    explained: bool = False  # so far these were only backchannels
    murmured: str = ""  # and this is what they were

    # holds of this turn that were let go
    resumed_at: float | None = None  # when the voice last went on
    murmurs: tuple[tuple[float, str], ...] = ()  # over it, and when it went on: on its clock they began then

    # the caller
    speech_since: float | None = None  # as the gate has it: with the pauses that it bridges
    sound_since: float | None = (
        None  # of that, what has gone on without a lull; None: nothing sounds just now
    )
    speech_ended: float = 0.0
    text: str = ""  # final words that nobody has answered
    partial: str = ""
    sure: float = 1.0  # the recogniser's confidence in them
    words_at: float = 0.0
    finished: float | None = None  # how likely `text` is all, if a model has said so
    keys: bool = False  # the last of the text was keyed in, and no '#' has closed it
    idle_since: float = 0.0
    prompts: int = 0
    departing: bool = False  # silence is no sign of anything then

    # the end
    leaving: Ending | None = None
    leave_by: float = 0.0
    owes_goodbye: bool = False  # the turn that runs is not the goodbye: that is still to be said


# ---- events ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is up; `greets`: the agent speaks first, and says what may be interrupted or what may not."""

    greets: bool
    interruptible: bool = True  # of that, the first passage


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    at: float
    hold: HoldId | None = None


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    at: float


@dataclass(frozen=True, slots=True)
class Lulled:
    """Within speech, no sound for a moment: a cough is over, or a consonant is closed. `over`: it goes on."""

    at: float
    over: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    text: str
    final: bool
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A model's opinion: how likely the caller who said `text` has finished."""

    text: str
    finished: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    digit: str


@dataclass(frozen=True, slots=True)
class Stirred:
    """The caller is there, and does what is not ours to know."""


@dataclass(frozen=True, slots=True)
class Departing:
    """Somebody else is being fetched in the caller's place, and nobody may be there to hear us; `over`: he stays."""

    over: bool = False


@dataclass(frozen=True, slots=True)
class PassageBegan:
    """The first sample of a passage was sent."""

    turn: int
    interruptible: bool = True
    aside: bool = False  # it masks a silence, and is no part of the reply
    asks: bool = False  # it ends in a question


@dataclass(frozen=True, slots=True)
class VoiceDry:
    """All that the turn had to say so far was sent, and more is to come."""

    turn: int


@dataclass(frozen=True, slots=True)
class TurnOver:
    """Every task of the turn is gone, and what it said was heard or dropped."""

    turn: int


@dataclass(frozen=True, slots=True)
class HoldLapsed:
    """The engine let go by itself."""

    hold: HoldId


@dataclass(frozen=True, slots=True)
class Due:
    """The state's deadline has come."""


@dataclass(frozen=True, slots=True)
class EndAsked:
    """The agent wants to hang up, after what it is saying; `goodbye`: it says so first."""

    why: Ending
    goodbye: bool = False


TurnEvent = (
    Answered | SpeechBegan | SpeechEnded | Lulled | Words | Judged | KeyPressed | PassageBegan | VoiceDry | TurnOver
    | HoldLapsed | Due | EndAsked | Stirred | Departing
)  # fmt: skip


# ---- actions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why it was decided so."""

    rule: str
    words: str = ""
    speech_ms: float = 0.0
    held_ms: float = 0.0
    spans_ms: tuple[tuple[float, float], ...] = ()  # what sounded, from the beginning of the hold


@dataclass(frozen=True, slots=True)
class StartTurn:
    turn: int
    kind: TurnKind
    text: str = ""
    ahead: bool = False  # nothing of it may be heard, stored or done before it is promoted


@dataclass(frozen=True, slots=True)
class Promote:
    """The caller has asked what the turn answers: it may be heard."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Mask:
    """The silence has lasted: the `step`th thing against it."""

    turn: int
    step: int


@dataclass(frozen=True, slots=True)
class TakeHold:
    """Speech began over a voice that the engine did not hold."""

    lease_ms: int


@dataclass(frozen=True, slots=True)
class Reject:
    """False alarm: the voice goes on."""

    hold: HoldId | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class TakeAnswer:
    """Words over the end of a question, too few to interrupt it, count as said when it had ended."""

    turn: int
    words: str
    before_end_ms: float  # on the voice's clock


@dataclass(frozen=True, slots=True)
class CancelTurn:
    turn: int
    why: TurnEnding
    evidence: Evidence = field(default_factory=lambda: Evidence("timer"))


@dataclass(frozen=True, slots=True)
class EndCall:
    why: Ending


Action = StartTurn | Promote | Mask | TakeHold | Reject | TakeAnswer | CancelTurn | EndCall
