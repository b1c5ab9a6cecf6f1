# The contract of ms_silero.h and of the gate in ms_kernels.h; units and ranges stand there.
from libc.stdint cimport int16_t, int32_t, uint32_t

cdef extern from "ms_types.h" nogil:
    enum:
        MS_E_ARGUMENT

cdef extern from "ms_kernels.h" nogil:
    enum:
        MS_GATE_QUIET
        MS_GATE_ONSET
        MS_GATE_SPEECH
        MS_GATE_OFFSET

    ctypedef struct ms_gate:
        int32_t rate_hz
    int ms_gate_init(ms_gate*, int32_t rate_hz)
    int ms_gate_process(ms_gate*, const int16_t* pcm_10ms, float residual_dbfs)
    bint ms_gate_active(const ms_gate*)
    float ms_gate_noise_dbfs(const ms_gate*)
    float ms_gate_speech_dbfs(const ms_gate*)

cdef extern from "ms_spectrum.h" nogil:
    enum:
        MS_SPECTRUM_SAMPLES
        MS_SPECTRUM_BINS
    void ms_spectrum(const int16_t* pcm, float* power)

cdef extern from "ms_silero.h" nogil:
    enum:
        MS_SILERO_CHUNK
        MS_SILERO_REMEMBERED

    ctypedef struct ms_silero_weights:
        pass
    size_t ms_silero_weights_size()
    int ms_silero_weights_load(ms_silero_weights*, const void* file, size_t n)

    ctypedef struct ms_silero:
        const ms_silero_weights* weights
    void ms_silero_init(ms_silero*, const ms_silero_weights*)
    void ms_silero_reset(ms_silero*)
    void ms_silero_remember(ms_silero*, const int16_t* pcm, size_t n)
    bint ms_silero_process(ms_silero*, const int16_t* pcm, size_t n, float* probability)


cdef class SileroWeights:
    cdef ms_silero_weights* weights
