"""Opus in RTP: what it sounds like, what loss does to it, and what strangers send."""

import numpy as np
import pytest

from mediasrv_native.codecs import OPUS, Decoder, Encoder
from mediasrv_native.errors import WrongArgument
from tests.reference.sounds import Pcm, Samples, power_db, talk, to_pcm, tone

RATES_HZ = (8_000, 16_000, 24_000, 48_000)
SILK_20_MS_MONO, CELT_20_MS_STEREO = 0x48, 0xFC  # RFC 6716 section 3.1: configurations 9 and 31
each_rate = pytest.mark.parametrize("rate_hz", RATES_HZ)


def frames(pcm: Pcm, rate_hz: int) -> list[bytes]:
    size = rate_hz // 50
    return [pcm[at : at + size].tobytes() for at in range(0, len(pcm) - size + 1, size)]


def aligned_correlation(sent: Samples, heard: Samples, longest_lag: int) -> float:
    """Of the two at the lag where they agree best."""
    n = min(len(sent), len(heard)) - longest_lag
    reference = sent[:n] / np.linalg.norm(sent[:n])
    return max(
        float(reference @ heard[lag : lag + n] / (np.linalg.norm(heard[lag : lag + n]) + 1e-9))
        for lag in range(longest_lag)
    )


def said(rate_hz: int, seconds: float = 2.0) -> Pcm:
    return to_pcm(talk(seconds, 1, rate_hz))


