# The contract of native/c/kernels/ms_jitter.h and what it is made of; units and ranges stand there.
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "ms_types.h" nogil:
    enum:
        MS_OK
        MS_FRAME_MS

cdef extern from "ms_jitter.h" nogil:
    ctypedef struct ms_jitter_config:
        int32_t rate_hz
        uint16_t min_ms, max_ms
        float quantile

    ctypedef struct ms_jitter_made:
        uint16_t played, concealed, noise, stretched, shrunk
        int64_t rtp_begin, rtp_end

    ctypedef struct ms_jitter_statistics:
        uint64_t packets, duplicate, late, partly_late, out_of_order, restarts
        uint64_t in_samples, refused_samples, held_samples, out_samples
        uint64_t played, concealed_voice, concealed_silence, noise
        uint64_t stretched, shrunk, flushed, filled_before_us
        float current_ms, target_ms, jitter_ms, loss

    ctypedef struct ms_jitter:
        pass
    size_t ms_jitter_size(const ms_jitter_config*)
    int ms_jitter_init(ms_jitter*, const ms_jitter_config*)
    void ms_jitter_reset(ms_jitter*)
    int ms_jitter_put(ms_jitter*, const int16_t* pcm, size_t n, int64_t rtp_extended, int64_t arrival_ns, uint32_t flags)
    int ms_jitter_take(ms_jitter*, int16_t* out, size_t n, int64_t due_ns, ms_jitter_made*)
    void ms_jitter_get_statistics(const ms_jitter*, ms_jitter_statistics*)

cdef extern from "ms_delay.h" nogil:
    ctypedef struct ms_delay:
        float target_ms, quantile_ms, jitter_ms
    void ms_delay_init(ms_delay*, int32_t rate_hz, float quantile)
    void ms_delay_restart(ms_delay*)
    void ms_delay_arrival(ms_delay*, int64_t rtp_extended, int64_t arrival_ns, bint calm)
    int64_t ms_delay_of(const ms_delay*, int64_t rtp_extended, int64_t arrival_ns)
    int64_t ms_delay_front(const ms_delay*, int64_t ns)

cdef extern from "ms_stretch.h" nogil:
    enum:
        MS_STRETCH_BLEND_MS
    int32_t ms_stretch_find(const int16_t* sound, int32_t rate_hz, int32_t first, int32_t last, float likeness)
    void ms_stretch_apply(const int16_t* sound, int32_t rate_hz, int32_t shift, int16_t* out, size_t n)
