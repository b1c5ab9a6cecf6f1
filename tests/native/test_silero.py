"""Silero in C: the same judgements as its layers written out in numpy, however the sound is cut, whatever the file."""

import json
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv_native.errors import WrongArgument
from mediasrv_native.speech import CHUNK_SAMPLES, REMEMBERED_CHUNKS, Silero, SileroWeights
from tests.reference import silero, sounds
from tests.reference.sounds import Pcm

FILE = silero.WEIGHTS.read_bytes()
TENSORS = silero.tensors(FILE)
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def weights() -> SileroWeights:
    return SileroWeights(FILE)


def judgements(kernel: Silero, pcm: Pcm, piece: int = CHUNK_SAMPLES) -> list[float]:
    found = [kernel.process(pcm[at : at + piece].tobytes()) for at in range(0, len(pcm), piece)]
    return [probability for probability in found if probability is not None]


def some_talk(seconds: float, seed: int) -> Pcm:
    """With a pause, and noise behind it."""
    said = np.concatenate([sounds.talk(seconds, seed, RATE_HZ), sounds.silence(0.5, RATE_HZ)])
    return sounds.to_pcm(said + sounds.pink(seconds + 0.5, -45, seed, RATE_HZ))


@pytest.mark.parametrize(
    "pcm",
    [
        pytest.param(some_talk(2.5, seed=4), id="talk"),
        pytest.param(sounds.to_pcm(sounds.white(1, -20, 5, RATE_HZ)), id="noise"),
        pytest.param(np.full(8 * CHUNK_SAMPLES, -32_768, np.int16), id="full-scale"),
        pytest.param(np.zeros(8 * CHUNK_SAMPLES, np.int16), id="silence"),
    ],
)
def test_it_judges_as_the_layers_written_out_do(weights: SileroWeights, pcm: Pcm) -> None:
    slow = silero.Silero(TENSORS)
    whole = len(pcm) // CHUNK_SAMPLES * CHUNK_SAMPLES
    expected = [slow.judge(chunk) for chunk in pcm[:whole].reshape(-1, CHUNK_SAMPLES)]
    assert judgements(Silero(weights), pcm[:whole]) == pytest.approx(expected, abs=1e-4)


