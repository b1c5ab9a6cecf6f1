"""Calls that are kept, to be run again: what such a server is built with, and who begins each recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from mediasrv.call import Agent
from mediasrv.config import Settings
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo, Ending
from mediasrv.media.again import WitnessedEngine, WitnessedStream
from mediasrv.media.engine import Border
from mediasrv.replay.recorder import RECORDER, Recorder, recorder_here, step_of
from mediasrv.replay.steps import Passes, SteadyClock
from mediasrv.replay.tape import VERSION, Beginning
from mediasrv.telemetry import FileSink, RecordSink, Timeline

SECTIONS = ("agents", "calls")  # what a call knows of


@dataclass(frozen=True, slots=True)
class Keeping:
    """For all calls of a server: its clock and its passes are those that trio runs by."""

    clock: SteadyClock
    passes: Passes
    _live: WeakValueDictionary[CallId, Recorder] = field(default_factory=WeakValueDictionary)

    @classmethod
    def new(cls) -> Keeping:
        clock = SteadyClock()
        return cls(clock, Passes(clock, step_of))

    @property
    def border(self) -> Border:
        return Border(partial(WitnessedEngine, recorder_here), WitnessedStream)

    def begin(
        self, info: CallInfo, agent: Agent, settings: Settings, timeline: Timeline, sink: RecordSink
    ) -> Recorder | None:
        """In the task that will run the call, before there is a stream; None where nothing is written to files."""
        if not isinstance(sink, FileSink):
            return None
        recorder = Recorder(self.clock, self.passes, partial(sink.append, info.id, kind="replay"))
        recorder.begin(
            Beginning(
                VERSION, info, agent.name, timeline.began_ns, self.clock.unix_offset_ns,
                {name: msgspec.to_builtins(getattr(settings, name)) for name in SECTIONS},
                _named_files(settings, agent.name),
            )
        )  # fmt: skip
        self._live[info.id] = recorder
        recorder.is_secret = lambda: timeline.secret
        timeline.follow(recorder.line)
        RECORDER.set(recorder)
        return recorder

    def ends(self, call: CallId, why: Ending) -> None:
        """Somebody outside is about to end that call."""
        if (recorder := self._live.get(call)) is not None:
            recorder.asked_to_end(why.value)

    def drains(self) -> None:
        """All calls are about to be cancelled."""
        for call in list(self._live):
            self.ends(call, Ending.DRAIN)


def _named_files(settings: Settings, agent: str) -> Mapping[str, str]:
    """What the settings name and an agent is made of, as it is now: the recording is one file."""
    agents = settings.agents
    named = [agents.script, agents.menu, agents.knowledge, str(Path(agents.directory) / f"{agent}.toml")]
    return {name: Path(name).read_text() for name in named if name and Path(name).is_file()}
