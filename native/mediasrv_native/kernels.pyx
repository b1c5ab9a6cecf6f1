"""The kernels of native/c, one call each, for tests and benchmarks.

Audio goes in and out as bytes of int16 in the machine's order. Nothing here is in a call's path: the engine
calls the same C directly.
"""

from libc.stdlib cimport calloc, free
from time import perf_counter_ns


cdef size_t samples_in(bytes pcm) except? 0:
    if len(pcm) % sizeof(int16_t):
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    return <size_t>len(pcm) // sizeof(int16_t)


cdef int check(int status) except -1:
    if status == MS_E_MEMORY:
        raise MemoryError
    if status < 0:
        raise ValueError("out of the kernel's range")
    return status


cdef void* new_memory(size_t size) except NULL:
    if size == 0:
        raise ValueError("out of the kernel's range")
    cdef void* memory = calloc(1, size)
    if memory == NULL:
        raise MemoryError
    return memory


def g711_decode_u(bytes octets not None):
    cdef bytearray out = bytearray(2 * len(octets))
    ms_g711_decode_u(octets, <int16_t*><char*>out, len(octets))
    return bytes(out)


def g711_decode_a(bytes octets not None):
    cdef bytearray out = bytearray(2 * len(octets))
    ms_g711_decode_a(octets, <int16_t*><char*>out, len(octets))
    return bytes(out)


def g711_encode_u(bytes pcm not None):
    cdef size_t n = samples_in(pcm)
    cdef bytearray out = bytearray(n)
    ms_g711_encode_u(<const int16_t*><const char*>pcm, <uint8_t*><char*>out, n)
    return bytes(out)


def g711_encode_a(bytes pcm not None):
    cdef size_t n = samples_in(pcm)
    cdef bytearray out = bytearray(n)
    ms_g711_encode_a(<const int16_t*><const char*>pcm, <uint8_t*><char*>out, n)
    return bytes(out)


cdef class Resampler:
    cdef ms_resampler state

    def __init__(self, int in_hz, int out_hz):
        check(ms_resampler_init(&self.state, in_hz, out_hz))

    def process(self, bytes pcm not None):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(sizeof(int16_t) * ms_resampler_output(&self.state, n))
        n = ms_resampler_process(&self.state, <const int16_t*><const char*>pcm, n, <int16_t*><char*>out)
        return bytes(out[:sizeof(int16_t) * n])

    @property
    def lag_ms(self):
        return ms_resampler_lag_ms(&self.state)


cdef class DtmfReceiver:
    cdef ms_dtmf_receiver state

    def __init__(self, int clock_hz=8000):
        ms_dtmf_init(&self.state, clock_hz)

    def receive(self, bytes payload not None, int64_t rtp_extended):
        cdef uint8_t key = 0
        cdef int status = check(ms_dtmf_receive(&self.state, payload, len(payload), rtp_extended, &key))
        return key if status else None

    @property
    def duration(self):
        return self.state.duration


def benchmark(bytes pcm_8khz not None, int frames=2000):
    """Nanoseconds each kernel takes for 20 ms at 8 kHz of the given sound, the call from Python included."""
    cdef int frame_bytes = 2 * 160
    chunks = [pcm_8khz[i:i + frame_bytes] for i in range(0, len(pcm_8khz) - frame_bytes + 1, frame_bytes)]
    if not chunks:
        raise ValueError("less than 20 ms of sound")
    return {name: _time_each(process, chunks, frames) for name, process in _kernels_in_turn().items()}


def _time_each(process, chunks, int frames):
    cdef int i, count = len(chunks)
    started_ns = perf_counter_ns()
    for i in range(frames):
        process(chunks[i % count], i)
    return (perf_counter_ns() - started_ns) / frames


def _kernels_in_turn():
    resampler, receiver, key = Resampler(8000, 16000), DtmfReceiver(), b"\x05\x0a\x00\xa0"
    return {
        "call_from_python": lambda pcm, frame: bytes(bytearray(pcm)),
        "g711_decode": lambda pcm, frame: g711_decode_u(pcm[:160]),
        "g711_encode": lambda pcm, frame: g711_encode_u(pcm),
        "resample_8_to_16": lambda pcm, frame: resampler.process(pcm),
        "dtmf_receive": lambda pcm, frame: receiver.receive(key, frame * 160),
    }
