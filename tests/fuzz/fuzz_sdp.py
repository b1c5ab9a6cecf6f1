"""Throws damaged descriptions at the parser and at offer/answer: `fuzz_sdp.py --seconds N --seed S`.

Fails on anything but MalformedDescription and NotAcceptable, on a description that does not survive being printed,
and on an answer with more or fewer media than its offer.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress

from mediasrv.sdp import (
    SUITES,
    Crypto,
    Fingerprint,
    LocalMedia,
    LocalSecurity,
    MalformedDescription,
    NotAcceptable,
    accept,
    answer,
    offer,
    parse,
)
from tests.fuzz.mutations import Mutator

PLAIN = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
RICH = (
    b"v=0\r\no=bob 2890844526 2890844527 IN IP6 2001:db8::1\r\ns=x\r\ni=y\r\nc=IN IP6 2001:db8::1\r\nb=AS:64\r\n"
    b"t=0 0\r\na=inactive\r\nm=video 6000/2 RTP/AVP 99\r\nm=audio 0 RTP/SAVP 8\r\na=crypto:1 X inline:y\r\n"
    b"m=audio 5006 RTP/AVP 96 8\r\nc=IN IP4 0.0.0.0\r\na=rtcp:6000 IN IP4 192.0.2.9\r\na=rtpmap:96 PCMA/8000/1\r\n"
)
SECURE = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=setup:actpass\r\n"
    b"m=audio 5004 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==|2^31\r\n"
    b"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 KDR=1\r\n"
    b"a=fingerprint:sha-256 " + b":".join([b"4F"] * 32) + b"\r\n"
)
SPICES = (
    b"|", b"a=crypto:1 ", b"inline:", b"a=setup:", b"RTP/SAVP", b"UDP/TLS/",
    b"\r\n", b"\n", b"\x00", b"\xff", b"=", b"a=", b"m=audio 1 RTP/AVP 0\r\n", b"c=IN IP4 ", b"c=IN IP6 ::\r\n", b"/",
    b" ", b":", b"4294967296", b"-1", b"65536", b"a=rtpmap:0 ", b"a=ptime:", b"a=rtcp:", b"a=sendonly\r\n",
    "١".encode(),
)  # fmt: skip
OURS = LocalMedia(("192.0.2.2", 40_000))
OURS_6 = LocalMedia(("2001:db8::2", 40_000), codecs=("PCMA",), direction="recvonly")
SECURITY = LocalSecurity(
    "offered",
    tuple(Crypto(tag, suite, bytes(octets)) for tag, (suite, octets) in enumerate(SUITES.items())),
    Fingerprint("sha-256", bytes(32)),
)
OURS_SECURE = LocalMedia(("192.0.2.2", 40_000), security=SECURITY)


def check(data: bytes) -> None:
    try:
        description = parse(data)
    except MalformedDescription:
        return
    assert parse(description.build()) == description
    for local in (OURS, OURS_6, OURS_SECURE):
        with suppress(NotAcceptable):
            agreed = answer(description, local)
            assert len(agreed.description.media) == len(description.media)
            assert parse(agreed.description.build()) == agreed.description
            assert 0 <= agreed.payload_type <= 127
            assert agreed.remote is None or 0 < agreed.remote[1] <= 65_535
        with suppress(NotAcceptable):
            accept(offer(local), description)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    mutator = Mutator(options.seed, SPICES)
    end = time.monotonic() + options.seconds
    tried = 0
    while True:
        data = mutator.mutate(mutator.random.choice((PLAIN, RICH, SECURE)))
        try:
            check(data)
        except Exception:
            print(f"fuzz_sdp: seed {options.seed}, description {tried}: {data!r}", file=sys.stderr)
            raise
        tried += 1
        if time.monotonic() >= end:
            break
    print(f"fuzz_sdp: {tried} descriptions from seed {options.seed}: clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
