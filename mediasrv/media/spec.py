"""What a stream is asked to be, and what a call asks of the engine before it is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Literal, NamedTuple

from mediasrv_native import engine, rtp
from mediasrv_native import settings as native

Address = tuple[str, int]
RecordingFormat = Literal["wav", "opus"]


class Rates(NamedTuple):
    """Of a codec, and of the PCM that is best played into it and heard out of it."""

    native: int  # the number that the native core knows it by
    say_hz: int
    hear_hz: int  # Opus is decoded at the rate that recognisers want


CODECS: Mapping[str, Rates] = MappingProxyType(
    {
        "PCMU": Rates(native.PCMU, 8_000, 8_000),
        "PCMA": Rates(native.PCMA, 8_000, 8_000),
        "G722": Rates(native.G722, 16_000, 16_000),
        "L16": Rates(native.L16, 16_000, 16_000),
        "opus": Rates(native.OPUS, 48_000, 16_000),
    }
)


class Listen(Enum):
    """What of a stream another one's peer is sent: what came in, or what the agent says there."""

    HEARD = engine.HEARD
    SAID = engine.SAID


class CapturedPacket(NamedTuple):
    """A packet of a stream's, as it was on the wire; a tuple, because there are a hundred for each second of a call."""

    at_ns: int
    local: Address
    peer: Address
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Clip:
    """Sound to play behind a voice. Whoever loops it sees to it that its ends meet."""

    pcm: bytes
    rate_hz: int


Concealment = Literal["waveform", "repeat", "linear", "spectral", "auto"]


class Coding(NamedTuple):
    codec: str  # one of CODECS
    payload_type: int


class SrtpProfile(Enum):
    """By the numbers of RFC 5764 and RFC 7714; the names are those of SDP (RFC 4568, RFC 7714)."""

    AES_CM_128_HMAC_SHA1_80 = rtp.SRTP_AES128_CM_SHA1_80
    AES_CM_128_HMAC_SHA1_32 = rtp.SRTP_AES128_CM_SHA1_32
    AEAD_AES_128_GCM = rtp.SRTP_AEAD_AES_128_GCM
    AEAD_AES_256_GCM = rtp.SRTP_AEAD_AES_256_GCM

    @property
    def octets(self) -> int:
        """Of master key and salt together."""
        return rtp.srtp_keying_octets(self.value)


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key, then master salt, each way; they are secret, and no log shows them."""

    profile: SrtpProfile
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not len(self.send) == len(self.receive) == self.profile.octets:
            raise ValueError(f"{self.profile.name} wants {self.profile.octets} octets of key and salt")

    def native(self) -> tuple[int, bytes, bytes]:
        return self.profile.value, self.send, self.receive


Keying = Literal[
    "given", "later", "dtls"
]  # of SRTP: in the spec; by `set_keys`; so, and by DTLS on the same port
Rtcp = Literal["off", "mux", "port"]  # none; by RTP's port (RFC 5761); by the odd one above


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call will need: streams of the pool, and processor time in thousandths of a core."""

    streams: int = 1
    millicores: float = 2.8


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One RTP stream, as the offer and answer settled it. All its codecs count time stamps by one clock."""

    codec: str = "PCMU"  # what is sent, and accepted
    payload_type: int = 0
    also: tuple[Coding, ...] = ()  # accepted besides, and may be switched to
    say_hz: int = 0  # of the PCM that is played; 0: what suits the codecs
    hear_hz: int = 0  # of what ears and bridge work on; 0: what suits the codecs
    ptime_ms: int = 20  # of the packets we send: 10, 20, 30, 40, 60
    opus_complexity: int = 5
    opus_fec: bool = True
    opus_dtx: bool = False
    opus_bit_rate: int = (
        64_000  # bits a second; below 56,000 it takes three times the processor; 0: the encoder's choice
    )
    telephone_event_type: int = 0  # 0: none agreed
    inband_dtmf: bool = False  # keys are heard as tones, too, until one comes as a telephone event
    comfort_noise_type: int = 0  # RFC 3389, by which our silence is described; 0: it is sent as it is
    remote: Address | None = None
    aec: bool = True
    ns: bool = True
    ns_strength: float = 0.5  # 0-1: at 1 noise goes down by 30 dB
    high_pass: bool = True  # hum and rumble below 90 Hz are taken off what is heard
    agc_dbfs: int = 0  # level that heard speech is brought to, -40 to -6; 0: it stays as it is
    vad: bool = True
    confirm: bool = True  # a network has the last word on what is speech, where the engine has its weights
    lock_source: bool = True
    rtcp: Rtcp = "off"
    rtcp_remote: Address | None = None  # where reports go, with "port"; None: the port above remote's
    srtp: SrtpKeys | None = None  # None: plain RTP, or the keys come later
    keying: Keying = "given"  # else nothing is sent or heard before `set_keys`
    bridge: bool = False  # people may listen to what it hears: others of its call, recordings
    aec_tail_ms: int = 128
    plc: Concealment = "waveform"  # how lost audio is made up for; Opus does it itself
    reorder_ms: int = 40
    playout_ms: int = 2_000
    rewind_ms: int = 0  # that a release may go back; 0: a second, above 16 kHz a word (320 ms) to save memory
    ears_ms: int = 1_000
    far_delay_ms: int = 60
    far_delay_error_ms: int = 40
    media_timeout_ms: int = 20_000

    def codings(self) -> tuple[Coding, ...]:
        """Every codec that is accepted; the first is sent."""
        return Coding(self.codec, self.payload_type), *self.also

    @property
    def rate_hz(self) -> int:
        """Of the PCM that is played."""
        return self.say_hz or max(CODECS[coding.codec].say_hz for coding in self.codings())

    @property
    def rewinds_ms(self) -> int:
        return self.rewind_ms or (1_000 if self.rate_hz <= 16_000 else 320)

    @property
    def heard_hz(self) -> int:
        return self.hear_hz or max(CODECS[coding.codec].hear_hz for coding in self.codings())
