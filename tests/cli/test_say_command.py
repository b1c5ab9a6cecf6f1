"""`mediasrv say`: which voice speaks, what is told of it, and the file that it leaves."""

from __future__ import annotations

import json
import wave
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from mediasrv.cli import commands
from mediasrv.cli.say import speak
from mediasrv.providers.protocols import ProviderError, SpeechChunk, Usage, WordTime
from mediasrv.providers.resilience import Member, SteadyVoice
from tests.providers.failing import Voice

CONFIG = """
[providers.mouth]
adapter = "formant"
voice = "low"
[providers.mind]
adapter = "ollama"
[voices.anna]
provider = "mouth"
voice = "high"
language = "en"
gender = "female"
[voices.gone]
provider = "eleven"
[providers.eleven]
adapter = "elevenlabs"
[agents]
directory = "{agents}"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "desk.toml").write_text('prompt = "Be kind."\nvoice = "anna"')
    file = tmp_path / "mediasrv.toml"
    file.write_text(CONFIG.format(agents=tmp_path / "agents"))
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["say", *map(str, arguments)])


def test_a_file_is_as_long_as_the_sound_at_the_rate_that_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "said.wav"
    told = json.loads(run("one two", "--voice", "tone", "--out", out, "--rate", 16_000, "--json").stdout)
    with wave.open(str(out)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.getnframes() / 16 == told["sound_ms"] == 2 * (3 * 40 + 60)  # the tone voice's own lengths


def test_words_are_told_with_their_times() -> None:
    told = json.loads(run("one three", "--voice", "tone", "--words", "--json").stdout)
    assert [(w["text"], w["start_ms"], w["end_ms"]) for w in told["words"]] == [
        ("one", 0, 120), ("three", 180, 380),
    ]  # fmt: skip


def test_every_voice_that_can_be_named_is_listed_and_no_model(config: Path) -> None:
    rows = {row["name"]: row for row in json.loads(run("--list", "--json", "--config", config).stdout)}
    assert {name: row["from"] for name, row in rows.items()} == {
        "anna": "voices", "gone": "voices", "mouth": "providers", "eleven": "providers",
        "formant": "built in", "tone": "built in", "espeak": "built in",
    }  # fmt: skip
    assert rows["anna"]["gender"] == "female"


@pytest.mark.parametrize("chosen", [("--voice", "anna"), ("--voice", "mouth"), ("--agent", "desk")])
def test_a_declared_voice_a_provider_and_an_agent_speak_although_another_provider_has_no_key(
    config: Path, chosen: tuple[str, str]
) -> None:
    answer = run("Good day.", *chosen, "--config", config, "--json")
    assert json.loads(answer.stdout)["voice"] == ["mouth"], answer.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("hello", "--voice", "nobody"), "must be one of formant"),
        (("hello", "--agent", "echo"), "is not one that speaks"),
        (("hello", "--agent", "demo", "--voice", "tone"), "exclude each other"),
        (("  ",), "Missing argument"),
        (("hello", "--out", "no/such/directory.wav"), "is no directory"),
        (("hello", "--rate", "7999"), "8000<=x<=48000"),
    ],
)
def test_what_cannot_be_said_is_refused(arguments: tuple[str, ...], problem: str) -> None:
    answer = run(*arguments)
    assert (answer.exit_code, problem in answer.stderr) == (2, True), answer.stderr


def test_a_voice_whose_key_is_missing_says_which(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    answer = run("hello", "--voice", "gone", "--config", config)
    assert answer.exit_code == 2
    assert "ELEVENLABS_API_KEY" in answer.stderr


async def test_the_first_sound_is_timed_and_all_uses_are_paid(autojump_clock: object) -> None:
    used = Usage("a", "m", {"characters": 5}, Decimal("0.001"))
    pieces = [0.25, SpeechChunk(bytes(1_600), 8_000, (WordTime("hello", 0, 90),)), 0.5]
    voice = Voice("a", [[*pieces, SpeechChunk(b"", 8_000, usage=used)]])
    spoken = await speak(voice, "hello", "")
    assert (spoken.first_sound_ms, spoken.made_ms, spoken.sound_ms) == (250.0, 750.0, 100.0)
    assert (spoken.cost_usd, spoken.speakers) == (Decimal("0.001"), ["a"])


async def test_who_takes_over_is_named_and_heard_at_the_rate_of_the_file(autojump_clock: object) -> None:
    broken = ProviderError("first", "gone", retryable=False)
    told = WordTime("one", 0, 1_000), WordTime("two", 1_000, 2_000)
    first = Voice("first", [[SpeechChunk(bytes(16_000), 8_000, told), broken]])
    second = Voice("second", [[SpeechChunk(bytes(64_000), 16_000)]])
    both = SteadyVoice("both", [Member("first", first), Member("second", second)], Random(1))
    spoken = await speak(both, "one two", "")
    assert (spoken.speakers, spoken.sound_ms) == (["first", "second"], 3_000.0)
    assert spoken.words == [told[0]], "the first never came to the other"
    assert len(spoken.pcm(24_000)) == 3 * 24_000 * 2
    assert second.texts == ["two"]


async def test_silence_is_no_speech(autojump_clock: object) -> None:
    with pytest.raises(ProviderError, match="no sound"):
        await speak(Voice("mute", [[]]), "hello", "")
