"""A recogniser on the wire that dies and is reached again; what was said meanwhile is sent again, and nothing is lost.

The server hears by length alone: the caller's sentences are of different lengths, and one of which a part is missing is
none of them. So a transcript is right when every sample of the sentence has come, once, in one connection.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from mediasrv.audio import EARS_RATE_HZ
from mediasrv.config import ProviderSettings, Secret
from mediasrv.providers import formant
from tests.fakes.providers import WebSocketServer
from tests.sim import expectations as expect
from tests.sim.agents import agent_script
from tests.sim.faults import expected
from tests.sim.faults.book import enter
from tests.sim.faults.models import AGAIN, QUESTION, ask_twice
from tests.sim.faults.stage import all_of, told
from tests.sim.faults.wiring import Wires

FRAME = EARS_RATE_HZ // 50
LOUD = 500
NEAR_MS = 90.0  # the gate, the suppressor and the frames round a length by less
GARBLED = "(garbled)"


def loud_frames(pcm: bytes) -> list[bool]:
    samples = array("h", pcm)
    return [
        max(map(abs, samples[at : at + FRAME])) > LOUD for at in range(0, len(samples) - FRAME + 1, FRAME)
    ]


def length_ms(pcm: bytes) -> float:
    """From the first loud frame to the last."""
    loud = [k for k, is_loud in enumerate(loud_frames(pcm)) if is_loud]
    return 20.0 * (loud[-1] - loud[0] + 1) if loud else 0.0


def sentences(*texts: str) -> dict[str, float]:
    return {text: length_ms(formant.speak(text, EARS_RATE_HZ, "high").pcm) for text in texts}


@dataclass
class LengthHearing:
    """Speaks Deepgram's protocol: a final result when it is told to finalise."""

    known: dict[str, float]
    acts: Mapping[int, Callable[[Any], Awaitable[None]]]  # by connection, from 1
    after_ms: float  # of loud sound
    connections: int = 0

    def server(self) -> WebSocketServer:
        return WebSocketServer(self.converse)

    async def converse(self, connection: Any) -> None:
        self.connections += 1
        act = self.acts.get(self.connections)
        pcm, begun, loud_ms = b"", 0, 0.0
        while True:
            message = await connection.get_message()
            if isinstance(message, bytes):
                pcm += message
                loud_ms += 20.0 * sum(loud_frames(message))
                if act is not None and loud_ms >= self.after_ms:
                    await act(connection)
            elif json.loads(message)["type"] == "Finalize":
                await self._tell(connection, pcm[begun:], begun / 32_000, len(pcm) / 32_000)
                begun = len(pcm)

    async def _tell(self, connection: Any, pcm: bytes, start_s: float, end_s: float) -> None:
        heard_ms = length_ms(pcm)
        text = next((text for text, ms in self.known.items() if abs(ms - heard_ms) < NEAR_MS), GARBLED)
        text = text if heard_ms > 100 else ""
        words = [{"word": w, "start": start_s, "end": end_s, "confidence": 0.9} for w in text.split()]
        result = {
            "type": "Results", "channel_index": [0, 1], "start": start_s, "duration": end_s - start_s,
            "is_final": True, "speech_final": True, "from_finalize": True,
            "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": words}]},
        }  # fmt: skip
        await connection.send_message(json.dumps(result))


async def closes(connection: Any) -> None:
    await connection.aclose(1011, "internal error")


async def stalls(connection: Any) -> None:
    await trio.sleep_forever()


async def sends_rubbish(connection: Any) -> None:
    await connection.send_message("{not json")


EARS, SPARE_EARS = "ears.example", "spare-ears.example"
SETTINGS = {
    "ears": ProviderSettings("deepgram", Secret("k"), base_url=f"https://{EARS}"),
    "spare_ears": ProviderSettings("deepgram", Secret("k"), base_url=f"https://{SPARE_EARS}"),
}


def hearing(acts: Mapping[int, Callable[[Any], Awaitable[None]]], after_ms: float) -> Callable[[], Any]:
    return lambda: LengthHearing(sentences(QUESTION, AGAIN), dict(acts), after_ms).server().serve


for how, act in {"is_cut_off": closes, "stalls": stalls, "sends_rubbish": sends_rubbish}.items():
    for where, after_ms in {"in_mid_utterance": 300.0, "at_the_first_sound": 20.0}.items():
        for mate, names in {
            "and_is_reached_again": ["ears"],
            "and_another_hears": ["ears", "spare_ears"],
        }.items():
            ever = {1: act} if len(names) == 1 else dict.fromkeys(range(1, 20), act)
            wires = Wires(
                agent_script(), {EARS: hearing(ever, after_ms), SPARE_EARS: hearing({}, 0.0)},
                providers=SETTINGS, ears=names,
            )  # fmt: skip
            enter(
                f"a_recogniser_on_the_wire_{how}_{where}_{mate}", all_of(wires, told(ask_twice)),
                expect.ending("local"), expected.answered_after_all, expected.asked(QUESTION, AGAIN),
            )  # fmt: skip
