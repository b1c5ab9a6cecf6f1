# One core (native/c/core/ms_core.h), driven directly: what the tests need besides the structs of ms_core.pxd.
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from mediasrv_native.jitter cimport ms_jitter_statistics
from mediasrv_native.rtp cimport ms_srtp_keys
from mediasrv_native.ms_core cimport (
    ms_address, ms_arming, ms_command, ms_config, ms_core_statistics, ms_event, ms_packet, ms_position, ms_span,
)


cdef extern from "ms_types.h" nogil:
    enum: MS_URGENT
    enum: MS_FRAME_MS


cdef extern from "ms_core.h" nogil:
    enum: MS_CORE_ALIGNMENT

    ctypedef struct ms_core:
        pass

    ctypedef struct ms_gain:
        pass

    size_t ms_size(const ms_config *config)
    int ms_init(void *memory, size_t n, const ms_config *config, uint64_t seed)
    void ms_release(ms_core *core)
    # engine thread
    int ms_receive(ms_core *core, const uint8_t *packet, size_t n, const ms_address *source, int64_t received_ns)
    int ms_tick(ms_core *core, int64_t due_ns, int64_t now_ns, ms_packet *out, int capacity)
    void ms_gain_init(ms_gain *gain, float value)
    void ms_mix_in(ms_core *core, const int16_t *pcm, ms_gain *gain)
    const int16_t *ms_said(const ms_core *core)
    const int16_t *ms_sent(const ms_core *core)
    int ms_say_hz(const ms_core *core)
    int ms_farewell(ms_core *core, int64_t now_ns, ms_packet *out)
    int ms_apply(ms_core *core, const ms_command *command, int64_t now_ns)
    int ms_next_event(ms_core *core, ms_event *event)
    bint ms_urgent(const ms_core *core)
    int64_t ms_next_deadline(const ms_core *core)
    int ms_handle_deadline(ms_core *core, int64_t now_ns)
    void ms_position_now(const ms_core *core, ms_position *out)
    void ms_core_get_statistics(const ms_core *core, ms_core_statistics *out)
    # producer
    int ms_offer_keys(ms_core *core, const ms_srtp_keys *keys)
    int ms_play(ms_core *core, uint32_t generation, const ms_arming *arming, const int16_t *pcm, uint32_t n)
    int ms_finish(ms_core *core, uint32_t generation)
    uint32_t ms_room(const ms_core *core)
    # consumer
    int ms_read_ears(ms_core *core, int16_t *pcm, int capacity, ms_span *span)
    uint32_t ms_ears_readable(const ms_core *core)


cdef extern from "ms_bridge.h" nogil:
    const int16_t *ms_bridge_frame(ms_core *core, int64_t due_ns, int32_t rate_hz)
    bint ms_bridge_get_statistics(const ms_core *core, ms_jitter_statistics *out)


cdef class Core:
    cdef ms_core *core          # aligned, owned
    cdef object weights         # that the core points to, or None
    cdef int apply(self, ms_command *command, int64_t now_ns) except -1
