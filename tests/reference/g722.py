"""G.722 at 64 kbit/s from the recommendation, block by block, under its names.

Arithmetic is that of clause 6.1: 16-bit words, `add` and `sub` saturate, `mult` keeps the upper half of a doubled
product. One sample of each band at a time, nothing shared with the code under test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

QMF = (3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11)
Q6 = (
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
)  # fmt: skip
QM2 = (-7408, -1616, 7408, 1616)
QM4 = (0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0)
QM6 = (
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
    -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
    24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
)  # fmt: skip
WL = (-60, -30, 58, 172, 334, 538, 1198, 3042)
RL42 = (0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0)
WH = (0, -214, 798)
RH2 = (2, 1, 2, 1)
ILB = (
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
)  # fmt: skip


def saturate(value: int, bits: int = 16) -> int:
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


def add(a: int, b: int) -> int:
    return saturate(a + b)


def sub(a: int, b: int) -> int:
    return saturate(a - b)


def mult(a: int, b: int) -> int:
    return saturate(a * b >> 15)


def sign(value: int) -> int:
    return -1 if value < 0 else 0


@dataclass(slots=True)
class Band:
    """The feedback loop of one band (figures 6 and 9): index 0 is now, 1 a sample ago, 2 two."""

    det: int
    nb: int = 0
    s: int = 0
    sz: int = 0
    a: list[int] = field(default_factory=lambda: [0, 0, 0])
    b: list[int] = field(default_factory=lambda: [0] * 7)
    d: list[int] = field(default_factory=lambda: [0] * 7)
    p: list[int] = field(default_factory=lambda: [0, 0, 0])
    r: list[int] = field(default_factory=lambda: [0, 0, 0])

    def adapt(self, difference: int) -> None:
        self.d[0] = difference
        self.r[0] = add(self.s, difference)  # RECONS
        self.p[0] = add(self.sz, difference)  # PARREC
        second = self.uppol2()
        first = self.uppol1(second)
        self.b = [0, *(self.upzero(i) for i in range(1, 7))]
        self.a = [0, first, second]
        self.d, self.p, self.r = [0, *self.d[:6]], [0, *self.p[:2]], [0, *self.r[:2]]  # DELAYA
        self.sz = self.filtez()
        self.s = add(self.filtep(), self.sz)  # PREDIC

    def uppol2(self) -> int:
        steep = saturate(self.a[1] << 2)
        if sign(self.p[0]) == sign(self.p[1]):
            steep = sub(0, steep)
        leak = 128 if sign(self.p[0]) == sign(self.p[2]) else -128
        second = add(add(steep >> 7, leak), mult(self.a[2], 32512))
        return max(-12288, min(12288, second))

    def uppol1(self, second: int) -> int:
        step = 192 if sign(self.p[0]) == sign(self.p[1]) else -192
        first = add(step, mult(self.a[1], 32640))
        most = sub(15360, second)
        return max(-most, min(most, first))

    def upzero(self, i: int) -> int:
        gain = 0 if self.d[0] == 0 else 128
        step = gain if sign(self.d[i]) == sign(self.d[0]) else -gain
        return add(step, mult(self.b[i], 32640))

    def filtez(self) -> int:
        total = 0
        for i in range(6, 0, -1):
            total = add(total, mult(self.b[i], add(self.d[i], self.d[i])))
        return total

    def filtep(self) -> int:
        return add(mult(self.a[1], add(self.r[1], self.r[1])), mult(self.a[2], add(self.r[2], self.r[2])))

    def scale(self, growth: int, most: int, exponent: int) -> None:
        self.nb = max(0, min(most, add(mult(self.nb, 32512), growth)))  # LOGSCL, LOGSCH
        shift = exponent - (self.nb >> 11)  # SCALEL, SCALEH
        antilog = ILB[self.nb >> 6 & 31]
        self.det = (antilog >> shift if shift >= 0 else antilog << -shift) << 2


def quantl(error: int, det: int) -> int:
    magnitude = error if error >= 0 else 32767 - (error & 32767)
    mil = next((m for m in range(1, 30) if magnitude < mult(Q6[m] << 3, det)), 30)
    if error >= 0:
        return 62 - mil
    return (63, 62)[mil - 1] if mil <= 2 else 34 - mil


def quanth(error: int, det: int) -> int:
    magnitude = error if error >= 0 else 32767 - (error & 32767)
    outer = magnitude >= mult(564 << 3, det)
    return {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[error < 0, outer]


class Bands:
    def __init__(self) -> None:
        self.low, self.high = Band(det=32), Band(det=8)
        self.taps = [0] * 24

    def follow(self, low_bits: int, high_bits: int) -> None:
        four = low_bits >> 2
        low_difference = mult(self.low.det, QM4[four])
        self.low.scale(WL[RL42[four]], 18432, 8)
        self.low.adapt(low_difference)
        high_difference = mult(self.high.det, QM2[high_bits])
        self.high.scale(WH[RH2[high_bits]], 22528, 10)
        self.high.adapt(high_difference)

    def filtered(self, first: int, second: int) -> tuple[int, int]:
        """Both halves of the 24-tap mirror filter after two more inputs."""
        self.taps = [*self.taps[2:], first, second]
        return (
            sum(tap * h for tap, h in zip(self.taps[1::2], reversed(QMF), strict=True)),
            sum(tap * h for tap, h in zip(self.taps[::2], QMF, strict=True)),
        )


class Encoder(Bands):
    def encode(self, pcm: Sequence[int]) -> bytes:
        return bytes(self.octet(pcm[i], pcm[i + 1]) for i in range(0, len(pcm), 2))

    def octet(self, first: int, second: int) -> int:
        a, b = self.filtered(first, second)
        low_bits = quantl(sub(saturate(a + b >> 14, 15), self.low.s), self.low.det)
        high_bits = quanth(sub(saturate(a - b >> 14, 15), self.high.s), self.high.det)
        self.follow(low_bits, high_bits)
        return high_bits << 6 | low_bits


class Decoder(Bands):
    def decode(self, octets: bytes) -> list[int]:
        return [sample for octet in octets for sample in self.pair(octet)]

    def pair(self, octet: int) -> tuple[int, int]:
        low_bits, high_bits = octet & 63, octet >> 6
        low = saturate(add(self.low.s, mult(self.low.det, QM6[low_bits])), 15)
        high = saturate(add(self.high.s, mult(self.high.det, QM2[high_bits])), 15)
        self.follow(low_bits, high_bits)
        first, second = self.filtered(low + high, low - high)
        return saturate(first >> 11), saturate(second >> 11)
