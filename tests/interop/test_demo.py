"""A caller asks the demonstration's hotel, and it answers: everything on this machine, nothing scripted.

The caller's voice is flite's, over G.711. What the agent did is read in its records; what it said is recognised in the
caller's own recording, among all that it could have said.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediasrv.audio import EARS_RATE_HZ
from mediasrv.bench.instruments.server_process import serving
from mediasrv.call.demo import HOTEL
from mediasrv.providers.knowledge import read_book
from mediasrv.providers.knowledge.understanding import words
from mediasrv.providers.pocketsphinx.expectation import Expectation, expect
from mediasrv.providers.pocketsphinx.lexicon import model_directory
from mediasrv.providers.pocketsphinx.worker import Recogniser
from mediasrv_native.kernels import Resampler
from tests.interop.sound import read_wav
from tests.interop.test_softphone import softphone

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("flite") is None, reason="flite says the questions"),
    pytest.mark.skipif(model_directory() is None, reason="the extra `local` is not installed"),
]

BREAKFAST, PARKING, DOGS = "what time is breakfast", "where can i park my car", "can i bring my dog"
LISTENED_BYTES = 3_200


def said(folder: Path, text: str) -> str:
    path = folder / f"{text.replace(' ', '-')}.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
    return str(path)


def plan(folder: Path, lines: list[tuple[float, str]], seconds: float) -> str:
    steps = "".join(
        f'[[steps]]\ndo = "play"\nafter = {after}\nfile = "{said(folder, text)}"\n' for after, text in lines
    )
    path = folder / "plan.toml"
    path.write_text(f"seconds = {seconds}\n{steps}")
    return str(path)


def replies(turns: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (turn for turn in turns if turn["kind"] == "reply")


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


async def test_three_questions_get_their_answers_and_one_answer_is_interrupted(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    lines = [(5.0, BREAKFAST), (15.0, DOGS), (19.5, PARKING)]
    async with serving(tmp_path, []) as server:
        await softphone(server, "--record", str(heard), "--plan", plan(tmp_path, lines, 32.0), number="400")
    (turns,) = server.records("turns").values()
    given = {turn["said"] for turn in replies(turns)}
    assert given >= {answers()["breakfast"], answers()["parking"]}
    (dogs,) = [turn for turn in replies(turns) if turn["said"].startswith("Dogs are welcome")]
    assert dogs["ending"] == "user_barge_in"
    assert len(dogs["heard"]) < len(answers()["dogs"])
    (timeline,) = server.records("timeline").values()
    finals = [line["text"] for line in timeline if line["event"] == "words" and line["final"]]
    assert len(finals) >= 3
    answered = recognised(heard)
    assert "winter garden" in answered, "breakfast"
    assert "parking costs" in answered, "the garage"
