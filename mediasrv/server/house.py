"""What all calls share, and what a leg of any of them is made with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mediasrv.call import Agent, CallServices, MediaNeeds
from mediasrv.call.declared import Cast
from mediasrv.config import Settings, TrunkSettings
from mediasrv.legs.security import MediaSecurity
from mediasrv.legs.sound import Place
from mediasrv.legs.stream_spec import LegMedia
from mediasrv.media import EngineFace
from mediasrv.media.recognition import RecognitionRoom
from mediasrv.server import wiring
from mediasrv.server.access.door import Door
from mediasrv.server.keeping import Keeping
from mediasrv.server.roster import Roster
from mediasrv.server.tracing import Tracing
from mediasrv.server.trunk_gates import TrunkGates
from mediasrv.server.vouching import Vouching
from mediasrv.telemetry import Counters

SESSION_ID_BITS = 62  # RFC 8866 section 5.2: a number that others can read into 64 bits


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    door: Door
    engine: EngineFace
    cast: Cast
    agents: Mapping[str, Agent]
    services: CallServices
    counters: Counters
    told_to: Callable[[str], str]  # where a peer is told to send its sound; "": it is not known yet
    security: MediaSecurity
    tracing: Tracing
    gates: TrunkGates
    recognition: RecognitionRoom
    roster: Roster = field(default_factory=Roster)
    vouching: Vouching | None = None  # without it nobody's signature is looked at
    keeping: Keeping | None = None  # calls are kept, to be run again

    def agent(self, name: str) -> Agent:
        """Also one that no number names: whoever rings a user's telephones."""
        return self.agents.get(name) or wiring.agent(self.settings, name)

    @asynccontextmanager
    async def hired(self, name: str) -> AsyncIterator[Agent]:
        """Whoever it is, for one call: also an agent of a file that no number names. ConfigError: there is none."""
        if name in self.agents:
            yield self.agents[name]
            return
        async with self.cast.hired(name) as alone:
            yield alone or wiring.agent(self.settings, name)

    def place(self, group: int) -> Place:
        return Place(self.engine, wiring.cost, group)

    def session_id(self) -> int:
        return self.services.tokens.number(SESSION_ID_BITS)

    def leg_media(self, trunk: TrunkSettings, needs: MediaNeeds, peer: str) -> LegMedia:
        """What a leg of that trunk may speak, to a peer at that host, for whoever listens to it."""
        media = self.settings.media
        return LegMedia(
            host=self.told_to(peer),
            aec=media.aec and needs.aec,
            ns=media.ns and needs.ns,
            vad=needs.vad,
            bridge=needs.bridge or bool(self.settings.supervision.trunks),
            media_timeout_ms=media.media_timeout_ms,
            codecs=tuple(codec for codec in media.codecs if codec in trunk.codecs),
            opus_complexity=media.opus_complexity,
            comfort_noise=media.comfort_noise,
            keys_by=trunk.dtmf,
            rtcp=media.rtcp,
            security=wiring.trunk_security(self.security, trunk),
        )
