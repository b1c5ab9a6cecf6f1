"""The E-model as ITU-T G.107 prints it: every parameter, every intermediate value, nothing folded together.

Defaults are those of table 3 of the Recommendation; with them it promises R = 93.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log10, sqrt


@dataclass(frozen=True, slots=True)
class Connection:
    slr_db: float = 8  # send loudness rating
    rlr_db: float = 2  # receive loudness rating
    stmr_db: float = 15  # sidetone masking rating
    d_receive: float = 3  # D-value of the telephone, receive side
    d_send: float = 3
    telr_db: float = 65  # talker echo loudness rating
    wepl_db: float = 110  # weighted echo path loss
    delay_ms: float = 0  # T: one way; Ta is the same, Tr twice that
    qdu: float = 1  # quantization distortion units
    ie: float = 0
    bpl: float = 4.3
    loss_percent: float = 0
    burst_ratio: float = 1
    nc_dbm0p: float = -70  # circuit noise
    nfor_dbmp: float = -64  # noise floor at the receive side
    ps_dba: float = 35  # room noise, send side
    pr_dba: float = 35
    advantage: float = 0


def noise(c: Connection) -> float:
    """7.2: the power sum of four noises, referred to the 0 dBr point."""
    olr = c.slr_db + c.rlr_db
    nos = c.ps_dba - c.slr_db - c.d_send - 100 + 0.004 * (c.ps_dba - olr - c.d_send - 14) ** 2
    pre = c.pr_dba + 10 * log10(1 + 10 ** ((10 - c.stmr_db - c.d_receive) / 10))  # LSTR = STMR + Dr
    nor = c.rlr_db - 121 + pre + 0.008 * (pre - 35) ** 2
    nfo = c.nfor_dbmp + c.rlr_db
    return 10 * log10(sum(10 ** (n / 10) for n in (c.nc_dbm0p, nos, nor, nfo)))


def basic_ratio(c: Connection) -> float:
    return 15 - 1.5 * (c.slr_db + noise(c))


def simultaneous(c: Connection) -> float:
    """7.3: too loud, poor sidetone, quantizing distortion."""
    olr = c.slr_db + c.rlr_db
    xolr = olr + 0.2 * (64 + noise(c) - c.rlr_db)
    iolr = 20 * ((1 + (xolr / 8) ** 8) ** (1 / 8) - xolr / 8)
    stmro = -10 * log10(10 ** (-c.stmr_db / 10) + exp(-c.delay_ms / 4) * 10 ** (-c.telr_db / 10))
    ist = (
        12 * (1 + ((stmro - 13) / 6) ** 8) ** (1 / 8)
        - 28 * (1 + ((stmro + 1) / 19.4) ** 35) ** (1 / 35)
        - 13 * (1 + ((stmro - 3) / 33) ** 13) ** (1 / 13)
        + 29
    )
    q = 37 - 15 * log10(c.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (basic_ratio(c) - 100) / 15 + 46 / 8.4 - g / 9
    z = 46 / 30 - g / 40
    return iolr + ist + 15 * log10(1 + 10**y + 10**z)


def delay(c: Connection) -> float:
    """7.4: talker echo, listener echo, and more delay than a conversation bears."""
    t = c.delay_ms
    roe = -1.5 * (noise(c) - c.rlr_db)
    terv = c.telr_db - 40 * log10((1 + t / 10) / (1 + t / 150)) + 6 * exp(-0.3 * t**2)
    re = 80 + 2.5 * (terv - 14)
    idte = ((roe - re) / 2 + sqrt((roe - re) ** 2 / 4 + 100) - 1) * (1 - exp(-t))
    rle = 10.5 * (c.wepl_db + 7) * (2 * t + 1) ** -0.25
    idle = (basic_ratio(c) - rle) / 2 + sqrt((basic_ratio(c) - rle) ** 2 / 4 + 169)
    idd = 0.0
    if t > 100:
        x = log10(t / 100) / log10(2)
        idd = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return idte + idle + idd


def equipment(c: Connection) -> float:
    """7.5: codec and loss."""
    return c.ie + (95 - c.ie) * c.loss_percent / (c.loss_percent / c.burst_ratio + c.bpl)


def rating(c: Connection) -> float:
    return basic_ratio(c) - simultaneous(c) - delay(c) - equipment(c) + c.advantage


def mos(r: float) -> float:
    """Annex B."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