def test_a_voice_is_probable_and_noise_is_not(weights: SileroWeights) -> None:
    voice, _ = sounds.voice("how can I help you today", rate_hz=RATE_HZ)
    assert max(judgements(Silero(weights), sounds.to_pcm(voice))) > 0.9
    for noise in (sounds.white, sounds.pink):
        assert max(judgements(Silero(weights), sounds.to_pcm(noise(3, -30, 1, RATE_HZ)))) < 0.5


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_how_the_sound_is_cut_makes_no_difference(cuts: list[int]) -> None:
    weights = SileroWeights(FILE)
    pcm = some_talk(1, seed=2)[: sum(cuts)]
    kernel, pieces = Silero(weights), np.split(pcm, np.cumsum(cuts)[:-1])
    found = [kernel.process(piece.tobytes()) for piece in pieces]
    assert [p for p in found if p is not None] == judgements(Silero(weights), pcm[: len(pcm) // 512 * 512])


def test_what_was_remembered_is_judged_as_if_it_had_just_been_heard(weights: SileroWeights) -> None:
    pcm, now = some_talk(1, seed=6), 6_400
    remembering = Silero(weights)
    for at in range(0, now, 160):
        remembering.remember(pcm[at : at + 160].tobytes())
    slow, begin = silero.Silero(TENSORS), now - REMEMBERED_CHUNKS * CHUNK_SAMPLES
    slow.context = pcm[begin - silero.CONTEXT : begin] / 32_768
    expected = [slow.judge(pcm[at : at + CHUNK_SAMPLES]) for at in range(begin, now, CHUNK_SAMPLES)]
    assert remembering.process(pcm[now : now + 160].tobytes()) == pytest.approx(max(expected), abs=1e-4)
    # and what came with the judgement is the beginning of the next chunk
    then = [remembering.process(pcm[at : at + 160].tobytes()) for at in range(now + 160, now + 640, 160)]
    assert [probability is None for probability in then] == [True, True, False]
    assert then[2] == pytest.approx(slow.judge(pcm[now : now + CHUNK_SAMPLES]), abs=1e-4)


def test_of_several_chunks_at_once_the_likeliest_counts(weights: SileroWeights) -> None:
    pcm = some_talk(1, seed=5)[: 20 * CHUNK_SAMPLES]
    assert Silero(weights).process(pcm.tobytes()) == max(judgements(Silero(weights), pcm))
    assert Silero(weights).process(b"") is None


def test_after_a_reset_nothing_of_before_is_left(weights: SileroWeights) -> None:
    pcm, used = some_talk(1, seed=3), Silero(weights)
    judgements(used, pcm[:10_000], 333)
    used.reset()
    assert judgements(used, pcm) == judgements(Silero(weights), pcm)


def test_a_stream_costs_little_memory_beside_the_shared_weights(weights: SileroWeights) -> None:
    assert Silero(weights).nbytes <= 5_632
    assert weights.nbytes <= 1_300_000


def test_random_sound_is_judged_between_nought_and_one(weights: SileroWeights) -> None:
    rng, kernel = np.random.default_rng(8), Silero(weights)
    for _ in range(300):
        probability = kernel.process(rng.bytes(2 * CHUNK_SAMPLES))
        assert probability is not None
        assert 0 <= probability <= 1


def test_half_a_sample_is_refused(weights: SileroWeights) -> None:
    with pytest.raises(ValueError, match="whole"):
        Silero(weights).process(b"\0")


# ---- files -----------------------------------------------------------------------------------------------------------


def with_header(change: Callable[[str], str]) -> bytes:
    (length,) = struct.unpack("<Q", FILE[:8])
    header = change(FILE[8 : 8 + length].decode()).encode()
    return struct.pack("<Q", len(header)) + header + FILE[8 + length :]


def spread_out(header: str) -> str:
    """The same, with spaces and lines, entries in another order, and metadata."""
    entries = {
        name: {"shape": entry["shape"], "data_offsets": entry["data_offsets"], "dtype": entry["dtype"]}
        for name, entry in reversed(json.loads(header).items())
    }
    return json.dumps({"__metadata__": {"format": "pt"}} | entries, indent=2)


def test_a_header_may_be_laid_out_otherwise(weights: SileroWeights) -> None:
    pcm = some_talk(0.5, seed=1)
    other = SileroWeights(with_header(spread_out))
    assert judgements(Silero(other), pcm) == judgements(Silero(weights), pcm)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"conv2.bias"', '"conv2.bies"'),
        ('"F32"', '"F16"'),
        ("[258,1,256]", "[258,1,255]"),
        ("[128,64,3]", "[64,128,3]"),
        ("[128,64,3]", "[128,64,3,1]"),
        ("[128,64,3]", "[]"),
        ("[128,64,3]", "[99999999999999999999]"),
        ("[0,264192]", "[264192,0]"),
        ("[0,264192]", "[18446744073709551615,264191]"),
        ("[1238528,1238532]", "[1238532,1238536]"),
        ("[1238528,1238532]", "[1238528,1238529]"),
        ("data_offsets", "offsets"),
        ("}", ""),
    ],
)
def test_a_file_that_says_otherwise_is_refused(old: str, new: str) -> None:
    damaged = with_header(lambda header: header.replace(old, new))
    assert damaged != FILE
    with pytest.raises(WrongArgument, match="tensors"):
        SileroWeights(damaged)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e30, -1_001.0])
@pytest.mark.parametrize("at", [-4, -8, 8 + 1_200 + 4 * 1_000, 8 + 1_200 + 1_000_000])
def test_a_weight_that_could_overflow_is_refused(value: float, at: int) -> None:
    file = bytearray(FILE)
    at %= len(file)
    file[at : at + 4] = struct.pack("<f", value)
    with pytest.raises(WrongArgument, match="tensors"):
        SileroWeights(bytes(file))


@given(file=st.binary(max_size=200))
def test_octets_that_are_no_file_are_refused(file: bytes) -> None:
    with pytest.raises(WrongArgument):
        SileroWeights(file)


@settings(max_examples=50)
@given(keep=st.integers(0, len(FILE) - 1))
def test_a_file_cut_short_is_refused(keep: int) -> None:
    with pytest.raises(WrongArgument):
        SileroWeights(FILE[:keep])
