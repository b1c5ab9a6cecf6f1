# The shell around many cores (native/c/engine/ms_engine.h): a pool, a thread, two rings and an eventfd.
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediasrv_native.ms_core cimport (
    MS_MAX_PACKET,
    ms_address, ms_arming, ms_command, ms_config, ms_core_statistics, ms_event, ms_packet, ms_position, ms_span,
)
from mediasrv_native.rtp cimport ms_srtp_keys


cdef extern from "ms_engine.h" nogil:
    enum: MS_POLICY_NORMAL
    enum: MS_POLICY_SLICE
    enum: MS_POLICY_FIFO
    enum: MS_POLICY_BEST
    enum: MS_HISTOGRAM

    ctypedef struct ms_engine_config:
        uint32_t capacity, slots
        uint8_t manual, policy
        int16_t cpu
        uint16_t priority
        uint32_t commands, events, captured
        uint64_t seed

    ctypedef uint64_t ms_handle

    ctypedef struct ms_engine_event:
        ms_handle stream
        ms_event event

    ctypedef struct ms_out:
        ms_handle stream
        int64_t at_ns
        ms_packet packet

    ctypedef struct ms_engine_statistics:
        uint64_t wakeups, ticks, late_ticks_skipped, overruns
        uint64_t packets_received, packets_sent, send_errors, receive_errors
        uint64_t commands, commands_refused, events, events_deferred, captured_lost, datagrams, datagrams_dropped
        uint64_t cpu_ns
        uint64_t lateness[MS_HISTOGRAM]
        int64_t lateness_max_ns, slot_work_max_ns
        uint64_t machine_stalls
        int64_t machine_stall_max_ns
        uint32_t streams, capacity
        uint8_t policy
        int16_t cpu

    ctypedef struct ms_engine:
        pass

    # its life
    ms_engine *ms_engine_new(const ms_engine_config *config, int *status)
    int ms_engine_start(ms_engine *engine)
    void ms_engine_stop(ms_engine *engine)
    void ms_engine_free(ms_engine *engine)
    int ms_engine_eventfd(const ms_engine *engine)
    int ms_engine_try_policy(int wanted, int priority)

    # the pool
    ctypedef struct ms_sockets:
        int rtp_fd, rtcp_fd
        bint captured

    int ms_engine_add(ms_engine *engine, const ms_config *config, ms_sockets sockets, uint32_t group, ms_handle *out)
    int ms_engine_remove(ms_engine *engine, ms_handle stream)
    int ms_engine_reclaim(ms_engine *engine, ms_handle stream)

    # orders in
    int ms_engine_command(ms_engine *engine, ms_handle stream, const ms_command *command)
    int ms_engine_set_keys(ms_engine *engine, ms_handle stream, const ms_srtp_keys *keys)
    int ms_engine_play(ms_engine *engine, ms_handle stream, uint32_t generation, const ms_arming *arming,
                       const int16_t *pcm, uint32_t n)
    int ms_engine_finish(ms_engine *engine, ms_handle stream, uint32_t generation)
    int ms_engine_want_room(ms_engine *engine, ms_handle stream, uint32_t samples)
    int ms_engine_want_ears(ms_engine *engine, ms_handle stream, uint32_t samples)

    # DTLS
    ctypedef struct ms_datagram:
        ms_handle stream
        int64_t received_ns
        ms_address source
        uint16_t n
        uint8_t data[MS_MAX_PACKET]

    int ms_engine_next_datagram(ms_engine *engine, ms_datagram *out)
    int ms_engine_send_datagram(ms_engine *engine, ms_handle stream, const uint8_t *data, size_t n,
                                const ms_address *to)

    # captures
    enum ms_moment:
        MS_RECEIVED, MS_SENT, MS_OBEYED, MS_DEADLINE_MET, MS_TICKED

    ctypedef struct ms_captured:
        ms_handle stream
        int64_t at_ns
        int64_t due_ns
        uint64_t number
        ms_address peer
        uint16_t n
        uint8_t kind
        uint8_t data[MS_MAX_PACKET + 1]

    uint64_t ms_engine_moments(const ms_engine *engine)
    int ms_engine_again(ms_engine *engine, ms_handle stream, const ms_captured *moment)

    int ms_engine_capture(ms_engine *engine, ms_handle stream, bint on)
    int ms_engine_next_captured(ms_engine *engine, ms_captured *out)

    # listening
    enum: MS_CONNECTIONS

    enum ms_listen:
        MS_LISTEN_HEARD, MS_LISTEN_SAID

    ctypedef struct ms_clip:
        const int16_t *pcm
        uint32_t samples, id
        float gain
        uint16_t fade_ms
        uint8_t loop

    int ms_engine_move(ms_engine *engine, ms_handle stream, uint32_t group)
    int ms_engine_connect(ms_engine *engine, ms_handle listener, ms_handle source, ms_listen what, float gain)
    int ms_engine_disconnect(ms_engine *engine, ms_handle listener, ms_handle source, ms_listen what)
    int ms_engine_background(ms_engine *engine, ms_handle stream, const ms_clip *clip)

    # recording
    enum ms_record_format:
        MS_RECORD_WAV, MS_RECORD_OPUS

    enum ms_record_reason:
        MS_RECORD_STOPPED, MS_RECORD_FAILED

    enum ms_record_pause:
        MS_RECORD_GOES_ON, MS_RECORD_GAP, MS_RECORD_CUT

    enum ms_record_side:
        MS_RECORD_HEARD, MS_RECORD_SAID

    ctypedef struct ms_record_config:
        int fd
        uint32_t id
        uint8_t format
        int32_t bit_rate

    ctypedef struct ms_record_control:
        uint8_t pause, masked, stop

    int ms_engine_record(ms_engine *engine, ms_handle stream, const ms_record_config *config)
    int ms_engine_record_control(ms_engine *engine, ms_handle stream, uint32_t id, const ms_record_control *control)

    enum: MS_WAV_HEADER
    void ms_wav_header(uint8_t *out, int32_t rate_hz, uint64_t data_bytes)

    # answers out
    int ms_engine_read_ears(ms_engine *engine, ms_handle stream, int16_t *pcm, int capacity, ms_span *span)
    int ms_engine_ears_readable(ms_engine *engine, ms_handle stream)
    int ms_engine_next_event(ms_engine *engine, ms_engine_event *out)
    int ms_engine_position(ms_engine *engine, ms_handle stream, ms_position *out)
    int ms_engine_stream_statistics(ms_engine *engine, ms_handle stream, ms_core_statistics *out)
    void ms_engine_get_statistics(const ms_engine *engine, ms_engine_statistics *out)
    size_t ms_engine_bytes_per_stream(const ms_config *config)

    # manual mode
    int ms_engine_push(ms_engine *engine, ms_handle stream, const uint8_t *packet, size_t n, const ms_address *source,
                       int64_t received_ns)
    int ms_engine_step(ms_engine *engine, int64_t now_ns)
    int64_t ms_engine_next_step(const ms_engine *engine)
    int ms_engine_step_on(ms_engine *engine, int64_t before_ns, int64_t *slot_ns)
    int ms_engine_take_packet(ms_engine *engine, ms_out *out)
