# One stream, as pure state (native/c/core/ms_core.h): here only what crosses into Python.
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediasrv_native.rtp cimport ms_srtp_keys
from mediasrv_native.speech cimport ms_silero_weights


cdef extern from "ms_types.h" nogil:
    enum: MS_MAX_PACKET
    enum: MS_OK
    enum: MS_E_FULL
    enum: MS_E_ARGUMENT
    enum: MS_E_STALE

    ctypedef struct ms_address:
        uint8_t ip[16]
        uint16_t port       # host order
        uint8_t family      # 0 none, 4, 6


cdef extern from "ms_codec.h" nogil:
    enum: MS_PCMU
    enum: MS_PCMA
    enum: MS_G722
    enum: MS_L16
    enum: MS_OPUS


cdef extern from "ms_core.h" nogil:
    enum: MS_CODINGS
    enum: MS_PACKETS_A_TICK

    ctypedef struct ms_coding:
        uint8_t codec, payload_type

    ctypedef struct ms_config:
        int32_t say_hz, hear_hz
        ms_coding codings[4]    # MS_CODINGS
        uint8_t coding_count, ptime_ms
        uint8_t opus_complexity, opus_fec, opus_dtx, opus_expected_loss
        int32_t opus_bit_rate
        uint8_t inband_dtmf, telephone_event_type, comfort_noise_type
        uint8_t aec, ns, vad, ns_percent, high_pass, lock_source, plc, bridge
        int8_t agc_dbfs
        uint16_t aec_tail_ms, reorder_ms, playout_ms, rewind_ms, ears_ms
        uint16_t far_delay_ms, far_delay_error_ms
        uint32_t media_timeout_ms
        uint32_t ssrc, first_timestamp
        uint16_t first_sequence, bridge_min_ms, bridge_max_ms
        uint8_t rtcp, keying
        ms_address remote, rtcp_remote
        int64_t unix_offset_ns
        const ms_silero_weights *silero
        ms_srtp_keys srtp

    ctypedef struct ms_arming:
        uint16_t lease_ms
        uint8_t on_onset, on_lease

    enum ms_op:
        MS_OP_HOLD, MS_OP_DUCK, MS_OP_RELEASE, MS_OP_FLUSH, MS_OP_MARK, MS_OP_REMOTE, MS_OP_SENDING, MS_OP_HEARING
        MS_OP_CODING, MS_OP_PRESS, MS_OP_KEYS, MS_OP_COMFORT, MS_OP_PTIME

    ctypedef struct ms_command:
        uint8_t op, flag
        uint32_t generation, hold, name
        int64_t arg
        ms_address remote

    enum ms_event_kind:
        MS_EVENT_ONSET, MS_EVENT_OFFSET, MS_EVENT_HELD, MS_EVENT_RELEASED, MS_EVENT_FLUSHED, MS_EVENT_MARK
        MS_EVENT_FINISHED, MS_EVENT_STARVED, MS_EVENT_DTMF, MS_EVENT_DTMF_SENT, MS_EVENT_MEDIA_TIMEOUT, MS_EVENT_MEDIA_BACK
        MS_EVENT_LOCKED, MS_EVENT_EARS, MS_EVENT_ROOM, MS_EVENT_ADDED, MS_EVENT_REMOVED, MS_EVENT_FAULT
        MS_EVENT_CLIP_DONE, MS_EVENT_RECORDING, MS_EVENT_LULL

    enum ms_offset_reason:
        MS_OFFSET_QUIET, MS_OFFSET_DENIED

    enum ms_lull_reason:
        MS_LULL_BEGAN, MS_LULL_OVER

    enum ms_span_flag:
        MS_SPAN_GAP, MS_SPAN_MASKED, MS_SPAN_SPEECH, MS_SPAN_RESYNC, MS_SPAN_QUIET

    ctypedef struct ms_position:
        uint32_t generation, hold
        int64_t wire, source, heard, heard_error    # samples
        int64_t at_ns

    ctypedef struct ms_event:
        uint8_t kind, reason
        uint16_t code
        uint32_t hold, name
        int64_t arg, at_ns, rtp_extended
        ms_position position
        ms_address remote

    ctypedef struct ms_span:
        int64_t rtp_extended, at_ns
        uint32_t n, flags

    enum ms_keying:
        MS_KEYING_GIVEN, MS_KEYING_LATER, MS_KEYING_DTLS

    enum ms_rtcp_mode:
        MS_RTCP_OFF, MS_RTCP_MUX, MS_RTCP_PORT

    enum ms_channel:
        MS_CHANNEL_RTP, MS_CHANNEL_RTCP

    ctypedef struct ms_packet:
        ms_address to
        uint16_t n
        uint8_t channel
        uint8_t data[MS_MAX_PACKET]

    ctypedef struct ms_core_statistics:
        uint64_t packets_received, packets_sent, octets_received, octets_sent
        uint64_t malformed, foreign, unknown_type, duplicate, late, oversize, not_hearing, codec_errors
        uint64_t lost, reordered, concealed_samples, resyncs, ssrc_changes
        uint64_t concealed_speech_samples, comfort_received, comfort_sent
        uint64_t srtp_forged, srtp_replayed, reports_sent, reports_received
        uint64_t onsets, denials, holds, leases_expired, starved, ears_overruns, events_lost
        uint64_t ticks, ticks_skipped
        uint32_t jitter_us, rtt_us, remote_jitter_us, peer_bye
        float remote_loss, mos_listening, mos_conversational, bridge_delay_ms, bridge_target_ms
        float erle_db, skew_ppm, noise_dbfs, speech_dbfs
        int32_t echo_delay_ms
        uint32_t echo_seen
