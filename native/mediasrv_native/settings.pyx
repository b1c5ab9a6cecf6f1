"""What a stream is asked to be, as keywords, in the struct that the core takes; addresses as (host, port)."""

from libc.string cimport memset

from mediasrv_native.errors import WrongArgument

from mediasrv_native.ms_core cimport *
from mediasrv_native.rtp cimport to_srtp_keys
from mediasrv_native.speech cimport SileroWeights

cdef extern from "arpa/inet.h" nogil:
    enum: AF_INET
    enum: AF_INET6
    int inet_pton(int family, const char *text, void *address)
    const char *inet_ntop(int family, const void *address, char *text, unsigned int size)

PCMU = MS_PCMU
PCMA = MS_PCMA
G722 = MS_G722
L16 = MS_L16
OPUS = MS_OPUS

RTCP_OFF = MS_RTCP_OFF
RTCP_MUX = MS_RTCP_MUX
RTCP_PORT = MS_RTCP_PORT

KEYING_GIVEN = MS_KEYING_GIVEN
KEYING_LATER = MS_KEYING_LATER
KEYING_DTLS = MS_KEYING_DTLS

DEFAULTS = {
    "say_hz": 8000, "hear_hz": 8000, "codings": ((PCMU, 0),), "ptime_ms": 20,
    "opus_complexity": 5, "opus_fec": 1, "opus_dtx": 0, "opus_expected_loss": 0, "opus_bit_rate": 0,
    "telephone_event_type": 0, "inband_dtmf": 0, "comfort_noise_type": 0,
    "aec": 0, "ns": 0, "vad": 0, "lock_source": 1, "bridge": 0, "plc": 0, "aec_tail_ms": 0,
    "ns_percent": 0, "high_pass": 0, "agc_dbfs": 0, "bridge_min_ms": 0, "bridge_max_ms": 0,
    "reorder_ms": 40, "playout_ms": 2000, "rewind_ms": 1000, "ears_ms": 1000,
    "far_delay_ms": 60, "far_delay_error_ms": 40, "media_timeout_ms": 0,
    "ssrc": 0x1234, "first_timestamp": 0, "first_sequence": 0, "remote": None,
    "rtcp": MS_RTCP_OFF, "rtcp_remote": None, "unix_offset_ns": 0, "srtp": None, "silero": None,
    "keying": MS_KEYING_GIVEN,
}


cdef int to_address(object pair, ms_address *out) except -1:
    memset(out, 0, sizeof(ms_address))
    if pair is None:
        return 0
    host, port = pair
    text = host.encode("ascii", "replace")
    if not 0 <= port <= 65535:
        raise ValueError(f"port {port} is not within 0-65535")
    if inet_pton(AF_INET, text, out.ip) == 1:
        out.family = 4
    elif inet_pton(AF_INET6, text, out.ip) == 1:
        out.family = 6
    else:
        raise ValueError(f"{host!r} is not an IP address")
    out.port = port
    return 0


cdef object from_address(const ms_address *address):
    cdef char text[64]
    if address.family == 0:
        return None
    inet_ntop(AF_INET if address.family == 4 else AF_INET6, address.ip, text, sizeof(text))
    return ((<bytes>text).decode("ascii"), address.port)


cdef int to_codings(object codings, ms_config *out) except -1:
    if not 1 <= len(codings) <= MS_CODINGS:
        raise WrongArgument(MS_E_ARGUMENT, "setting a stream up", f"one to {MS_CODINGS} codecs, not {len(codings)}")
    out.coding_count = len(codings)
    for i, (codec, payload_type) in enumerate(codings):
        out.codings[i].codec, out.codings[i].payload_type = codec, payload_type
    return 0


cdef int to_fields(dict c, ms_config *out) except -1:
    out.say_hz, out.hear_hz, out.ptime_ms = c["say_hz"], c["hear_hz"], c["ptime_ms"]
    out.opus_complexity, out.opus_fec, out.opus_dtx = c["opus_complexity"], c["opus_fec"], c["opus_dtx"]
    out.opus_expected_loss, out.opus_bit_rate = c["opus_expected_loss"], c["opus_bit_rate"]
    out.telephone_event_type, out.inband_dtmf = c["telephone_event_type"], c["inband_dtmf"]
    out.comfort_noise_type = c["comfort_noise_type"]
    out.aec, out.ns, out.vad, out.lock_source = c["aec"], c["ns"], c["vad"], c["lock_source"]
    out.plc = c["plc"]
    out.bridge, out.bridge_min_ms, out.bridge_max_ms = c["bridge"], c["bridge_min_ms"], c["bridge_max_ms"]
    out.ns_percent, out.high_pass, out.agc_dbfs = c["ns_percent"], c["high_pass"], c["agc_dbfs"]
    out.aec_tail_ms, out.reorder_ms, out.playout_ms = c["aec_tail_ms"], c["reorder_ms"], c["playout_ms"]
    out.rewind_ms, out.ears_ms = c["rewind_ms"], c["ears_ms"]
    out.far_delay_ms, out.far_delay_error_ms = c["far_delay_ms"], c["far_delay_error_ms"]
    out.media_timeout_ms, out.ssrc = c["media_timeout_ms"], c["ssrc"]
    out.first_timestamp, out.first_sequence = c["first_timestamp"], c["first_sequence"]
    out.rtcp, out.unix_offset_ns, out.keying = c["rtcp"], c["unix_offset_ns"], c["keying"]
    return 0


cdef int to_config(dict settings, ms_config *out) except -1:
    """What is not said is as in DEFAULTS."""
    unknown = settings.keys() - DEFAULTS.keys()
    if unknown:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    c = DEFAULTS | settings
    memset(out, 0, sizeof(ms_config))
    try:
        to_codings(c["codings"], out)
        to_fields(c, out)
    except OverflowError as error:  # wider than its C type: out of range all the more
        raise WrongArgument(MS_E_ARGUMENT, "setting a stream up", str(error)) from None
    cdef SileroWeights weights = c["silero"]
    out.silero = NULL if weights is None else weights.weights
    to_srtp_keys(c["srtp"], &out.srtp)
    to_address(c["rtcp_remote"], &out.rtcp_remote)
    return to_address(c["remote"], &out.remote)
