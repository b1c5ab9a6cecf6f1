"""The sound of one telephone: what its descriptions say, what it sends, and what it hears from whom."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.sim.deterministic import Agenda
from tests.sim.handset import Handset
from tests.sim.network import Address, Network

PTIME_MS = 20
CODECS = {0: "PCMU", 8: "PCMA"}
_HOST = re.compile(rb"^c=IN IP4 (\S+)", re.MULTILINE)
_AUDIO = re.compile(rb"^m=audio (\d+) RTP/AVP ([\d ]+)", re.MULTILINE)
MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}


class Packet(NamedTuple):
    at_s: float
    payload_type: int


class Media:
    """`here` is what it tells; `outside` where the network sees it, behind a NAT."""

    def __init__(
        self, agenda: Agenda, network: Network, here: Address, outside: Address | None, seed: int
    ) -> None:
        self.here, self.outside = here, outside or here
        self.heard: list[Packet] = []
        self.handset = Handset(seed)
        self.peer: Address | None = None
        self.codecs: tuple[int, ...] = (0, 8)
        self._agenda, self._network = agenda, network
        self._version, self._speaking = 0, False
        network.attach(self.outside, self._on_packet)

    # ---- descriptions

    def description(self, direction: str = "sendrecv", codecs: tuple[int, ...] | None = None) -> bytes:
        host, port = self.here
        codecs = codecs or self.codecs
        self._version += 1
        types = " ".join(str(each) for each in (*codecs, 101))
        lines = [
            "v=0",
            f"o=phone 1 {self._version} IN IP4 {host}",
            "s=-",
            f"c=IN IP4 {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {types}",
            *(f"a=rtpmap:{each} {CODECS[each]}/8000" for each in codecs),
            *(
                "a=rtpmap:101 telephone-event/8000",
                "a=fmtp:101 0-15",
                f"a=ptime:{PTIME_MS}",
                f"a={direction}",
            ),
        ]
        return ("\r\n".join(lines) + "\r\n").encode()

    def answer(self, offer: bytes) -> bytes:
        """To an offer of the server's; to none, an offer."""
        if not offer:
            return self.description()
        self.settle(offer)
        found = _AUDIO.search(offer)
        offered = [int(each) for each in found[2].split()] if found else []
        wanted = re.search(rb"^a=(sendonly|recvonly|inactive)", offer, re.MULTILINE)
        direction = wanted[1].decode() if wanted else "sendrecv"
        common = tuple(each for each in offered if each in self.codecs)[:1]
        return self.description(MIRRORED.get(direction, direction), common or self.codecs)

    def settle(self, description: bytes) -> None:
        """From now on it sends where the server says."""
        host, audio = _HOST.search(description), _AUDIO.search(description)
        if host and audio:
            self.peer = host[1].decode(), int(audio[1])

    # ---- sound

    def speak(self) -> None:
        """A packet every 20 ms until `stop`."""
        if not self._speaking:
            self._speaking = True
            self._frame()

    def stop(self) -> None:
        self._speaking = False

    def rebind(self, port: int) -> None:
        self._network.detach(self.outside)
        self.outside = self.outside[0], port
        self._network.attach(self.outside, self._on_packet)

    def heard_since(self, at_s: float) -> list[int]:
        """The payload types of what has come since then."""
        return [packet.payload_type for packet in self.heard if packet.at_s > at_s]

    def _frame(self) -> None:
        if not self._speaking:
            return
        packet = self.handset.packet()
        if packet is not None and self.peer is not None:
            self._network.send(packet, self.outside, self.peer)
        self._agenda.after(PTIME_MS, self._frame)

    def _on_packet(self, data: bytes, source: Address, to: Address) -> None:
        if len(data) >= 12 and not 192 <= data[1] <= 223:
            self.heard.append(Packet(self._agenda.clock.now(), data[1] & 0x7F))
