"""native/c/instrument/ms_wire.h, for Cython."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "ms_types.h" nogil:
    ctypedef struct ms_address:
        uint8_t ip[16]
        uint16_t port
        uint8_t family


cdef extern from "ms_wire.h" nogil:
    enum:
        MS_WIRE_PAYLOAD
        MS_WIRE_SLOTS
        MS_WIRE_ANY_SLOT
        MS_WIRE_STALLS
        MS_FRAME_NS

    ctypedef struct ms_wire:
        pass

    ctypedef struct ms_wire_config:
        uint32_t capacity, heard_records, sent_records, capture_octets
        int16_t cpu
        uint16_t priority

    ctypedef struct ms_wire_stream_config:
        int32_t socket_fd
        uint32_t ssrc, first_timestamp
        uint16_t first_sequence, slot
        ms_address remote
        const uint8_t *bed
        uint32_t bed_octets, bed_start
        uint8_t coded, payload_type
        uint16_t frame_ticks

    ctypedef struct ms_wire_sent:
        pass

    ctypedef struct ms_wire_heard:
        pass

    ctypedef struct ms_wire_stall:
        int64_t due_ns, woke_ns

    ctypedef struct ms_wire_statistics:
        uint64_t sent, heard, malformed, foreign, send_errors, receive_errors, sent_lost, heard_lost, stalls
        int64_t stall_max_ns, late_max_ns
        uint64_t cpu_ns
        uint32_t streams
        uint8_t wire_fifo, witness_fifo

    ms_wire *ms_wire_new(const ms_wire_config *config, int *status) noexcept
    void ms_wire_free(ms_wire *wire) noexcept
    int ms_wire_start(ms_wire *wire) noexcept
    void ms_wire_stop(ms_wire *wire) noexcept
    int ms_wire_add(ms_wire *wire, const ms_wire_stream_config *config, uint32_t *stream) noexcept
    int ms_wire_remove(ms_wire *wire, uint32_t stream) noexcept
    int ms_wire_say(ms_wire *wire, uint32_t stream, uint32_t utterance, int64_t at_ns, const uint8_t *payload,
                    uint32_t n) noexcept
    uint32_t ms_wire_said(const ms_wire *wire, uint32_t stream) noexcept
    uint32_t ms_wire_take_sent(ms_wire *wire, ms_wire_sent *out, uint32_t capacity) noexcept
    uint32_t ms_wire_take_heard(ms_wire *wire, ms_wire_heard *out, uint32_t capacity) noexcept
    uint32_t ms_wire_sent_readable(const ms_wire *wire) noexcept
    uint32_t ms_wire_heard_readable(const ms_wire *wire) noexcept
    int ms_wire_captured(const ms_wire *wire, uint32_t capture, uint8_t *out, uint32_t n) noexcept
    uint32_t ms_wire_stalls(const ms_wire *wire, ms_wire_stall *out, uint32_t capacity) noexcept
    void ms_wire_get_statistics(const ms_wire *wire, ms_wire_statistics *out) noexcept
