"""The mixer's kernels (native/c/kernels/ms_mixer.h), for tests and benchmarks; calls use the same C directly."""

from libc.stdint cimport int16_t, uint32_t
from libc.string cimport memset
from time import perf_counter_ns

cdef extern from "ms_mixer.h" nogil:
    enum: MS_LIMITER_PIECES
    double MS_LIMITER_CEILING

    ctypedef struct ms_gain:
        float now

    ctypedef struct ms_limiter:
        float gain

    void ms_gain_init(ms_gain *gain, float value)
    void ms_gain_set(ms_gain *gain, float target, uint32_t ramp)
    bint ms_gain_is_silent(const ms_gain *gain)
    void ms_mixer_add(float *sum, const int16_t *pcm, uint32_t n, ms_gain *gain)
    void ms_limiter_init(ms_limiter *limiter)
    void ms_limiter_process(ms_limiter *limiter, const float *sum, int16_t *out, uint32_t n)

CEILING = MS_LIMITER_CEILING


cdef class Gain:
    cdef ms_gain state

    def __init__(self, float value=1):
        ms_gain_init(&self.state, value)

    def set(self, float target, uint32_t ramp):
        ms_gain_set(&self.state, target, ramp)

    @property
    def now(self):
        return self.state.now

    @property
    def is_silent(self):
        return ms_gain_is_silent(&self.state)

    def add(self, float[::1] total not None, bytes pcm not None):
        """total += pcm, at this gain."""
        if len(pcm) != 2 * total.shape[0] or not pcm:
            raise ValueError(f"{len(pcm)} bytes are not {total.shape[0]} samples")
        ms_mixer_add(&total[0], <const int16_t *><const char *>pcm, total.shape[0], &self.state)


cdef class Limiter:
    cdef ms_limiter state

    def __init__(self):
        ms_limiter_init(&self.state)

    @property
    def gain(self):
        return self.state.gain

    def process(self, float[::1] total not None):
        if total.shape[0] == 0 or total.shape[0] % MS_LIMITER_PIECES:
            raise ValueError(f"{total.shape[0]} samples are not a multiple of {MS_LIMITER_PIECES}")
        cdef bytearray out = bytearray(2 * total.shape[0])
        ms_limiter_process(&self.state, &total[0], <int16_t *><char *>out, total.shape[0])
        return bytes(out)


def benchmark(bytes pcm_8khz not None, int frames=2000):
    """Nanoseconds for 20 ms at 8 kHz: one more voice in the mixture, and the limiter over it."""
    cdef float total[160]
    cdef int16_t out[160]
    cdef ms_gain gain
    cdef ms_limiter limiter
    cdef const int16_t *pcm = <const int16_t *><const char *>pcm_8khz
    cdef int i
    if len(pcm_8khz) < <Py_ssize_t>sizeof(out):
        raise ValueError("less than 20 ms of sound")
    ms_gain_init(&gain, 0.5)
    ms_limiter_init(&limiter)
    memset(total, 0, sizeof(total))
    began_ns = perf_counter_ns()
    for i in range(frames):
        ms_mixer_add(total, pcm, 160, &gain)
    added_ns = perf_counter_ns()
    for i in range(frames):
        ms_limiter_process(&limiter, total, out, 160)
    return {"mix_add": (added_ns - began_ns) / frames, "mix_limit": (perf_counter_ns() - added_ns) / frames}
