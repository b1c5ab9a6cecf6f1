"""The whole of one run: the real server, a network, a caller; and the trace that is left when all is over."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import trio
from msgspec.structs import replace

from mediasrv.bench.netem import PROFILES
from mediasrv.config import Settings, load
from mediasrv.config.addresses import HostPort
from mediasrv.endpoints import sip as endpoint
from mediasrv.endpoints.datagram import DatagramSocket
from mediasrv.errors import AtCapacity
from mediasrv.ids import SeededTokens, TokenSource
from mediasrv.media import Cost
from mediasrv.media.engine import Engine, EngineSettings
from mediasrv.media.ports import VirtualPorts
from mediasrv.server import Server
from tests.sim import deterministic
from tests.sim.caller import Caller
from tests.sim.deterministic import Agenda
from tests.sim.engine_thread import EngineThread
from tests.sim.faults import Losses
from tests.sim.network import Address, Network
from tests.sim.scenario import Scenario
from tests.sim.script import Cue
from tests.sim.trace import CallerSide, Trace
from tests.sim.turns import TurnWatch
from tests.sim.witness import WitnessSink, listening_to_the_log

SERVER, CALLER = ("127.0.0.1", 5060), "127.0.0.2"
STREAMS = 4
LOOKS_S = 1.0  # at how late the loop is: in virtual time never; to look was a third of all passes
SETTING_UP_S = 0.1
SETTLING_S = 120  # a BYE that nobody answers is given up after 32 s, a late one may follow a media time-out


def run(scenario: Scenario, seed: int) -> Trace:
    """One scenario, once; the same arguments give the same trace."""

    async def main(agenda: Agenda) -> Trace:
        return await World(agenda, scenario, seed).live()

    return deterministic.run(seed, main, limit_s=scenario.limit_s + SETTLING_S + 60)


class World:
    def __init__(self, agenda: Agenda, scenario: Scenario, seed: int) -> None:
        self.agenda, self.scenario, self.seed = agenda, scenario, seed
        up, down = PROFILES[scenario.uplink], PROFILES[scenario.downlink]
        links = {(CALLER, SERVER[0]): up, (SERVER[0], CALLER): down}
        self.network = Network(agenda, seed, profiles=links)
        self.network.censor = Losses(scenario.losses)
        self.sink = WitnessSink(agenda.clock)
        self.turns = TurnWatch(scenario.cancel_at)
        self.callers: list[Caller] = []
        self.unmet: list[str] = []  # what a story that was told of this world waited for in vain
        self.server: Server  # once it is built
        self.directory: Path
        self.outside: trio.Nursery  # what stands elsewhere in the network: no call's, and not the server's
        self._engine: Engine | None = None

    async def live(self) -> Trace:
        with (
            listening_to_the_log() as logs,
            patch.object(endpoint, "LOOK_S", LOOKS_S),
            self.turns.watching(),
            tempfile.TemporaryDirectory() as directory,
        ):
            self.directory = Path(directory)
            server = self.server = self._build_server(self.directory)
            async with trio.open_nursery() as nursery:
                self.outside = await nursery.start(elsewhere)
                if self.scenario.stage is not None:
                    self.scenario.stage(self)
                await nursery.start(server.run)
                engine_thread = EngineThread(self.engine, self.network, SERVER[0])
                await trio.sleep(SETTING_UP_S)
                before = living_tasks()
                server._endpoint._core._core.prove(CALLER)  # type: ignore[union-attr]  # any line loses: to whoever
                # was never there before, a 200 is repeated once, and who waits for it might wait for ever
                self.caller(CALLER, self.scenario.script, skew_ppm=self.scenario.skew_ppm).dial()
                with trio.move_on_after(self.scenario.limit_s) as limit:
                    for caller in self.callers:
                        await caller.over.wait()
                over_ns = self.agenda.clock.now_ns()
                engine_thread.rest()
                await self._settle(server)
                left = self._leftovers(server, before)
                if self.unmet:
                    left["hopes"] = self.unmet
                if limit.cancelled_caught:
                    left["unfinished calls"] = [f"a caller waited {self.scenario.limit_s:g} s for the end"]
                server.hurry()
                await server.wait_stopped()
                nursery.cancel_scope.cancel()
        logs = [line for line in logs if not any(part in line for part in self.scenario.expected_logs)]
        return self._trace(over_ns, left, logs)

    def caller(self, host: str, script: Sequence[Cue], *, skew_ppm: float = 0.0) -> Caller:
        """Another telephone, which does not dial yet; the run waits for the end of its call, too."""
        seed = self.seed + len(self.callers)
        self.callers.append(Caller(self.network, host, SERVER, script, seed, skew_ppm=skew_ppm))
        return self.callers[-1]

    @property
    def engine(self) -> Engine:
        assert self._engine is not None
        return self._engine

    def _build_server(self, directory: Path) -> Server:
        return Server(
            self._settings(directory),
            clock=self.agenda.clock,
            tokens=SeededTokens(self.seed),
            open_engine=self._open_engine,
            open_socket=self._open_socket,
            sink=self.sink,
        )

    def _settings(self, directory: Path) -> Settings:
        scenario, script = self.scenario, ""
        if scenario.agent_script:
            path = directory / "agent.toml"
            path.write_text(scenario.agent_script)
            script = str(path)
        told = {key: ("scenario", value) for key, value in scenario.settings.items()}
        settings = load(flags=told)
        return replace(
            settings,
            sip=replace(settings.sip, listen=HostPort(*SERVER)),
            media=replace(settings.media, media_timeout_ms=scenario.media_timeout_ms),
            # nobody else answers: other agents would make their fixed lines ahead, some with real synthesisers
            agents=replace(settings.agents, default=scenario.agent, script=script, numbers={}),
        )

    def _open_engine(self, settings: Settings, tokens: TokenSource) -> Engine:
        self._engine = Engine(
            EngineSettings(capacity=STREAMS, host=SERVER[0], cpus=()), manual=True, tokens=tokens
        )
        return self._engine

    async def _open_socket(self, local: Address) -> DatagramSocket:
        await trio.lowlevel.checkpoint()
        return self.network.bind(local)

    async def _settle(self, server: Server) -> None:
        """Waits until all sides have forgotten the call, or have had all the time they may take for it."""
        for _ in range(SETTLING_S):
            await trio.sleep(1)
            if any(caller.leftovers() for caller in self.callers):
                continue
            if server._stopped.is_set():
                return
            statistics = server.statistics()
            if not (
                live_transactions(server)
                or statistics.live_calls
                or statistics.live_streams
                or statistics.live_dialogs
            ):
                return

    def _leftovers(self, server: Server, before: Counter[str]) -> dict[str, list[str]]:
        tasks = sorted((living_tasks() - before).elements())
        if server._stopped.is_set():
            return {"tasks": tasks} if tasks else {}
        statistics = server.statistics()
        try:
            self.engine.reserve(Cost(streams=STREAMS)).release()
        except AtCapacity as full:
            reservations = [str(full)]
        else:
            reservations = []
        left = {
            "reservations": reservations,
            "ports": [str(port) for port in sorted(ports_in_use(self.engine))],
            "transactions": ["live"] * live_transactions(server),
            "tasks": tasks,
            "calls": ["live"] * statistics.live_calls,
            "dialogs": ["live"] * statistics.live_dialogs,
            "streams": ["live"] * statistics.live_streams,
        }
        return {kind: things for kind, things in left.items() if things}

    def _trace(self, over_ns: int, left: dict[str, list[str]], logs: list[str]) -> Trace:
        return Trace(
            scenario=self.scenario.name,
            seed=self.seed,
            server_host=SERVER[0],
            wire=self.network.log,
            records=self.sink.records,
            callers=[self._side(caller, over_ns) for caller in self.callers],
            leftovers=left,
            logs=logs,
            ended_ns=self.agenda.clock.now_ns(),
            histories=self.turns.histories(),
            turn_steps=self.turns.steps,
            injected=self.turns.cancelled,
        )

    def _side(self, caller: Caller, over_ns: int) -> CallerSide:
        return CallerSide(
            caller.host,
            caller.ending,
            caller.answered_ns,
            over_ns,
            caller.heard,
            caller.spoken,
            {} if caller.ending == "vanished" else caller.leftovers(),
        )


async def elsewhere(*, task_status: trio.TaskStatus[trio.Nursery] = trio.TASK_STATUS_IGNORED) -> None:
    """What the server reaches over the network lives here."""
    async with trio.open_nursery() as nursery:
        task_status.started(nursery)
        await trio.sleep_forever()


def live_transactions(server: Server) -> int:
    """The server's statistics count dialogs; what a dialog leaves behind for 32 s only its user agent knows."""
    assert server._endpoint is not None
    return server._endpoint._core.statistics().transactions


ELSEWHERE = f"{__name__}.{elsewhere.__qualname__}"


def ports_in_use(engine: Engine) -> set[int]:
    """That streams hold; the engine itself tells nobody."""
    assert isinstance(engine._ports, VirtualPorts)
    return engine._ports._numbers.held


def living_tasks() -> Counter[str]:
    """Every task of the program by name, the driver of the agenda and this one among them."""
    return Counter(task.name for task in _descendants(trio.lowlevel.current_root_task()))


def _descendants(task: trio.lowlevel.Task | None) -> Iterator[trio.lowlevel.Task]:
    if task is None or task.name == ELSEWHERE:
        return
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _descendants(child)
