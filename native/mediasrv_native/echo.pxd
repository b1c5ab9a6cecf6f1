# The contract of ms_kernels.h (echo canceller, noise suppressor); units and ranges stand there.
from libc.stdint cimport int16_t, int32_t, int64_t

cdef extern from "ms_types.h" nogil:
    enum:
        MS_OK
        MS_FRAME_MS

cdef extern from "ms_kernels.h" nogil:
    ctypedef struct ms_echo:
        pass
    size_t ms_echo_size(int32_t rate_hz, int tail_ms)
    int ms_echo_init(ms_echo*, int32_t rate_hz, int32_t clock_hz, int tail_ms)
    void ms_echo_reference(ms_echo*, const int16_t* sent, size_t n, int64_t due_ns)
    void ms_echo_arrival(ms_echo*, int64_t rtp_extended, int64_t received_ns)
    void ms_echo_resync(ms_echo*)
    void ms_echo_process(ms_echo*, const int16_t* near, int16_t* out, size_t n, int64_t rtp_extended)
    const float* ms_echo_estimate(const ms_echo*)
    float ms_echo_erle_db(const ms_echo*)
    int32_t ms_echo_delay_ms(const ms_echo*)
    float ms_echo_skew_ppm(const ms_echo*)
    float ms_echo_residual_dbfs(const ms_echo*)

    ctypedef struct ms_noise:
        pass
    size_t ms_noise_size(int32_t rate_hz)
    int ms_noise_init(ms_noise*, int32_t rate_hz)
    void ms_noise_process(ms_noise*, int16_t* pcm, size_t n)

cdef extern from "ms_residual.h" nogil:
    ctypedef struct ms_residual:
        pass
    size_t ms_residual_size(int32_t rate_hz)
    int ms_residual_init(ms_residual*, int32_t rate_hz)
    void ms_residual_process(ms_residual*, int16_t* pcm, const float* echo, size_t n)
