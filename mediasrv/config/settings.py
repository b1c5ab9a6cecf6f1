"""Everything that can be set, with its type, its limits and the default that makes `mediasrv serve` work at once.

The defaults are the embedded server: loopback only, no password, nothing fetched. A setting's description stands
beside it, because docs/configuration.md is printed from here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from mediasrv.config.addresses import Host, HostPort, Network, PortRange
from mediasrv.config.provider import ProviderSettings, VoiceSettings
from mediasrv.config.trunk import TrunkSettings, agent_of, check_patterns

USER_TARGET = (
    "user:"  # before the name of a user of ours: an agent that rings him, a target that is nobody else
)
USERS_TRUNK = "users"  # whose rules our own users' calls are under, unless a user is given to another trunk


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The process."""

    data_dir: Annotated[
        str, Meta(description="Directory for timelines and records; made when missing.", min_length=1)
    ] = "data"
    drain_s: Annotated[
        float,
        Meta(
            description="How long running calls may go on after SIGTERM, before they are ended.",
            ge=0,
            le=86_400,
        ),
    ] = 30.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least level that is logged to stderr."),
    ] = "info"


class SipSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Signalling."""

    listen: Annotated[
        HostPort, Meta(description="Address and port for SIP; port 0 takes a free one and says which.")
    ] = HostPort("127.0.0.1", 5060)
    tcp: Annotated[bool, Meta(description="Whether TCP is spoken there, besides UDP.")] = True
    tls_port: Annotated[
        int, Meta(description="Port for TLS, at the same address; 0: TLS is not spoken.", ge=0, le=65_535)
    ] = 0
    tls_certificate: Annotated[
        str, Meta(description="PEM file of the server's certificate, with what leads to its authority.")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file of its private key.")] = ""
    tls_authority: Annotated[
        str,
        Meta(description="PEM file of who vouches for peers; empty: their certificates are not looked at."),
    ] = ""
    tls_mutual: Annotated[
        bool,
        Meta(description="Whether callers over TLS must show a certificate that the authority vouches for."),
    ] = False
    identity_anchors: Annotated[
        str,
        Meta(
            description="PEM file of the authorities that vouch for callers' networks (STIR/SHAKEN, RFC 8224). With "
            "it signatures are judged, by certificates fetched from where calls say; empty: nobody's is looked at."
        ),
    ] = ""
    ws_port: Annotated[
        int,
        Meta(
            description="Port for WebSocket, for a proxy that adds the TLS; 0: it is not spoken.",
            ge=0,
            le=65_535,
        ),
    ] = 0
    wss_port: Annotated[
        int,
        Meta(
            description="Port for WebSocket over TLS, with `tls_certificate`, for browsers; 0: it is not spoken.",
            ge=0,
            le=65_535,
        ),
    ] = 0
    ws_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Web pages that may connect, as in `https://app.example`; `*`: all pages of the world, this "
            "machine's visitors included. Programs that are no browsers need not be named."
        ),
    ] = ()
    connections: Annotated[
        int,
        Meta(
            description="Connections in all, of whatever transport; beyond, new ones are closed.",
            ge=1,
            le=65_536,
        ),
    ] = 1_024
    connections_per_source: Annotated[
        int, Meta(description="Of these, connections from one address.", ge=1, le=65_536)
    ] = 64
    late_ms: Annotated[
        int,
        Meta(
            description="How late the server may be at its work before new calls are told to come again (503), in "
            "milliseconds. More, where a machine stands still now and then and nobody minds waiting.",
            ge=50,
            le=60_000,
        ),
    ] = 350
    nameservers: Annotated[
        tuple[HostPort, ...],
        Meta(description="DNS servers that are asked for peers' names; empty: those of the system."),
    ] = ()
    advertised: Annotated[
        Host,
        Meta(
            description="IP address that peers are told, in SIP and SDP, when it is not the one listened on."
        ),
    ] = Host()

    realm: Annotated[
        str,
        Meta(
            description="What users are asked for the password of; a change of it makes all their passwords void.",
            min_length=1,
            max_length=128,
        ),
    ] = "mediasrv"
    domains: Annotated[
        tuple[str, ...],
        Meta(
            description="Names by which telephones know this server, besides its addresses; others get 404 when "
            "they register."
        ),
    ] = ()
    digest: Annotated[
        tuple[Literal["SHA-256", "MD5"], ...],
        Meta(
            description="What a password may be proven with, the preferred first. Old telephones know MD5 only; "
            "without it nobody gets in with that.",
            min_length=1,
        ),
    ] = ("SHA-256", "MD5")
    stun_server: Annotated[
        str,
        Meta(
            description="STUN server, a name or an address with or without a port, that says which address peers are "
            "told; empty: `advertised`."
        ),
    ] = ""
    local_networks: Annotated[
        tuple[Network, ...],
        Meta(description="Blocks on this side of our NAT: peers in them are told our address there."),
    ] = ()

    def __post_init__(self) -> None:
        for key, port in (("tls_port", self.tls_port), ("wss_port", self.wss_port)):
            if port and not (self.tls_certificate and self.tls_key):
                raise ValueError(f"{key} needs tls_certificate and tls_key")
        if self.tls_mutual and not self.tls_authority:
            raise ValueError("tls_mutual needs tls_authority")


class MediaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Sound: ports, the engine's thread, what it does to what it hears."""

    host: Annotated[
        Host, Meta(description="IP address that RTP is received on; empty: the one of `sip.listen`.")
    ] = Host()
    rtp_ports: Annotated[
        PortRange, Meta(description="UDP ports for RTP, first and last; each call takes an even one.")
    ] = PortRange(20_000, 29_999)
    policy: Annotated[
        Literal["best", "fifo", "slice", "normal"],
        Meta(
            description="How the engine's threads are scheduled; `best`: `fifo`, else `slice`, else `normal`."
        ),
    ] = "best"
    threads: Annotated[
        int,
        Meta(
            description="Threads of the engine; 0 means one for each processor that can be spared.",
            ge=0,
            le=64,
        ),
    ] = 0
    cpu: Annotated[
        int,
        Meta(
            description="Processor that the engine's first thread is pinned to, others below it; -1: its own choice.",
            ge=-1,
            le=4_095,
        ),
    ] = -1
    capacity: Annotated[
        int,
        Meta(
            description="Streams in the preallocated pool: more calls than this are refused with 503.",
            ge=1,
            le=4_096,
        ),
    ] = 256
    codecs: Annotated[
        tuple[Literal["opus", "G722", "PCMU", "PCMA", "L16"], ...],
        Meta(
            description="Codecs that may be agreed on, in the order of our offers; an offer's first one is taken.",
            min_length=1,
        ),
    ] = ("opus", "G722", "PCMU", "PCMA")
    opus_complexity: Annotated[
        int, Meta(description="Effort of the Opus encoder, 0-10: sound against processor time.", ge=0, le=10)
    ] = 5
    aec: Annotated[bool, Meta(description="Cancel the echo of the agent's own voice in what is heard.")] = (
        True
    )
    ns: Annotated[bool, Meta(description="Suppress noise in what is heard.")] = True
    comfort_noise: Annotated[
        bool,
        Meta(
            description="Describe the agent's silence (RFC 3389) instead of sending it, to those who can read that."
        ),
    ] = False
    security: Annotated[
        Literal["off", "offered", "required"],
        Meta(
            description="SRTP, by keys in the signalling (SDES) or a handshake (DTLS): never; where the other side "
            "offers it; or else no call."
        ),
    ] = "offered"
    rtcp: Annotated[bool, Meta(description="Send reports of what is heard and said, and read theirs.")] = True
    vad_weights: Annotated[
        str,
        Meta(
            description="Weights of Silero VAD (safetensors, 16 kHz), which confirms what the gate takes for speech; "
            "empty: those that are shipped; `off`: the gate alone decides."
        ),
    ] = ""
    media_timeout_ms: Annotated[
        int,
        Meta(
            description="A call that receives no RTP for this long, nor a report that its peer is silent on purpose, "
            "is ended; 0: never.",
            ge=0,
            le=3_600_000,
        ),
    ] = 20_000


class CallsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Each call, whoever answers it."""

    max_length_s: Annotated[
        float, Meta(description="A call that lasts longer is ended.", gt=0, le=86_400)
    ] = 3_600.0
    ring_s: Annotated[
        float, Meta(description="A call of ours that rings longer is given up.", gt=0, le=180)
    ] = 60.0
    answer_after_s: Annotated[
        float, Meta(description="How long a call rings before its agent picks up.", ge=0, le=60)
    ] = 0.0
    capture: Annotated[
        bool,
        Meta(
            description="Keep every message and packet of each call beside its timeline, as a pcap file: for "
            "finding faults, because it holds what callers say."
        ),
    ] = False
    language: Annotated[str, Meta(description="Language that callers speak, as in `en`.", min_length=2)] = (
        "en"
    )
    least_confidence: Annotated[
        float,
        Meta(
            description="Of what was understood; below it the caller is asked again, and nothing is guessed.",
            ge=0,
            le=1,
        ),
    ] = 0.0
    interruptible: Annotated[
        bool, Meta(description="Whether a caller may interrupt the agent by speaking.")
    ] = True
    ducks: Annotated[
        bool,
        Meta(description="Soften the agent's voice when the caller begins to speak, instead of pausing it."),
    ] = False
    keys_interrupt: Annotated[
        bool, Meta(description="Whether a key on the telephone interrupts the agent.")
    ] = True
    masks_silence: Annotated[
        bool,
        Meta(
            description="Say `One moment, please.` and then play a soft tone when a reply is long in coming."
        ),
    ] = True
    budget_usd: Annotated[
        float,
        Meta(
            description="What a call's turns may cost before it says good-bye; 0: whatever they do.",
            ge=0,
            le=10_000,
        ),
    ] = 0.0
    unbroken_ms: Annotated[
        int,
        Meta(
            description="Unbroken speech over the agent that counts as an interruption, words or not.",
            ge=50,
            le=5_000,
        ),
    ] = 450
    undecided_ms: Annotated[
        int,
        Meta(description="The longest that the agent's voice is held without a decision.", ge=100, le=5_000),
    ] = 700
    shortest_pause_ms: Annotated[
        int, Meta(description="Silence that ends the caller's turn after a whole sentence.", ge=50, le=5_000)
    ] = 200
    ordinary_pause_ms: Annotated[
        int,
        Meta(description="Silence that ends the caller's turn when the words do not tell.", ge=50, le=10_000),
    ] = 500
    longest_pause_ms: Annotated[
        int, Meta(description="Silence that ends the caller's turn whatever was said.", ge=100, le=20_000)
    ] = 1_200
    prompt_ms: Annotated[
        int,
        Meta(
            description="Silence after which the agent asks whether the caller is there.",
            ge=1_000,
            le=3_600_000,
        ),
    ] = 8_000

    def __post_init__(self) -> None:
        if not self.shortest_pause_ms <= self.ordinary_pause_ms <= self.longest_pause_ms:
            raise ValueError(
                "shortest_pause_ms, ordinary_pause_ms and longest_pause_ms must rise, in this order"
            )
        if self.undecided_ms < self.unbroken_ms:
            raise ValueError("undecided_ms must not be less than unbroken_ms")


class AgentsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers."""

    default: Annotated[
        str,
        Meta(
            description="Agent for every number that `agents.numbers` does not name; empty: such calls get 404."
        ),
    ] = "scripted"
    numbers: Annotated[
        dict[str, str],
        Meta(
            description="Called number, as the trunk's dial plan understands it, or a prefix with a star, "
            "to agent name; the longest prefix wins. `user:1001` in the place of an agent rings that user's telephones."
        ),
    ] = field(default_factory=lambda: {"100": "echo", "200": "menu", "300": "scripted", "400": "demo"})
    knowledge: Annotated[
        str,
        Meta(description="TOML file of what the `demo` agent knows; empty: the hotel that is built in."),
    ] = ""
    recogniser_millicores: Annotated[
        float,
        Meta(
            description="Thousandths of a core that may recognise speech, over all calls; beyond, calls to agents that "
            "need it get 503. 0: seven tenths of each processor that the engine leaves.",
            ge=0,
            le=1_000_000,
        ),
    ] = 0.0
    echo_delay_ms: Annotated[
        int,
        Meta(
            ge=20,
            le=1_000,
            description="How much later the `echo` agent gives back what it hears, in milliseconds. Above 80 it works "
            "in pieces of a quarter of that, and keeps the rest in hand against stalls.",
        ),
    ] = 20
    directory: Annotated[
        str,
        Meta(
            description="Directory of agents, one TOML file each (docs/agents.md); empty: only those built in."
        ),
    ] = ""
    menu: Annotated[
        str, Meta(description="TOML file of the `menu` agent; empty: the demonstration that is built in.")
    ] = ""
    script: Annotated[
        str, Meta(description="TOML file of the `scripted` agent; empty: the demonstration that is built in.")
    ] = ""
    voice: Annotated[
        str, Meta(description="Voice of the `scripted` agent; empty: the one that its script names.")
    ] = ""

    def __post_init__(self) -> None:
        check_patterns("numbers", self.numbers)


class UsersSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Our own users' telephones; `mediasrv users` adds and removes them."""

    first: Annotated[
        tuple[str, ...],
        Meta(
            description="Users who are made at the first start, with passwords that are printed that once; "
            "empty: none."
        ),
    ] = ("1000", "1001", "1002")
    shortest_s: Annotated[
        int, Meta(description="The shortest registration that is granted.", ge=30, le=3_600)
    ] = 60
    longest_s: Annotated[
        int, Meta(description="The longest, and what is granted when none is asked for.", ge=60, le=86_400)
    ] = 3_600

    called_over: Annotated[
        tuple[str, ...],
        Meta(
            description="Trunks over which a user's name, when it is dialled and no `numbers` mention it, rings his "
            "telephones."
        ),
    ] = (USERS_TRUNK, "local")

    def __post_init__(self) -> None:
        if self.shortest_s > self.longest_s:
            raise ValueError("shortest_s must not be more than longest_s")


class SupervisionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may listen in on calls, by calling a number."""

    code: Annotated[
        str,
        Meta(
            description="What is dialled before the name of a call, or the number of somebody in it.",
            pattern=r"^[*#][0-9*#]*$",
        ),
    ] = "*1"
    trunks: Annotated[
        tuple[str, ...], Meta(description="Trunks over which it may be done; none: nobody may.")
    ] = ()
    callers: Annotated[
        tuple[str, ...], Meta(description="Who may do it there; empty: everybody who calls over them.")
    ] = ()

    def is_asked(self, trunk: str, caller: str, number: str) -> bool:
        """Whether a call is one that listens in, and may."""
        named = trunk in self.trunks and (not self.callers or caller in self.callers)
        return named and number.startswith(self.code) and len(number) > len(self.code)


def _loopback_trunk() -> dict[str, TrunkSettings]:
    return {"local": TrunkSettings(sources=(Network.parse("127.0.0.0/8"), Network.parse("::1/128")))}


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All sections; `Settings()` is the embedded server."""

    server: ServerSettings = field(default_factory=ServerSettings)
    sip: SipSettings = field(default_factory=SipSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    calls: CallsSettings = field(default_factory=CallsSettings)
    agents: AgentsSettings = field(default_factory=AgentsSettings)
    users: UsersSettings = field(default_factory=UsersSettings)
    providers: dict[str, ProviderSettings] = field(default_factory=dict)
    voices: dict[str, VoiceSettings] = field(default_factory=dict)
    supervision: SupervisionSettings = field(default_factory=SupervisionSettings)
    trunks: dict[str, TrunkSettings] = field(default_factory=_loopback_trunk)

    def __post_init__(self) -> None:
        # Users have a trunk whether or not the operator writes one for them; `[trunks.users]` gives it other keys.
        self.trunks.setdefault(USERS_TRUNK, TrunkSettings(authentication=("digest",)))

    def agent_for(self, trunk: str, number: str, *, of_user: bool = False) -> str | None:
        """Who answers a number of that trunk, written as the trunk's dial plan means it.

        `of_user`: it is also the name of a user of ours, who comes before the default."""
        of_trunk = agent_of(self.trunks[trunk].numbers, number)
        named = agent_of(self.agents.numbers, number) if of_trunk is None else of_trunk
        if named is None and of_user and trunk in self.users.called_over:
            return USER_TARGET + number
        return (self.agents.default if named is None else named) or None

    def trunk_of(self, host: str) -> str | None:
        """The name of the first trunk that calls from `host` belong to."""
        return next((name for name, trunk in self.trunks.items() if trunk.admits(host)), None)
