"""From settings to what the rooms are built with: each room knows its own settings, and only this file knows all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from mediasrv.call import (
    Agent,
    AgentSettings,
    CallSettings,
    Interruptibility,
    Masking,
    Patience,
    build_agent,
)
from mediasrv.call.declared import Cast
from mediasrv.config import Settings, TrunkSettings
from mediasrv.conversation.agents import Library
from mediasrv.errors import ConfigError
from mediasrv.ids import TokenSource
from mediasrv.legs.security import MediaSecurity
from mediasrv.media import Cost, EngineFace, StreamSpec
from mediasrv.media.dtls import Certificate
from mediasrv.media.engine import Engine, EngineSettings
from mediasrv.media.ports import PortRange
from mediasrv.media.recognition import RecognitionRoom, millicores_for_recognition, spared_cpus
from mediasrv.media.scheduling import Policy
from mediasrv.providers.house import ProviderHouse

# Thousandths of a core that one stream takes, without and with echo canceller and noise suppressor (docs/bench.md).
MILLICORES = {
    "PCMU": (0.5, 2.8),
    "PCMA": (0.5, 2.8),
    "G722": (1.0, 5.0),
    "L16": (1.0, 5.0),
    "opus": (6.0, 10.0),
}


CAPTURED_PACKETS = 8_192  # that wait to be collected: 50 ms of more calls than one thread has


def call_settings(settings: Settings) -> CallSettings:
    calls = settings.calls
    return CallSettings(
        language=calls.language,
        answer_after_s=calls.answer_after_s,
        max_length_s=calls.max_length_s,
        interruptibility=Interruptibility(
            enabled=calls.interruptible,
            duck=calls.ducks,
            keys=calls.keys_interrupt,
            unbroken_ms=calls.unbroken_ms,
            undecided_ms=calls.undecided_ms,
        ),
        masking=Masking(enabled=calls.masks_silence),
        budget_usd=Decimal(str(calls.budget_usd)) if calls.budget_usd else None,
        patience=Patience(
            shortest_ms=calls.shortest_pause_ms,
            ordinary_ms=calls.ordinary_pause_ms,
            longest_ms=calls.longest_pause_ms,
            prompt_ms=calls.prompt_ms,
        ),
    )


def cast(settings: Settings) -> Cast:
    """Of the agents that files declare."""
    return Cast(Library(settings.agents.directory), lambda net: ProviderHouse(settings.providers, net=net))


def agents(settings: Settings, cast: Cast) -> dict[str, Agent]:
    """Every agent that some number reaches, by name; a wrong one is found now and not in a call."""
    tables = {"agents.numbers": settings.agents.numbers} | {
        f"trunks.{name}.numbers": trunk.numbers for name, trunk in settings.trunks.items()
    }
    places = {f"{key}.{number}": name for key, table in tables.items() for number, name in table.items()}
    if settings.agents.default:
        places["agents.default"] = settings.agents.default
    built: dict[str, Agent] = {}
    for key, name in places.items():
        try:
            built[name] = built.get(name) or cast.agent(name) or agent(settings, name)
        except ConfigError as error:
            raise ConfigError(f"{key} = {name!r}: {error.key}", error.problem, value=error.value) from error
    return built


def agent(settings: Settings, name: str) -> Agent:
    """Whether some number reaches it or not; ConfigError when there is none of that name, or it is set up wrongly."""
    told = AgentSettings(
        script=settings.agents.script,
        voice=settings.agents.voice,
        menu=settings.agents.menu,
        echo_delay_ms=settings.agents.echo_delay_ms,
        knowledge=settings.agents.knowledge,
        spared_cpus=spared_cpus(engine_settings(settings).thread_cpus()),
    )
    return build_agent(name, told)


def recognition_room(settings: Settings) -> RecognitionRoom:
    """Set, or what the engine's threads leave."""
    spared = spared_cpus(engine_settings(settings).thread_cpus())
    return RecognitionRoom(settings.agents.recogniser_millicores or millicores_for_recognition(spared))


def check_trunks(settings: Settings) -> None:
    """What a trunk demands and this server cannot do is found now, and never passed over in silence."""
    for name in settings.supervision.trunks:
        if name not in settings.trunks:
            raise ConfigError("supervision.trunks", "there is no such trunk", value=name)
    for name, trunk in settings.trunks.items():
        if not set(trunk.codecs) & set(settings.media.codecs):
            problem = f"has none of media.codecs ({', '.join(settings.media.codecs)})"
            raise ConfigError(f"trunks.{name}.codecs", problem, value=list(trunk.codecs))


def cost(spec: StreamSpec) -> Cost:
    """What a stream takes of the engine's core; `mediasrv bench media` measures it."""
    plain, full = MILLICORES[
        max((coding.codec for coding in spec.codings()), key=lambda name: MILLICORES[name])
    ]
    return Cost(streams=1, millicores=full if spec.aec or spec.ns else plain)


def media_security(settings: Settings, tokens: TokenSource) -> MediaSecurity:
    """The certificate is made here, once for all calls."""
    policy = settings.media.security
    return MediaSecurity(policy, None if policy == "off" else Certificate(), tokens)


def trunk_security(security: MediaSecurity, trunk: TrunkSettings) -> MediaSecurity:
    """What is agreed on with one trunk: its own word where that is a clear one, else what is for all."""
    policy = security.policy if trunk.srtp == "offered" else trunk.srtp
    return replace(security, policy=policy, suites=tuple(dict.fromkeys(trunk.srtp_suites)))


def engine_settings(settings: Settings) -> EngineSettings:
    media = settings.media
    return EngineSettings(
        capacity=media.capacity,
        host=media_host(settings),
        ports=PortRange(media.rtp_ports.first, media.rtp_ports.last),
        policy=Policy[media.policy.upper()],
        threads=media.threads,
        captured=CAPTURED_PACKETS if settings.calls.capture else 0,
        vad_weights=media.vad_weights,
        cpus="spare" if media.cpu < 0 else tuple(range(media.cpu, -1, -1)),
    )


def native_engine(settings: Settings, tokens: TokenSource) -> EngineFace:
    """The engine that hears and speaks on real sockets, with threads of its own."""
    return Engine(engine_settings(settings), tokens=tokens)


def media_host(settings: Settings) -> str:
    """Where RTP is received."""
    return settings.media.host.text or settings.sip.listen.host
