"""A caller asks the demonstration's hotel, and it answers: everything on this machine, nothing scripted.

The caller speaks with one of espeak-ng's voices, over G.711, and waits for its turn, however long an answer takes. What
the agent did is read in its records; what it said is recognised in the caller's own recording, among all that it could
have said.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mediasrv.audio import EARS_RATE_HZ
from mediasrv.bench.instruments.server_process import ServerProcess, serving
from mediasrv.call.demo import HOTEL
from mediasrv.providers.espeak import is_installed
from mediasrv.providers.knowledge import read_book
from mediasrv.providers.knowledge.understanding import words
from mediasrv.providers.pocketsphinx.expectation import Expectation, expect
from mediasrv.providers.pocketsphinx.lexicon import model_directory
from mediasrv.providers.pocketsphinx.worker import Recogniser
from mediasrv_native.kernels import Resampler
from tests.interop.sound import read_wav
from tests.interop.test_softphone import softphone
from tools.demo_call.__main__ import CUT_OFF, PLAN, problems

pytestmark = [
    pytest.mark.interop,
    pytest.mark.long,
    pytest.mark.skipif(model_directory() is None or not is_installed(), reason="no extra `local`"),
]

LISTENED_BYTES = 3_200
TELLING = ("parking costs", "double room one hundred", "wireless internet is free")  # of three answers
NONSENSE = "my grandmother plays the violin on sundays"


def replies(server: ServerProcess) -> list[dict[str, Any]]:
    """Those that were heard: what was begun ahead and never wanted is in the records too."""
    (turns,) = server.records("turns").values()
    return [turn for turn in turns if turn["kind"] == "reply" and turn["heard"]]


def answers() -> dict[str, str]:
    return {answer.name: answer.text for answer in read_book(HOTEL).answer}


def recognised(recording: Path) -> str:
    """The words in a recording, as somebody hears them who knows what the hotel may say."""
    texts = [*answers().values(), read_book(HOTEL).greeting]
    expectation: Expectation = expect([[" ".join(words(text))] for text in texts], {})
    samples, rate_hz = read_wav(recording)
    pcm = Resampler(rate_hz, EARS_RATE_HZ).process(samples.tobytes())
    recogniser = Recogniser(json.loads(expectation.setup()))
    recogniser.begin()
    for at in range(0, len(pcm), LISTENED_BYTES):
        recogniser.hear(pcm[at : at + LISTENED_BYTES])
    return str(recogniser.end()["text"])


async def test_questions_get_their_answers_and_one_answer_is_interrupted(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    async with serving(tmp_path, []) as server:
        outcome = await softphone(server, "--record", str(heard), "--plan", str(PLAN), number="400")
    given = {turn["asked"]: turn for turn in replies(server)}
    assert problems(given.values()) == []
    assert outcome["notes"] == []
    assert outcome["hung_up_by"] == "them", "it says good-bye and ends the call"
    assert {answers()[name] for name in ("parking", "room price", "internet")} <= {
        turn["heard"] for turn in given.values()
    }
    cut = given[CUT_OFF]
    assert cut["said"].startswith(cut["heard"])
    assert len(cut["heard"]) < len(answers()["dogs"])
    answered = recognised(heard)
    spoken = [words for words in TELLING if words in answered]
    assert len(spoken) >= 2, f"a busy machine may tear one answer apart, not two: {answered}"


async def test_what_it_did_not_understand_is_asked_again_and_not_guessed(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    steps = [("silent 1", NONSENSE), ("silent 2", "can I bring my dog?")]
    plan.write_text("seconds = 120\n" + "".join(
        f'[[steps]]\ndo = "say"\non = "{when}"\nvoice = "en-us"\nwords = "{text}"\n' for when, text in steps
    ) + '[[steps]]\ndo = "hang_up"\non = "silent 3"\n')  # fmt: skip
    async with serving(tmp_path, []) as server:
        await softphone(server, "--plan", str(plan), number="400")
    first, second = replies(server)
    book = read_book(HOTEL)
    assert first["said"] in (book.unclear, book.unknown)
    assert second["said"] == answers()["dogs"]
