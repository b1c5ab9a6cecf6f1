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
    bint ms_echo_seen(const ms_echo*)
    const float* ms_echo_estimate(const ms_echo*)
    float ms_echo_erle_db(const ms_echo*)
    int32_t ms_echo_delay_ms(const ms_echo*)
    float ms_echo_skew_ppm(const ms_echo*)
    float ms_echo_residual_dbfs(const ms_echo*)

    ctypedef struct ms_noise:
        pass
    size_t ms_noise_size(int32_t rate_hz)
    int ms_noise_init(ms_noise*, int32_t rate_hz, float strength)
    void ms_noise_process(ms_noise*, int16_t* pcm, size_t n)

cdef extern from "ms_residual.h" nogil:
    ctypedef struct ms_residual:
        pass
    size_t ms_residual_size(int32_t rate_hz)
    int ms_residual_init(ms_residual*, int32_t rate_hz)
    void ms_residual_process(ms_residual*, int16_t* pcm, const float* echo, size_t n)

cdef extern from "ms_level.h" nogil:
    ctypedef struct ms_high_pass:
        pass
    int ms_high_pass_init(ms_high_pass*, int32_t rate_hz)
    void ms_high_pass_process(ms_high_pass*, int16_t* pcm, size_t n)

    ctypedef struct ms_agc:
        pass
    int ms_agc_init(ms_agc*, int32_t rate_hz, float target_dbfs)
    void ms_agc_process(ms_agc*, int16_t* pcm, size_t n, bint speech)
    void ms_agc_level(ms_agc*, int16_t* pcm, size_t n, int32_t pause_peak)
    float ms_agc_gain_db(const ms_agc*)

cdef extern from "ms_clockmap.h" nogil:
    ctypedef struct ms_clockmap:
        pass
    void ms_clockmap_init(ms_clockmap*, int32_t clock_hz)
    void ms_clockmap_arrival(ms_clockmap*, int64_t rtp_extended, int64_t received_ns)
    double ms_clockmap_place(ms_clockmap*, int64_t rtp_extended, double* ns_per_tick)
    double ms_clockmap_skew_ppm(const ms_clockmap*)

cdef extern from "ms_kalman.h" nogil:
    ctypedef struct ms_kalman:
        pass
    size_t ms_kalman_size(int32_t rate_hz, int tail_ms)
    int ms_kalman_init(ms_kalman*, int32_t rate_hz, int tail_ms)
    void ms_kalman_process(ms_kalman*, const int16_t* far, const int16_t* near, float* cleaned, float* echo)
    void ms_kalman_pass(ms_kalman*, const int16_t* far)
    void ms_kalman_shift(ms_kalman*, int32_t blocks)

cdef extern from "ms_fft.h" nogil:
    ctypedef struct ms_fft:
        pass
    const ms_fft* ms_fft_of(int32_t n)
    void ms_fft_forward(const ms_fft*, const float* samples, float* re, float* im)
    void ms_fft_inverse(const ms_fft*, const float* re, const float* im, float* samples)

cdef extern from "ms_echo_search.h" nogil:
    ctypedef struct ms_echo_search:
        pass
    int ms_echo_search_init(ms_echo_search*, int32_t rate_hz)
    int32_t ms_echo_search_process(ms_echo_search*, const int16_t* far, const int16_t* near)

# The library that the canceller is measured against.
cdef extern from "speex/speex_echo.h" nogil:
    ctypedef struct SpeexEchoState:
        pass
    enum:
        SPEEX_ECHO_SET_SAMPLING_RATE
    SpeexEchoState* speex_echo_state_init(int frame, int tail)
    void speex_echo_cancellation(SpeexEchoState*, const int16_t* near, const int16_t* far, int16_t* out)
    int speex_echo_ctl(SpeexEchoState*, int request, void* value)

cdef extern from "speex/speex_preprocess.h" nogil:
    ctypedef struct SpeexPreprocessState:
        pass
    enum:
        SPEEX_PREPROCESS_SET_ECHO_STATE
        SPEEX_PREPROCESS_SET_DENOISE
    SpeexPreprocessState* speex_preprocess_state_init(int frame, int rate_hz)
    int speex_preprocess_run(SpeexPreprocessState*, int16_t* pcm)
    int speex_preprocess_ctl(SpeexPreprocessState*, int request, void* value)

cdef extern from "ms_arena.h" nogil:
    void ms_arena_enter(void* memory, size_t n)
    size_t ms_arena_leave()
