"""What a file of menus may say, and what is refused before the first call."""

from __future__ import annotations

import wave
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.call.menu import DEMO, parse_menus, read_menus
from mediasrv.call.menu.choices import Reading, read
from mediasrv.call.menu.sounds import NOTE_S, NOTES_HZ, melody
from mediasrv.errors import ConfigError

WRONG = [
    ("", "missing required field `menus`"),
    ("x = [", "menu"),
    ("[menus.other]", "start = 'main': there is no such menu; there is other"),
    ("[menus.main]\n[before_answer]", "before_answer: has a text to say or a file to play"),
    (
        "[menus.main]\n[before_answer]\nsay = 'a'\nfile = 'b.wav'",
        "before_answer: has a text to say or a file",
    ),
    ("[menus.main]\n[before_answer]\nfile = 'nowhere.wav'", "nowhere.wav"),
    ("[menus.main]\nsays = 'x'", "unknown field `says`"),
    ("[menus.main]\nsay = 'x'\nfile = 'y.wav'", "menus.main: has a text to say or a file to play"),
    ("[menus.main]\nattempts = 0", ">= 1"),
    ("[menus.main]\nfirst_key_ms = 10", ">= 500"),
    ("[menus.main.keys]\nE = []", "telephones have the keys"),
    ("[menus.main.keys]\n1 = [{ do = 'dance' }]", "Invalid value 'dance'"),
    ("[menus.main.keys]\n1 = [{ do = 'say' }]", "menus.main.keys.1[1]: say needs a text or a file"),
    ("[menus.main.keys]\n1 = [{ do = 'go_to', menu = 'x' }]", "menus.main.keys.1[1].menu = 'x': there is no"),
    ("[menus.main.keys]\n1 = [{ do = 'send_dtmf', keys = '' }]", "write 1 to 32"),
    ("[menus.main.keys]\n1 = [{ do = 'send_dtmf', keys = '12x' }]", "write 1 to 32"),
    ("[menus.main.keys]\n1 = [{ do = 'transfer', to = ' ' }]", "whom to call"),
    ("[menus.main.keys]\n1 = [{ do = 'wait', for_s = 0 }]", "> 0"),
    ("[menus.main]\notherwise = [{ do = 'hang_up' }, { do = 'wait' }]", "otherwise[2]: is never reached"),
    ("[menus.main]\nfile = 'none.wav'", "cannot be read: No such file"),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_what_is_wrong_is_named_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_menus(text, source="my.toml")
    assert str(caught.value).startswith("my.toml: ")
    assert problem in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_ends_in_anything_but_menus_or_a_complaint(text: str) -> None:
    with suppress(ConfigError):
        parse_menus(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_menus(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="decode"):
        read_menus(tmp_path / "bad.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than"):
        read_menus(tmp_path / "huge.toml")


def write_wav(
    path: Path, *, channels: int = 1, width: int = 2, rate_hz: int = 8_000, frames: int = 80
) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(bytes(frames * channels * width))


def test_sounds_stand_beside_the_file_that_names_them(tmp_path: Path) -> None:
    write_wav(tmp_path / "hello.wav", rate_hz=16_000)
    (tmp_path / "menu.toml").write_text('[menus.main]\nfile = "hello.wav"')
    (sound,) = read_menus(tmp_path / "menu.toml").sounds.values()
    assert (len(sound.pcm), sound.rate_hz) == (160, 16_000)


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"channels": 2}, "16-bit mono"),
        ({"width": 1}, "16-bit mono"),
        ({"rate_hz": 7_000}, "16-bit mono"),
        ({"frames": 0}, "no sound"),
        ({"frames": 8_000 * 601}, "longer than 600 s"),
    ],
)
def test_a_sound_that_cannot_be_played_is_refused(tmp_path: Path, form: dict[str, int], problem: str) -> None:
    write_wav(tmp_path / "x.wav", **form)
    with pytest.raises(ConfigError, match=problem):
        parse_menus('[menus.main]\nfile = "x.wav"', sounds_in=tmp_path)


def test_what_is_no_wav_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    with pytest.raises(ConfigError, match="not a WAV file"):
        parse_menus('[menus.main]\nfile = "x.wav"', sounds_in=tmp_path)


def test_the_demonstration_is_right_and_records() -> None:
    assert read_menus(DEMO).is_overheard
    assert not parse_menus("[menus.main]").is_overheard


def test_the_melody_can_be_repeated_without_a_click() -> None:
    clip = melody()
    assert len(clip.pcm) == 2 * round(clip.rate_hz * NOTE_S) * len(NOTES_HZ)
    first, last = (
        int.from_bytes(clip.pcm[at : at + 2], "little", signed=True) for at in (0, len(clip.pcm) - 2)
    )
    assert abs(first) + abs(last) <= 10


@pytest.mark.parametrize(
    ("pressed", "reading"),
    [
        ("1", Reading(is_choice=True, may_grow=True)),
        ("12", Reading(is_choice=True, may_grow=False)),
        ("2", Reading(is_choice=False, may_grow=True)),
        ("21", Reading(is_choice=True, may_grow=False)),
        ("3", Reading(is_choice=False, may_grow=False)),
        ("", Reading(is_choice=False, may_grow=True)),
    ],
)
def test_a_row_of_keys_is_a_choice_or_may_become_one(pressed: str, reading: Reading) -> None:
    assert read(pressed, ["1", "12", "21"]) == reading
