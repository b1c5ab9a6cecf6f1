"""Each kernel has its place in `bench media`."""

from pathlib import Path

from mediasrv.bench.media import time_kernels

KERNELS = Path(__file__).parents[2] / "native/c/kernels"
FIGURES = {
    "codec": "pcmu_encode", "comfort": "comfort_make", "comfort_listener": "comfort_listen", "conceal": "conceal_good",
    "conceal_spectrum": "conceal_spectral_lost", "conceal_voice": "conceal_waveform_lost", "delay": "jitter_delay",
    "dtmf": "dtmf_send", "echo": "echo", "echo_search": "echo_search", "fft": "echo_transform_each",
    "g711": "g711_decode", "g722": "g722_encode", "gate": "gate", "goertzel": "dtmf_detect",
    "jitter": "jitter_punctual", "jitter_take": "jitter_stretching", "kalman": "echo_filter", "l16": "l16_encode",
    "level": "gain_control", "mixer": "mix_limit", "noise": "noise", "opus": "opus_48k_5_encode",
    "resample": "resample_8_to_16", "residual": "echo_residual", "silero": "silero_per_32_ms",
    "stretch": "stretch_find_each", "tones": "dtmf_tone",
}  # fmt: skip
WITHIN = {
    "clockmap": "echo", "echo_jump": "echo", "echo_left": "echo", "echo_window": "echo", "reference": "echo",
    "comfort_shape": "comfort_make", "spectrum": "gate", "timeline": "jitter_punctual",
}  # fmt: skip
NOT_TIMED = {"arena", "silero_weights"}  # set-up alone


def test_every_kernel_has_a_figure_of_its_own_or_is_within_one() -> None:
    measured = time_kernels(frames=14)
    assert all(ns >= 0 for ns in measured.values())
    assert {*FIGURES.values(), *WITHIN.values()} <= measured.keys()
    files = {path.stem.removeprefix("ms_") for path in KERNELS.glob("ms_*.c")}
    assert files == FIGURES.keys() | WITHIN.keys() | NOT_TIMED