@each_rate
def test_a_tone_comes_back_clean_at_each_rate(rate_hz: int) -> None:
    sent = to_pcm(tone(1, -15, 440, rate_hz=rate_hz))
    encoder, decoder = Encoder(OPUS, rate_hz), Decoder(OPUS, rate_hz)
    heard = np.frombuffer(
        b"".join(decoder.decode(encoder.encode(f)) for f in frames(sent, rate_hz)), np.int16
    )
    correlation = aligned_correlation(
        sent[rate_hz // 4 :].astype(float), heard[rate_hz // 4 :].astype(float), rate_hz // 40
    )
    assert 10 * np.log10(correlation**2 / (1 - correlation**2)) > 20


@each_rate
def test_speech_is_decoded_at_each_rate_whatever_it_was_encoded_at(rate_hz: int) -> None:
    encoder, decoder = Encoder(OPUS, 16_000, bit_rate=24_000), Decoder(OPUS, rate_hz)
    heard = b"".join(decoder.decode(encoder.encode(frame)) for frame in frames(said(16_000), 16_000))
    reference = said(rate_hz).astype(float)
    both = np.frombuffer(heard, np.int16).astype(float)
    assert len(both) == len(reference)
    # the band below 3 kHz is common to all rates: compared by its envelope, for the phases are the codec's own
    assert np.corrcoef(envelope(reference, rate_hz), envelope(both, rate_hz))[0, 1] > 0.9


def envelope(samples: Samples, rate_hz: int) -> Samples:
    window = rate_hz // 100
    return np.sqrt(np.mean(np.square(samples[: len(samples) // window * window].reshape(-1, window)), axis=1))


def lossy(*, fec: bool) -> float:
    """How well, in dB, frames are recovered of which every fifth was lost and the next is there."""
    rate_hz = 16_000
    encoder = Encoder(OPUS, rate_hz, fec=fec, expected_loss=20, bit_rate=32_000)
    whole, broken = Decoder(OPUS, rate_hz), Decoder(OPUS, rate_hz)
    payloads = [encoder.encode(frame) for frame in frames(said(rate_hz, 4), rate_hz)]
    wanted, made = [], []
    for at, payload in enumerate(payloads):
        intended = whole.decode(payload)
        if at % 5 == 3 and at + 1 < len(payloads):
            made.append(np.frombuffer(broken.lost(rate_hz // 50, payloads[at + 1]), np.int16).astype(float))
            wanted.append(np.frombuffer(intended, np.int16).astype(float))
        else:
            broken.decode(payload)
    error = np.concatenate(wanted) - np.concatenate(made)
    return power_db(np.concatenate(wanted)) - power_db(error)


def test_a_lost_frame_is_recovered_from_the_next_packet_better_than_it_is_guessed() -> None:
    assert lossy(fec=True) > lossy(fec=False) + 3


@pytest.mark.parametrize("ms", [2.5, 5, 10, 20, 40, 60])
@each_rate
def test_any_multiple_of_the_shortest_frame_is_concealed(rate_hz: int, ms: float) -> None:
    encoder, decoder = Encoder(OPUS, rate_hz), Decoder(OPUS, rate_hz)
    for frame in frames(said(rate_hz, 0.5), rate_hz):
        decoder.decode(encoder.encode(frame))
    assert len(decoder.lost(round(rate_hz * ms / 1000))) == 2 * round(rate_hz * ms / 1000)


@pytest.mark.parametrize("samples", [-1, 0, 1, 41, 960 + 40, 2**20])
def test_other_lengths_are_not_concealed(samples: int) -> None:
    with pytest.raises(WrongArgument):
        Decoder(OPUS, 16_000).lost(samples)


def test_loss_is_concealed_although_the_next_packet_is_rubbish() -> None:
    decoder = Decoder(OPUS, 16_000)
    for rubbish in (b"", b"\xff", b"\xff\xff\xff", bytes(2_000)):
        assert len(decoder.lost(320, rubbish)) == 640


def test_nothing_is_sent_for_silence_when_that_is_agreed() -> None:
    quiet, loud = Encoder(OPUS, 16_000, dtx=True), Encoder(OPUS, 16_000, dtx=False)
    sizes = [len(quiet.encode(bytes(640))) for _ in range(100)]
    assert sizes.count(0) > 60
    assert all(loud.encode(bytes(640)) for _ in range(100))


def test_speech_after_silence_is_sent_at_once() -> None:
    encoder = Encoder(OPUS, 16_000, dtx=True)
    for _ in range(50):
        encoder.encode(bytes(640))
    assert encoder.encode(to_pcm(tone(0.02, -10, 300, rate_hz=16_000)).tobytes())


def test_the_bit_rate_is_kept() -> None:
    for bit_rate in (12_000, 24_000, 64_000):
        encoder = Encoder(OPUS, 48_000, bit_rate=bit_rate)
        sizes = [len(encoder.encode(frame)) for frame in frames(said(48_000), 48_000)]
        assert np.mean(sizes) * 8 * 50 == pytest.approx(bit_rate, rel=0.3)


def test_expected_loss_buys_a_copy_of_the_frame_before() -> None:
    encoder = Encoder(OPUS, 16_000, fec=True, bit_rate=24_000)
    assert not any(carries_copy(encoder.encode(frame)) for frame in frames(said(16_000), 16_000))
    encoder.expect_loss(25)
    assert any(carries_copy(encoder.encode(frame)) for frame in frames(said(16_000), 16_000))


def carries_copy(payload: bytes) -> bool:
    """RFC 6716 section 4.2.3: of one SILK frame, the flag after its own voice-activity bit. Both are coded with equal
    odds, so they are the first two bits."""
    assert payload[0] & 0x83 == 0  # SILK or hybrid, mono, one frame
    return bool(payload[1] & 0x40)


@pytest.mark.parametrize("config", [SILK_20_MS_MONO | 4, CELT_20_MS_STEREO])
@each_rate
def test_stereo_packets_are_heard_in_mono(config: int, rate_hz: int) -> None:
    decoder = Decoder(OPUS, rate_hz)
    assert len(decoder.decode(bytes([config, *range(60)]))) == 2 * rate_hz // 50


@pytest.mark.parametrize(
    ("payload", "ms"),
    [
        (bytes([0xE0, 1, 2, 3]), 2.5),  # one CELT frame of 2.5 ms
        (bytes([0x58, 1, 2, 3]), 60),  # one SILK frame of 60 ms
        (bytes([0x49, 1, 2, 3, 4]), 40),  # two equal ones of 20
        (bytes([0x4B, 3, 1, 2, 3]), 60),  # three of 20
        (bytes([0x48]), 20),  # nothing but its head: a gap of the sender's making
    ],
)
def test_a_packet_of_several_frames_is_as_long_as_they_are(payload: bytes, ms: float) -> None:
    assert Decoder(OPUS, 48_000).samples(payload) == round(48 * ms)
    assert len(Decoder(OPUS, 48_000).decode(payload)) == 2 * round(48 * ms)


@pytest.mark.parametrize(
    "payload",
    [
        bytes([0x4B, 4, 1, 2, 3, 4]),  # 80 ms
        bytes([0x59, 1, 2]),  # twice 60 ms
        bytes([0x4B, 0, 1, 2]),  # no frames
        bytes([0x49, 1, 2, 3, 4, 5][:4]),  # two frames of equal length in three octets
        bytes([0x4A, 0xFC]),  # a length that breaks off
        bytes([0x4A, 200, 1, 2]),  # a first frame longer than the packet
        bytes([0x4B, 0x41, 0xFF]),  # padding without end
        bytes([0x48]) + bytes(1_276),  # a frame longer than frames can be
    ],
)
def test_malformed_packets_are_refused(payload: bytes) -> None:
    with pytest.raises(WrongArgument):
        Decoder(OPUS, 48_000).decode(payload)


def test_a_state_fits_the_memory_of_a_stream() -> None:
    assert Decoder(OPUS, 48_000).size + Encoder(OPUS, 48_000).size < 80 * 1024


def test_a_line_that_loses_packets_is_given_no_more_bits_than_speech_needs() -> None:
    pcm = said(48_000)
    for bit_rate, lossy in ((64_000, 32_000), (24_000, 24_000)):
        encoder = Encoder(OPUS, 48_000, fec=True, bit_rate=bit_rate)
        for expected_loss, bits in ((0, bit_rate), (10, lossy), (0, bit_rate)):
            encoder.expect_loss(expected_loss)
            octets = [len(encoder.encode(frame)) for frame in frames(pcm, 48_000)]
            assert np.mean(octets) * 8 * 50 == pytest.approx(bits, rel=0.3)


def encoders_used(encoder: Encoder, pcm: Pcm) -> set[str]:
    """RFC 6716 section 3.1: the first five bits of a packet say which of Opus's encoders made it."""
    configurations = {encoder.encode(frame)[0] >> 3 for frame in frames(pcm, 48_000)}
    return {"CELT" if configuration >= 16 else "SILK" for configuration in configurations}


def test_ample_bits_take_the_cheap_encoder_until_loss_calls_for_copies() -> None:
    pcm, changing_over = said(48_000), said(48_000, 0.1)
    encoder = Encoder(OPUS, 48_000, fec=True, bit_rate=64_000)
    assert encoders_used(encoder, pcm) == {"CELT"}
    encoder.expect_loss(5)
    encoders_used(encoder, changing_over)
    assert encoders_used(encoder, pcm) == {"SILK"}
    encoder.expect_loss(0)
    encoders_used(encoder, changing_over)
    assert encoders_used(encoder, pcm) == {"CELT"}
    assert encoders_used(Encoder(OPUS, 48_000, fec=True, bit_rate=32_000), pcm) == {"SILK"}
