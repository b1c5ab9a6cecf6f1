"""The suppressor of residual echo in float64, bin by bin and band by band: half-overlapped sine windows of 20 ms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.reference.sounds import Pcm, Samples

BAND_EDGES_HZ = (0, 200, 400, 600, 850, 1_150, 1_500, 1_900, 2_400, 3_000, 4_000, 8_000, 24_000)
LEARNS, MEAN_LEARNS = 0.04, 0.05
LEFT_UNKNOWN, LEFT_LEAST, LEFT_MOST = 0.05, 1e-5, 1.0
OVER_MOST, OVER_LEAST, CALLER = 40.0, 4.0, 8.0
RINGS, PRIOR_KEEPS, GAIN_LEAST = 0.7, 0.7, 0.1


@dataclass
class Band:
    """How what is left moves with the echo: their covariance over the echo's variance is the share."""

    bins: slice
    cleaned: float = 0.0
    echo: float = 0.0
    together: float = 0.0
    alone: float = 0.0
    left: float = LEFT_UNKNOWN

    def learn(self, cleaned: float, echo: float) -> None:
        cleaned_moves, echo_moves = cleaned - self.cleaned, echo - self.echo
        self.cleaned += MEAN_LEARNS * cleaned_moves
        self.echo += MEAN_LEARNS * echo_moves
        pace = LEARNS * echo / (cleaned + echo + 1)
        self.together += pace * (cleaned_moves * echo_moves - self.together)
        self.alone += pace * (echo_moves**2 - self.alone)
        if self.alone > 1:
            self.left = float(np.clip(self.together / (self.alone + 1), LEFT_LEAST, LEFT_MOST))

    def to_expect(self, cleaned: float, echo: float) -> float:
        """The share, and as many times over as leave the caller alone where he is louder."""
        return self.left * float(
            np.clip(OVER_MOST * CALLER * self.left * echo / (cleaned + 1), OVER_LEAST, OVER_MOST)
        )


class Suppressor:
    def __init__(self, rate_hz: int) -> None:
        self.block = rate_hz // 100
        self.window = np.sin(np.pi / 2 * (np.arange(2 * self.block) + 0.5) / self.block)
        edges = [min(hz * 2 * self.block // rate_hz, self.block + 1) for hz in BAND_EDGES_HZ]
        last = max(k for k in range(len(edges) - 1) if edges[k] < edges[k + 1])
        edges[last + 1] = self.block + 1
        self.bands = [Band(slice(edges[k], edges[k + 1])) for k in range(last + 1)]
        self.before, self.echo_before, self.tail = (np.zeros(self.block) for _ in range(3))
        self.expected, self.prior = (np.zeros(self.block + 1) for _ in range(2))

    def process(self, pcm: Pcm, echo: Samples | None) -> Samples:
        """10 ms; what comes out began 10 ms earlier."""
        window = np.concatenate([self.before, pcm]) * self.window
        if echo is None:
            self.echo_before, self.expected = np.zeros(self.block), np.zeros(self.block + 1)
        else:
            spectrum = np.fft.rfft(window)
            echo_spectrum = np.fft.rfft(np.concatenate([self.echo_before, echo]) * self.window)
            self._expect(np.abs(spectrum) ** 2, np.abs(echo_spectrum) ** 2)
            window = np.fft.irfft(spectrum * self._gains(np.abs(spectrum) ** 2))
            self.echo_before = echo
        self.before = pcm.astype(np.float64)
        out = self.tail + (window * self.window)[: self.block]
        self.tail = (window * self.window)[self.block :]
        return np.clip(out, -32_768, 32_767)

    def _expect(self, power: Samples, echo_power: Samples) -> None:
        for band in self.bands:
            cleaned, echo = float(power[band.bins].sum()), float(echo_power[band.bins].sum())
            band.learn(cleaned, echo)
            now = band.to_expect(cleaned, echo) * echo_power[band.bins]
            self.expected[band.bins] = np.maximum(now, RINGS * self.expected[band.bins])

    def _gains(self, power: Samples) -> Samples:
        """Wiener's, the voice's share followed by the decision-directed rule (Ephraim, Malah 1984)."""
        over = power / (self.expected + 1e-3)
        voice = np.maximum(over - 1, 0)
        share = PRIOR_KEEPS * np.minimum(self.prior, voice) + (1 - PRIOR_KEEPS) * voice
        share = np.where(voice > 4 * self.prior, voice, share)
        wiener = share / (1 + share)
        self.prior = wiener**2 * over
        return np.asarray(np.maximum(wiener, GAIN_LEAST))
