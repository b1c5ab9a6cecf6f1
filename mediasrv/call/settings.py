"""How a call behaves: every number that decides when to speak, when to stop and when to give up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

BACKCHANNELS = (
    "ah", "aha", "alright", "hm", "hmm", "mhm", "mm", "mm-hm", "mmhm", "mm-hmm", "oh", "ok", "okay", "right", "sure",
    "uh", "uh-huh", "huh", "um", "yeah", "yep", "yes", "hm-hm",
)  # fmt: skip
KEYWORDS = ("stop", "wait", "no", "hold on", "excuse me", "one moment", "operator", "agent", "cancel")

PROMPT_WORDS_MS = 100  # from a word's end until it is told, by a recogniser that is in time
TICK_MS = 20


@dataclass(frozen=True, slots=True)
class Interruptibility:
    """How hard the agent is to interrupt."""

    enabled: bool = True
    duck: bool = False  # soften the voice at onset instead of pausing it
    confirm_words: int = 1  # words that are not backchannels, before they count as an interruption
    unbroken_ms: int = 450  # of sound without a lull that nothing explains
    undecided_ms: int = 700  # no hold lasts longer
    cough_ms: int = 250  # shorter speech, then quiet, is a cough or a click
    lease_ms: int = 1_500  # the engine lets go by itself when nobody has decided
    backchannels: tuple[str, ...] = BACKCHANNELS
    keywords: tuple[str, ...] = KEYWORDS
    keys: bool = True  # a key on the telephone interrupts

    def with_words_after(self, ms: float) -> Interruptibility:
        """For a recogniser that tells a word so long after its end.

        Unbroken sound says something only while words could have explained it: what is said of it here holds for one
        that needs 100 ms. The voice is silent meanwhile, so that a slow recogniser makes holds longer, and nothing
        else; none is longer than it would be without a decision.
        """
        late_ms = max(0.0, ms - PROMPT_WORDS_MS)
        longest_ms = max(self.unbroken_ms, self.undecided_ms - TICK_MS)
        return replace(self, unbroken_ms=round(min(longest_ms, self.unbroken_ms + late_ms)))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a pause may be before it is the agent's turn."""

    shortest_ms: int = 200  # after what is plainly a whole sentence
    ordinary_ms: int = 500
    longest_ms: int = 1_200  # after "and", or in the middle of a number
    judged_within_ms: int = 300  # a model that says whether the caller has finished; later it has no say
    final_wait_ms: int = 2_000  # quiet, and still only a partial transcript: it will have to do
    merge_ms: int = 500  # a reply heard for less than this is merged with what the caller adds
    keys_ms: int = 1_500  # between two keys
    prompt_ms: int = 8_000  # of silence, before "are you still there?"
    prompts: int = 2  # so many times; then goodbye


@dataclass(frozen=True, slots=True)
class Speculation:
    """How early a reply is begun that nobody may need: it is paid for, and saves the time that it has had."""

    words: int = (
        0  # of a transcript, before the reply to it is thought of; 0: never before the caller has finished
    )
    confidence: float = 0.8  # the recogniser's, at least
    most: int = 3  # guesses for one utterance


@dataclass(frozen=True, slots=True)
class Masking:
    """What is heard while a reply is long in coming; nothing of it over the caller."""

    enabled: bool = True
    acknowledge_ms: int = 0  # "Okay." after so much silence; 0: not
    filler_ms: int = 1_000  # "One moment, please."
    hold_sound_ms: int = 1_000  # a soft tone, after so much silence more
    acknowledgement: str = "Okay."
    fillers: tuple[str, ...] = ("One moment, please.", "Just a second.", "I am still looking.")

    def steps_ms(self) -> tuple[int, ...]:
        """The silence before each step; the last is taken again and again."""
        early = (self.acknowledge_ms,) if self.acknowledge_ms else ()
        return (*early, self.filler_ms, self.hold_sound_ms)


@dataclass(frozen=True, slots=True)
class Failures:
    """What is slow, what is dead, and what is said then."""

    first_token_s: float = 5.0
    next_token_s: float = 5.0
    first_sound_s: float = 3.0
    next_sound_s: float = 3.0
    transcript_s: float = 4.0  # speech was heard, and no transcript came
    wordless_ms: int = 1_000  # so much of it: less was a cough, and says nothing of the recogniser
    stt_answer_s: float = 3.0  # to be opened, to take a piece of sound, to be closed
    stt_attempts: int = 3  # in a row, before the call is given up
    stt_retry_s: float = 0.25  # doubled each time
    failed_turns: int = 2  # in a row, before the call is given up
    tool_rounds: int = 4  # requests of the language model within one turn; the last one offers no tools
    apology: str = "I am sorry, something went wrong here. Could you say that again?"
    farewell: str = "I am sorry, I cannot help you just now. Good-bye."


@dataclass(frozen=True, slots=True)
class CallSettings:
    """One call's behaviour; overridden per tenant and per agent."""

    language: str = "en"
    answer_after_s: float = 0.0  # a call that comes in rings for so long
    max_length_s: float = 3_600.0
    budget_usd: Decimal | None = None  # what a call may cost before it says good-bye; None: whatever it takes
    farewell_s: float = 6.0  # the last words take no longer than this
    last_words_arrive_s: float = 0.2  # after them, before the call is hung up: jitter buffers hold so much
    hang_up_s: float = 2.0  # nor does saying good-bye in the leg's protocol
    turn_cleanup_s: float = 0.1
    turn_waits_s: float = 2.0  # for the one before it to be gone, which a provider may hold up
    least_confidence: float = (
        0.0  # of a final transcript: below it the caller is asked again, and nothing guessed
    )
    unclear: str = "I am sorry, I did not understand that. Could you say it again?"
    prompt: str = "Are you still there?"
    goodbye: str = "Good-bye."
    interruptibility: Interruptibility = field(default_factory=Interruptibility)
    patience: Patience = field(default_factory=Patience)
    speculation: Speculation | None = None  # None: as the agent's level says
    masking: Masking = field(default_factory=Masking)
    failures: Failures = field(default_factory=Failures)
