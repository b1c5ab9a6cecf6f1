"""A StreamSpec in the words of the native core."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from mediasrv.media.spec import CODECS, Keying, Rtcp, StreamSpec
from mediasrv_native import settings as native
from mediasrv_native.repair import METHODS
from mediasrv_native.speech import SileroWeights

if TYPE_CHECKING:  # a shape for the type checker; at run time it is a dict
    from mediasrv_native.settings import Settings


RTCP: Mapping[Rtcp, int] = MappingProxyType(
    {"off": native.RTCP_OFF, "mux": native.RTCP_MUX, "port": native.RTCP_PORT}
)
KEYING: Mapping[Keying, int] = MappingProxyType(
    {"given": native.KEYING_GIVEN, "later": native.KEYING_LATER, "dtls": native.KEYING_DTLS}
)


def settings_of(spec: StreamSpec, weights: SileroWeights | None) -> Settings:
    """Everything but what the engine draws for itself (SSRC, first numbers, the wall clock).

    `weights`: what confirms speech, if anything does.
    """
    return {
        "codings": tuple((CODECS[coding.codec].native, coding.payload_type) for coding in spec.codings()),
        "say_hz": spec.rate_hz,
        "hear_hz": spec.heard_hz,
        "ptime_ms": spec.ptime_ms,
        "opus_complexity": spec.opus_complexity,
        "opus_fec": spec.opus_fec,
        "opus_dtx": spec.opus_dtx,
        "opus_bit_rate": spec.opus_bit_rate,
        "telephone_event_type": spec.telephone_event_type,
        "inband_dtmf": spec.inband_dtmf,
        "comfort_noise_type": spec.comfort_noise_type,
        "remote": spec.remote,
        "aec": spec.aec,
        "ns": spec.ns and spec.ns_strength > 0,
        "ns_percent": round(100 * spec.ns_strength),
        "high_pass": spec.high_pass,
        "agc_dbfs": spec.agc_dbfs,
        "vad": spec.vad,
        "silero": weights if spec.confirm else None,
        "lock_source": spec.lock_source,
        "bridge": spec.bridge,
        "rtcp": RTCP[spec.rtcp],
        "rtcp_remote": spec.rtcp_remote,
        "keying": KEYING[spec.keying],
        "srtp": None if spec.srtp is None else spec.srtp.native(),
        "aec_tail_ms": spec.aec_tail_ms,
        "plc": METHODS[spec.plc],
        "reorder_ms": spec.reorder_ms,
        "playout_ms": spec.playout_ms,
        "rewind_ms": spec.rewinds_ms,
        "ears_ms": spec.ears_ms,
        "far_delay_ms": spec.far_delay_ms,
        "far_delay_error_ms": spec.far_delay_error_ms,
        "media_timeout_ms": spec.media_timeout_ms,
    }
