"""A bad network between two programs that speak UDP, on loopback: a relay that lets through what the emulator does.

    python -m tools.netem --listen 127.0.0.1:7000 --to 127.0.0.1:5004 --profile mobile --seed 1

Whoever sends to the listening address is passed on to the other, and what comes back goes to who spoke last. Each way
has dice of its own. For whole calls, whose sound goes where SDP says, there is `tools/impaired_line.py`. Ends with ^C,
and says what became of the packets.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import click
import trio

from mediasrv.bench.netem import PROFILES, Link, Profile
from tools.impaired_line import Address, Way, pass_on, take


@dataclass(frozen=True, slots=True)
class Relay:
    at: Address
    up: Way  # to the server
    down: Way


@asynccontextmanager
async def relaying(listen: Address, to: Address, profile: Profile, seed: int) -> AsyncIterator[Relay]:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as front:
        with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as back:
            await front.bind(listen)
            await back.bind((listen[0], 0))
            down = Way(back, front, Link(profile, 2 * seed + 1))
            up = Way(front, back, Link(profile, 2 * seed), to=to, answered_by=down)
            async with trio.open_nursery() as nursery:
                for way in (up, down):
                    nursery.start_soon(take, way)
                    nursery.start_soon(pass_on, way)
                yield Relay(front.getsockname(), up, down)
                nursery.cancel_scope.cancel()


class UdpAddress(click.ParamType):
    name = "host:port"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        host, colon, port = str(value).rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65_535:
            self.fail(f"{value} is not HOST:PORT", param, ctx)
        return host, int(port)


async def relay_until_told(listen: Address, to: Address, profile: Profile, seed: int) -> None:
    async with relaying(listen, to, profile, seed) as relay:
        click.echo(f"listening on {relay.at[0]}:{relay.at[1]}, {profile.name} to {to[0]}:{to[1]}")
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as told:
            await anext(told)
        for name, way in (("up", relay.up), ("down", relay.down)):
            counted = ", ".join(f"{what} {number}" for what, number in asdict(way.link.statistics).items())
            click.echo(f"{name}: {counted}")


@click.command()
@click.option("--listen", type=UdpAddress(), default="127.0.0.1:0", show_default=True)
@click.option("--to", type=UdpAddress(), required=True)
@click.option("--profile", type=click.Choice(list(PROFILES)), default="mobile", show_default=True)
@click.option("--seed", default=1, show_default=True)
def netem(*, listen: Address, to: Address, profile: str, seed: int) -> None:
    """A relay with the faults of a network."""
    trio.run(relay_until_told, listen, to, PROFILES[profile], seed)


if __name__ == "__main__":
    netem()
