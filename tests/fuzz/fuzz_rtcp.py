"""Throws damaged RTCP at parser, reporter and core: `fuzz_rtcp.py --seconds N --seed S`.

Compounds as other implementations write them are damaged and given to a stream that talks meanwhile. Fails on any
exception, on a round trip or a rating outside its range, and when an honest report is not believed afterwards.
"""

from __future__ import annotations

import random
import struct
import sys

from mediasrv_native import rtp
from mediasrv_native.core import Core
from mediasrv_native.rtp import RtcpReporter
from mediasrv_native.settings import RTCP_MUX, RTCP_PORT
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator
from tests.native.line import CALLER, FRAME, FRAME_NS, STRANGER
from tests.reference.rtp import RtpPacket

OURS, THEIRS = 0x1234, 0x5EED
SPICES = (
    b"\x81\xc8\x00\x06",
    b"\x80\xca\x00\x00",
    b"\xa0",
    b"\x00" * 4,
    b"\xff\xff",
    b"\x81\xcb\x00\x01",
    b"\xcf",
)
TICKS_A_RUN = 600


def compound(chance: random.Random) -> bytes:
    block = struct.pack(">IIIIII", chance.choice((OURS, 7)), *(chance.getrandbits(32) for _ in range(5)))
    report = struct.pack(">BBHIQIII", 0x81, 200, 12, THEIRS, chance.getrandbits(64), 1, 2, 3) + block
    name = struct.pack(">BBHI", 0x81, 202, 4, THEIRS) + b"\x01\x09user@host\0"
    extended = struct.pack(">BBHI", 0x80, 207, 3, THEIRS) + bytes(8)
    goodbye = struct.pack(">BBHI", 0x81, 203, 1, THEIRS)
    parts = [report, name, extended, goodbye]
    return b"".join(parts[: chance.randrange(1, 5)])


def check(core: Core) -> None:
    counted = core.statistics()
    assert 0 <= counted["rtt_us"] <= 10_000_000
    assert 0 <= counted["remote_loss"] < 1
    assert counted["mos_listening"] == 0 or 1 <= counted["mos_listening"] <= 4.5


def run(seed: int) -> None:
    mutator = Mutator(seed, SPICES)
    chance = mutator.random
    core = Core(seed=seed, ssrc=OURS, rtcp=chance.choice((RTCP_MUX, RTCP_PORT)), remote=CALLER, ears_ms=200)
    for k in range(TICKS_A_RUN):
        now_ns = (k + 1) * FRAME_NS
        core.receive(RtpPacket(bytes(FRAME), k, k * FRAME, THEIRS).encode(), CALLER, now_ns)
        for _ in range(chance.choice((0, 1, 4))):
            damaged = mutator.mutate(compound(chance))
            rtp.parse_rtcp(damaged, OURS)
            core.receive(damaged, chance.choice((CALLER, CALLER, STRANGER)), now_ns)
        for channel, _, data in core.tick_channels(now_ns):
            assert channel == 0 or rtp.parse_rtcp(data, THEIRS) is not None
        check(core)
    before = core.statistics()["reports_received"]
    honest = RtcpReporter(THEIRS).write(0, timestamp=0, packets=0, octets=0, talks=False)
    core.receive(honest, CALLER, TICKS_A_RUN * FRAME_NS)
    assert core.statistics()["reports_received"] == before + 1


if __name__ == "__main__":
    sys.exit(campaign("fuzz_rtcp", run, f"{TICKS_A_RUN} ticks", __doc__))
