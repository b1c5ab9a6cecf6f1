"""A caller in real time: a score of what it says, presses and does, sent a packet every 20 ms."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mediasrv.bench.speech import labelled
from tests.interop.test_serve import SDP, Telephone

FRAME = 160
SILENCE = b"\xff" * FRAME
KEYS = "0123456789*#ABCD"
KEY_TYPE = 101
ASKED_AGAIN_S = 0.5
OFFER = SDP.replace("RTP/AVP 0", "RTP/AVP 0 101").replace(
    "PCMU/8000\r\n", "PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


@dataclass(slots=True)
class Score:
    """What happens at which packet of the call."""

    packets: int
    loss: float = 0.0
    sounds: dict[int, bytes] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    deeds: dict[int, Callable[[Caller], None]] = field(default_factory=dict)

    def say(self, at_s: float, text: str) -> Score:
        payload = labelled(text).payload
        for number in range(len(payload) // FRAME):
            self.sounds[round(at_s * 50) + number] = payload[number * FRAME : (number + 1) * FRAME]
        return self

    def press(self, at_s: float, key: str) -> Score:
        self.keys[round(at_s * 50)] = key
        return self

    def do(self, at_s: float, deed: Callable[[Caller], None]) -> Score:
        self.deeds[round(at_s * 50)] = deed
        return self


class Caller(Telephone):
    def play(self, score: Score, seed: int) -> None:
        """The whole call, from the INVITE to the BYE; `seed`: which packets are lost."""
        chance = random.Random(seed)
        self.cseq = 0
        self.tag = self._dial()
        began, pressed = time.monotonic(), (0, "")
        for number in range(score.packets):
            if number in score.deeds:
                score.deeds[number](self)
            if number in score.keys:
                pressed = number, score.keys[number]
            if chance.random() >= score.loss:
                self._send(number, score.sounds.get(number, SILENCE), pressed)
            time.sleep(max(0.0, began + (number + 1) * 0.02 - time.monotonic()))
        self._request("BYE")  # to one who has hung up before: a 481
        self.wait_for("SIP/2.0 ")

    def change(self, direction: str) -> None:
        """By re-INVITE; the 200 is acknowledged unread."""
        port = self.rtp.getsockname()[1]
        offer = OFFER.format(port=port).replace("o=- 1 1", f"o=- 1 {self.cseq + 1}")
        self._request("INVITE", f"{offer}a={direction}\r\n")
        self.wait_for("SIP/2.0 200")
        self.request("ACK", self.cseq, self.tag)

    def _dial(self) -> str:
        """A server that is late for the moment says so (503), and is asked again."""
        while True:
            self.cseq += 1
            self.request("INVITE", self.cseq, body=OFFER.format(port=self.rtp.getsockname()[1]))
            answer = self.wait_for("SIP/2.0 ")
            while answer.startswith("SIP/2.0 1"):
                answer = self.wait_for("SIP/2.0 ")
            tag = next(line for line in answer.split("\r\n") if line.startswith("To:")).partition("tag=")[2]
            self.request("ACK", self.cseq, tag)
            if answer.startswith("SIP/2.0 200"):
                break
            time.sleep(ASKED_AGAIN_S)
        self.media = ("127.0.0.1", int(answer.partition("m=audio ")[2].split()[0]))
        return tag

    def _request(self, method: str, body: str = "") -> None:
        self.cseq += 1
        self.request(method, self.cseq, self.tag, body)

    def _send(self, number: int, payload: bytes, pressed: tuple[int, str]) -> None:
        since, key = pressed
        kind, begun = 0, number
        if key and number - since < 8:
            ends = 0x80 if number - since >= 5 else 0
            lasted = min(number - since + 1, 5) * FRAME
            payload, kind, begun = struct.pack("!BBH", KEYS.index(key), ends | 10, lasted), KEY_TYPE, since
        header = struct.pack("!BBHII", 0x80, kind, number + 1, begun * FRAME, 0x1234)
        self.rtp.sendto(header + payload, self.media)
