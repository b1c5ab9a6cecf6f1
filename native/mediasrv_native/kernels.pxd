# The contract of native/c/kernels/ms_kernels.h; units and ranges stand there.
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t

cdef extern from "ms_types.h" nogil:
    enum:
        MS_OK
        MS_E_ARGUMENT
        MS_E_MEMORY
        MS_FRAME_MS

cdef extern from "ms_kernels.h" nogil:
    void ms_g711_decode_u(const uint8_t* octets, int16_t* pcm, size_t n)
    void ms_g711_decode_a(const uint8_t* octets, int16_t* pcm, size_t n)
    void ms_g711_encode_u(const int16_t* pcm, uint8_t* octets, size_t n)
    void ms_g711_encode_a(const int16_t* pcm, uint8_t* octets, size_t n)

    ctypedef struct ms_resampler:
        int32_t in_hz, out_hz
    int ms_resampler_init(ms_resampler*, int32_t in_hz, int32_t out_hz)
    size_t ms_resampler_output(const ms_resampler*, size_t n_in)
    size_t ms_resampler_process(ms_resampler*, const int16_t* pcm, size_t n_in, int16_t* out)
    double ms_resampler_lag_ms(const ms_resampler*)

    ctypedef struct ms_echo:
        pass
    size_t ms_echo_size(int32_t rate_hz, int tail_ms)
    int ms_echo_init(ms_echo*, int32_t rate_hz, int32_t clock_hz, int tail_ms)
    void ms_echo_reference(ms_echo*, const int16_t* sent, size_t n, int64_t due_ns)
    void ms_echo_arrival(ms_echo*, int64_t rtp_extended, int64_t received_ns)
    void ms_echo_resync(ms_echo*)
    void ms_echo_set_delay(ms_echo*, int32_t delay_samples)
    void ms_echo_process(ms_echo*, const int16_t* near, int16_t* out, size_t n, int64_t rtp_extended)
    float ms_echo_erle_db(const ms_echo*)
    float ms_echo_skew_ppm(const ms_echo*)
    float ms_echo_residual_dbfs(const ms_echo*)

    ctypedef struct ms_noise:
        pass
    size_t ms_noise_size(int32_t rate_hz)
    int ms_noise_init(ms_noise*, int32_t rate_hz, ms_echo*)
    void ms_noise_process(ms_noise*, int16_t* pcm, size_t n)

    ctypedef struct ms_gate:
        int32_t rate_hz
    int ms_gate_init(ms_gate*, int32_t rate_hz)
    int ms_gate_process(ms_gate*, const int16_t* pcm_10ms, float residual_dbfs)
    float ms_gate_noise_dbfs(const ms_gate*)
    float ms_gate_speech_dbfs(const ms_gate*)

    ctypedef struct ms_dtmf_receiver:
        uint16_t duration
    void ms_dtmf_init(ms_dtmf_receiver*)
    int ms_dtmf_receive(ms_dtmf_receiver*, const uint8_t* payload, size_t n, int64_t rtp_extended, uint8_t* key)
