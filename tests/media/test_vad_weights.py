"""Which weights confirm speech, and what is said when they cannot be had."""

from pathlib import Path

import pytest

from mediasrv.errors import ConfigError
from mediasrv.media import Cost, Engine, EngineSettings, StreamSpec, stream_bytes
from mediasrv.media.vad_weights import LARGEST_FILE, vad_weights
from tests.reference.silero import WEIGHTS


def test_those_that_are_shipped_are_read_once_for_all_engines() -> None:
    shipped = vad_weights("")
    assert shipped is not None
    assert vad_weights("") is shipped


def test_another_file_can_be_named_and_none_at_all() -> None:
    assert vad_weights(str(WEIGHTS)) is not None
    assert vad_weights("off") is None


@pytest.mark.parametrize("content", [b"", b"no weights", bytes(1_000)])
def test_a_file_that_is_something_else_is_a_wrong_setting(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"media\.vad_weights.*safetensors"):
        vad_weights(str(path))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(ConfigError, match="too large"):
        vad_weights(str(path))


def test_a_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            vad_weights(str(path))


async def test_an_engine_with_wrong_weights_does_not_open() -> None:
    with pytest.raises(ConfigError):
        async with Engine(EngineSettings(vad_weights="/nowhere"), manual=True):
            pass


async def test_a_stream_may_do_without() -> None:
    async with Engine(EngineSettings(), manual=True) as engine:
        for spec in (StreamSpec(), StreamSpec(confirm=False), StreamSpec(vad=False)):
            await engine.add(engine.reserve(Cost()), spec, group=1)
    assert stream_bytes(StreamSpec(confirm=False)) < stream_bytes(StreamSpec()) <= 192 * 1_024
