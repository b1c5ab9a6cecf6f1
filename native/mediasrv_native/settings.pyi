"""What a stream can be asked to be: the keywords of `Core` and `NativeEngine.add`, with their defaults."""

from collections.abc import Mapping
from typing import Final, TypedDict

from mediasrv_native.speech import SileroWeights

PCMU: Final[int]
PCMA: Final[int]
G722: Final[int]
L16: Final[int]
OPUS: Final[int]

RTCP_OFF: Final[int]
RTCP_MUX: Final[int]
RTCP_PORT: Final[int]

KEYING_GIVEN: Final[int]
KEYING_LATER: Final[int]
KEYING_DTLS: Final[int]

DEFAULTS: Final[Mapping[str, object]]

class Settings(TypedDict, total=False):
    """The fields of ms_config (native/c/core/ms_core.h)."""

    say_hz: int
    hear_hz: int
    codings: tuple[tuple[int, int], ...]  # codec and payload type; the first is what is sent
    ptime_ms: int
    opus_complexity: int
    opus_fec: bool
    opus_dtx: bool
    opus_expected_loss: int
    opus_bit_rate: int
    telephone_event_type: int
    inband_dtmf: bool
    comfort_noise_type: int
    aec: bool
    ns: bool
    vad: bool
    lock_source: bool
    plc: int  # a method of mediasrv_native.repair.METHODS
    ns_percent: int
    high_pass: bool
    agc_dbfs: int
    bridge: bool  # people may listen
    bridge_min_ms: int
    bridge_max_ms: int
    aec_tail_ms: int
    reorder_ms: int
    playout_ms: int
    rewind_ms: int
    ears_ms: int
    far_delay_ms: int
    far_delay_error_ms: int
    media_timeout_ms: int
    ssrc: int
    first_sequence: int
    first_timestamp: int
    remote: tuple[str, int] | None
    rtcp: int  # RTCP_OFF, RTCP_MUX, RTCP_PORT
    rtcp_remote: tuple[str, int] | None
    unix_offset_ns: int
    silero: SileroWeights | None  # a second opinion on what the gate hears
    keying: int  # KEYING_GIVEN, KEYING_LATER, KEYING_DTLS
    srtp: tuple[int, bytes, bytes] | None  # profile; key and salt to send by, and to receive by
