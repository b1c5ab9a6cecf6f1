"""The engine alone in a process of its own, as the server has it: streams that speak without a pause and are heard.

    python -m mediasrv.bench.instruments.engine_host --codec opus --plain --busy

A conversation in JSON lines, on stdin and stdout: first `{"remotes": [[host, port], ...]}`, answered by
`{"locals": [[host, port], ...], "bytes_per_stream": n}`; then each line, whatever it says, is answered by a snapshot
of the engine's statistics. The end of stdin ends it.
"""

from __future__ import annotations

import json
import math
import sys
import threading
from array import array
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import click
import trio

from mediasrv.bench.speech import SMALL_TALK
from mediasrv.media import Address, Arming, Cost, StreamFace, StreamSpec
from mediasrv.media.engine import Engine, EngineSettings
from mediasrv.media.statistics import EngineStatistics, stream_bytes
from mediasrv.providers.formant import speak

READ_MS = 100  # of heard audio at a time, as a recogniser's stream takes it
SWITCH_INTERVAL_S = 0.000_5  # as the server sets it
LINE_BYTES_MAX = 1_000_000
PAYLOAD_TYPES = {"PCMU": 0, "G722": 9, "opus": 96}
COMPLEXITY = 5  # of the Opus encoder
DEAF = Arming(on_onset="ignore")


def spin() -> None:
    """A Python thread that never rests: a stuck tool, a greedy template."""
    numbers = array("d", range(1, 1_000))
    while True:
        sum(math.sqrt(number) for number in numbers)


async def lines(stdin: trio.abc.ReceiveStream) -> AsyncGenerator[dict[str, Any], None]:
    waiting = b""
    async for chunk in stdin:
        waiting += chunk
        *whole, waiting = waiting.split(b"\n")
        for line in whole:
            yield json.loads(line)
        if len(waiting) > LINE_BYTES_MAX:
            raise ValueError("a line without an end")


def tell(answer: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def snapshot(statistics: EngineStatistics) -> dict[str, object]:
    return {**asdict(statistics), "policy": statistics.policy.name.lower()}


async def speak_on(stream: StreamFace, pcm: bytes) -> None:
    generation = stream.begin()
    while True:
        await stream.play(pcm, stream.rate_hz, generation, DEAF)


async def listen_on(stream: StreamFace) -> None:
    while True:
        await stream.read(READ_MS)


def spec(codec: str, remote: Address | None, *, plain: bool) -> StreamSpec:
    on = not plain
    return StreamSpec(
        codec,
        PAYLOAD_TYPES[codec],
        remote=remote,
        aec=on,
        ns=on,
        vad=on,
        opus_complexity=COMPLEXITY,
        high_pass=on,
    )


async def host(codec: str, *, plain: bool) -> None:
    pcm = speak(SMALL_TALK, spec(codec, None, plain=plain).rate_hz, "mid").pcm
    async with (
        aclosing(lines(trio.lowlevel.FdStream(0))) as told,
        Engine(EngineSettings(capacity=1_024, millicores=1e9)) as engine,
        trio.open_nursery() as nursery,
    ):
        async for line in told:
            if "remotes" not in line:
                tell(snapshot(engine.statistics()))
                continue
            streams = []
            for group, (name, port) in enumerate(line["remotes"]):
                reservation = engine.reserve(Cost())
                streams.append(await engine.add(reservation, spec(codec, (name, port), plain=plain), group))
                nursery.start_soon(speak_on, streams[-1], pcm)
                nursery.start_soon(listen_on, streams[-1])
            memory = stream_bytes(spec(codec, None, plain=plain))
            tell({"locals": [stream.local for stream in streams], "bytes_per_stream": memory})
        nursery.cancel_scope.cancel()


@click.command()
@click.option("--codec", default="PCMU", type=click.Choice(list(PAYLOAD_TYPES)))
@click.option("--plain", is_flag=True, help="Without echo canceller, noise suppressor and speech gate.")
@click.option("--busy", is_flag=True, help="With a Python thread beside it that never rests.")
def main(*, codec: str, plain: bool, busy: bool) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if busy:
        threading.Thread(target=spin, daemon=True).start()
    trio.run(lambda: host(codec, plain=plain))


if __name__ == "__main__":
    main()
