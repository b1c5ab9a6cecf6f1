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


    ctypedef struct ms_dtmf_receiver:
        uint16_t duration
    void ms_dtmf_init(ms_dtmf_receiver*, int32_t clock_hz)
    int ms_dtmf_receive(ms_dtmf_receiver*, const uint8_t* payload, size_t n, int64_t rtp_extended, uint8_t* key)
