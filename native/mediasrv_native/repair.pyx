"""The concealer (native/c/kernels/ms_conceal.h) for Python; repair.pyi is its face."""

from libc.stdint cimport int16_t, int32_t
from libc.stdlib cimport free, malloc

from time import perf_counter_ns

from mediasrv_native.errors import raise_status

cdef extern from "ms_conceal.h" nogil:
    enum: MS_CONCEAL_WAVEFORM
    enum: MS_CONCEAL_REPEAT
    enum: MS_CONCEAL_LINEAR
    enum: MS_CONCEAL_SPECTRAL
    enum: MS_CONCEAL_AUTO

    ctypedef struct ms_concealer:
        pass
    size_t ms_concealer_size(int32_t rate_hz, int method)
    int ms_concealer_init(ms_concealer*, int32_t rate_hz, int method)
    void ms_concealer_good(ms_concealer*, int16_t* pcm, size_t n)
    void ms_concealer_lost(ms_concealer*, int16_t* out, size_t n)
    float ms_concealer_loss(const ms_concealer*)

METHODS = {
    "waveform": MS_CONCEAL_WAVEFORM, "repeat": MS_CONCEAL_REPEAT, "linear": MS_CONCEAL_LINEAR,
    "spectral": MS_CONCEAL_SPECTRAL, "auto": MS_CONCEAL_AUTO,
}


cdef class Concealer:
    cdef ms_concealer* state

    def __cinit__(self, int rate_hz, int method=MS_CONCEAL_WAVEFORM):
        cdef size_t size = ms_concealer_size(rate_hz, method)
        if size == 0:
            raise_status(-1, "setting a concealer up")
        self.state = <ms_concealer*>malloc(size)
        if self.state == NULL:
            raise MemoryError
        ms_concealer_init(self.state, rate_hz, method)

    def __dealloc__(self):
        free(self.state)

    def good(self, bytes pcm not None):
        cdef bytearray out = bytearray(pcm)
        ms_concealer_good(self.state, <int16_t*><char*>out, len(out) // 2)
        return bytes(out)

    def lost(self, int samples):
        if samples < 0:
            raise_status(-1, "concealing")
        cdef bytearray out = bytearray(2 * samples)
        ms_concealer_lost(self.state, <int16_t*><char*>out, samples)
        return bytes(out)

    @property
    def loss(self):
        return ms_concealer_loss(self.state)


def benchmark(bytes pcm_8khz not None, int frames=2000):
    """Nanoseconds for 20 ms at 8 kHz, the call from Python included."""
    chunks = [pcm_8khz[i:i + 320] for i in range(0, len(pcm_8khz) - 319, 320)]
    spent = {}
    for name, method in METHODS.items():
        concealer = Concealer(8000, method)
        good_ns = lost_ns = 0
        for k in range(frames):
            started_ns = perf_counter_ns()
            if k % 2:
                concealer.lost(160)
                lost_ns += perf_counter_ns() - started_ns
            else:
                concealer.good(chunks[k % len(chunks)])
                good_ns += perf_counter_ns() - started_ns
        spent[f"conceal_{name}_lost"] = lost_ns / (frames // 2)
        spent[f"conceal_{name}_after_loss"] = good_ns / (frames // 2)
    return spent
