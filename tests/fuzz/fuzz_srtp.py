"""Throws damaged SRTP and SRTCP at a protected stream: `fuzz_srtp.py --seconds N --seed S`.

A caller with the right keys is disturbed by damaged and repeated copies of what he sends, by strangers with other keys
and by changes of key. Fails on any exception, when anything but the caller's own packets is believed, and when
one of those, undamaged and new, is not.
"""

from __future__ import annotations

import sys

from mediasrv_native.core import Core
from mediasrv_native.rtp import RtcpReporter, Srtp
from mediasrv_native.settings import RTCP_MUX
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import Mutator
from tests.native.line import CALLER, FRAME, FRAME_NS, STRANGER
from tests.reference.rtp import RtpPacket
from tests.reference.srtp import PROFILES

OURS, THEIRS = 0x1234, 0x5EED
SPICES = (b"\x80", b"\x90", b"\x8f", b"\xff" * 8, b"\x00" * 4, b"\x80\xc8", b"\x80\x00\x00\x01", bytes(1_500))
TICKS_A_RUN = 400

Keys = tuple[int, bytes, bytes]


class Run:
    def __init__(self, seed: int) -> None:
        self.mutator = Mutator(seed, SPICES)
        self.chance = self.mutator.random
        keys = self.some_keys()
        self.core = Core(
            seed=seed, ssrc=OURS, srtp=keys, rtcp=RTCP_MUX, remote=CALLER, ears_ms=200, reorder_ms=0
        )
        self.caller, self.stranger = self.ends(keys), self.ends(self.some_keys())
        self.reporter = RtcpReporter(THEIRS, seed=seed)
        self.honest = 0
        self.sent: list[bytes] = []

    def some_keys(self) -> Keys:
        profile = self.chance.choice(PROFILES)
        return profile.number, self.chance.randbytes(profile.keying), self.chance.randbytes(profile.keying)

    @staticmethod
    def ends(keys: Keys) -> Srtp:
        profile, send, receive = keys
        return Srtp(profile, receive, send, THEIRS)

    def believed(self) -> int:
        """Packets that got past SRTP, whatever became of them then."""
        counted = self.core.statistics()
        refused = ("srtp_forged", "srtp_replayed", "malformed", "oversize")
        return int(counted["packets_received"] - sum(counted[name] for name in refused))

    def disturb(self, k: int, now_ns: int) -> None:
        before = self.believed()
        strange = self.stranger.protect(RtpPacket(bytes(FRAME), k % 65_536, 0, THEIRS).encode())
        for data in (strange, *self.chance.sample(self.sent, min(3, len(self.sent)))):
            damaged = self.mutator.mutate(data)
            self.core.receive(damaged, self.chance.choice((CALLER, STRANGER)), now_ns)
            self.core.receive(data, STRANGER, now_ns)
        assert self.believed() == before, "something was believed that the caller did not just send"

    def step(self, k: int) -> None:
        now_ns = (k + 1) * FRAME_NS
        before = self.believed()
        packet = self.caller.protect(RtpPacket(bytes(FRAME), k % 65_536, k * FRAME, THEIRS).encode())
        self.sent.append(packet)
        self.core.receive(packet, CALLER, now_ns)
        if k % 7 == 0:
            said = self.reporter.write(now_ns, timestamp=0, packets=1, octets=1, talks=True)
            self.sent.append(self.caller.protect_rtcp(said))
            self.core.receive(self.sent[-1], CALLER, now_ns)
        assert self.believed() == before + 1 + (k % 7 == 0), "an honest packet was refused"
        self.disturb(k, now_ns)
        for channel, _, data in self.core.tick_channels(now_ns):
            plain = self.caller.unprotect_rtcp(data) if channel == 1 else self.caller.unprotect(data)
            assert isinstance(plain, bytes)
        if self.chance.random() < 0.02:
            keys = self.some_keys()
            self.core.set_keys(keys, now_ns)
            self.caller = self.ends(keys)


def run(seed: int) -> None:
    one = Run(seed)
    first = one.chance.choice((0, 65_300))
    for k in range(first, first + TICKS_A_RUN):
        one.step(k)


if __name__ == "__main__":
    sys.exit(campaign("fuzz_srtp", run, f"{TICKS_A_RUN} ticks", __doc__))
