"""Many calls at once, each with sound that it can tell from all others, on a server of its own or one that runs.

    python -m tools.load --calls 200 --seconds 300
    python -m tools.load 192.0.2.1:5060 --number 100 --calls 50     # whoever answers there must give back what it hears

Exit status 0 when every call was taken, heard itself and nobody else, and was never away for more than 60 ms.
"""

from __future__ import annotations

import os
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import trio

from mediasrv.bench.instruments.process_meter import measure
from mediasrv.bench.instruments.server_process import serving
from mediasrv.bench.report import show
from mediasrv.clock import SystemClock
from mediasrv.endpoints import SipEndpoint, open_datagram_socket
from mediasrv.endpoints.streams import Streams, TcpDialler, TcpTransport, TlsTransport
from mediasrv.ids import SystemTokens
from mediasrv.legs.security import MediaSecurity
from mediasrv.media.engine import Engine, EngineSettings
from mediasrv.media.ports import PortRange
from mediasrv.sdp import CODECS
from mediasrv.sip import Account, Address, Hop, Limits, UserAgent
from tools.load.crowd import Behaviour, Crowd, Plan
from tools.load.line import Dialled
from tools.load.report import report
from tools.load.watermark import CALLS_MAX

PORTS = PortRange(40_000, 49_999)
# An agent speaks ahead of its time, as far as its voice is ready. Ours has this in hand, so that the line is judged and
# not how punctual Python is; and it takes 5 turns of the loop a call-second, not 50.
ECHO_DELAY_MS = 800
SETTINGS = f"""
[agents]
default = "echo"
echo_delay_ms = {ECHO_DELAY_MS}
numbers = {{}}
[media]
capacity = {CALLS_MAX}
"""


@asynccontextmanager
async def generator(host: str, calls: int) -> AsyncIterator[tuple[SipEndpoint, Engine]]:
    """Our own user agent and engine: the server's parts, in another process."""
    socket = await open_datagram_socket((host, 0))
    settings = EngineSettings(
        capacity=calls, millicores=2.0 * calls, host=host, ports=PORTS, threads=1, cpus=(), vad_weights="off"
    )
    agent = UserAgent(socket.local, SystemTokens(), software="mediasrv-load")
    endpoint = SipEndpoint(socket, agent, SystemClock(), streams=_streams(host))
    async with Engine(settings) as engine, trio.open_nursery() as nursery:
        await nursery.start(endpoint.run)
        yield endpoint, engine
        nursery.cancel_scope.cancel()
    socket.close()


def _streams(host: str) -> Streams:
    """TCP and TLS, dialled only; whose certificate it is does not matter to a load."""
    dialler, limits = TcpDialler(host), Limits()
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    tls = TlsTransport(dialler, limits, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), trusting)
    return Streams(((TcpTransport(dialler, limits), None), (tls, None)))


async def load(dialled: Dialled, plan: Plan, server_pid: int | None) -> dict[str, object]:
    async with generator("127.0.0.1", plan.calls) as (endpoint, engine):
        crowd = Crowd(endpoint, engine, dialled, plan)
        ours, theirs = measure(os.getpid()), None if server_pid is None else measure(server_pid)
        await crowd.run()
        used = None if server_pid is None or theirs is None else measure(server_pid).since(theirs)
        return report(crowd, used, measure(os.getpid()).since(ours))


async def load_own_server(dialled: Dialled, plan: Plan, transport: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "load.toml"
        config.write_text(SETTINGS)
        async with serving(Path(directory), ["--config", str(config)]) as server:
            here = Dialled(
                dialled.number,
                destination(server.sip, transport),
                dialled.codec,
                dialled.security,
                dialled.account,
            )
            return await load(here, plan, server.pid)


def destination(server: tuple[str, int], transport: str) -> Address:
    return server if transport == "udp" else Hop(*server, transport.upper())


def host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter('write "HOST:PORT", as in "127.0.0.1:5060"')
    return host, int(port)


@click.command(help=__doc__.split("\n\n")[0] if __doc__ else None)
@click.argument("server", metavar="[HOST:PORT]", required=False)
@click.option("--pid", type=int, help="The process of that server, so that what it uses is told.")
@click.option("--number", default="load", show_default=True, help="Whom to call.")
@click.option("--calls", default=200, show_default=True, type=click.IntRange(1, CALLS_MAX), help="At a time.")
@click.option(
    "--rate", default=20.0, show_default=True, type=click.FloatRange(0.1, 500), help="Calls a second."
)
@click.option("--seconds", default=60.0, show_default=True, help="That all of them last.")
@click.option("--codec", default="PCMU", show_default=True, type=click.Choice(list(CODECS)))
@click.option("--srtp", is_flag=True, help="Sound under SRTP, by keys in the descriptions.")
@click.option("--transport", default="udp", show_default=True, type=click.Choice(["udp", "tcp", "tls"]))
@click.option("--account", metavar="REALM:USER:PASSWORD", help="To answer when the server asks who we are.")
@click.option("--hold", default=0.0, metavar="S", help="Each call is held for a second, every S in the mean.")
@click.option("--dtmf", default=0.0, metavar="S", help="Each caller presses a key, every S in the mean.")
@click.option("--hang-up", default=0.0, metavar="S", help="Calls last S in the mean, and others follow.")
@click.option("--seed", default=1, show_default=True, help="Of who does what.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON instead of a table.")
def main(
    server: str | None, pid: int | None, number: str, calls: int, rate: float, seconds: float, codec: str,
    srtp: bool, transport: str, account: str | None, hold: float, dtmf: float, hang_up: float, seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    plan = Plan(calls, rate, seconds, Behaviour(hold, dtmf, hang_up), seed)
    known = None
    if account is not None:
        if account.count(":") < 2:
            raise click.BadParameter("write REALM:USER:PASSWORD")
        realm, user, password = account.split(":", 2)
        known = Account(realm, user, password)
    security = MediaSecurity("required" if srtp else "off")
    at = host_and_port(server) if server else ("127.0.0.1", 0)
    dialled = Dialled(number, destination(at, transport), codec, security, known)
    if server:
        figures = trio.run(load, dialled, plan, pid)
    elif transport == "tls":
        raise click.UsageError("TLS wants a server with a certificate: start one, and name its address")
    else:
        figures = trio.run(load_own_server, dialled, plan, transport)
    show(figures, as_json=as_json)
    sys.exit(0 if figures["failed"] == 0 else 1)


if __name__ == "__main__":
    main()
