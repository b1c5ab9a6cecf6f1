"""What is taken off a caller's sound before it is listened to, one call each, for tests and benchmarks.

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


cdef class EchoCanceller:
    cdef ms_echo* state

    def __cinit__(self, int rate_hz, int tail_ms, int clock_hz=0):
        self.state = <ms_echo*>new_memory(ms_echo_size(rate_hz, tail_ms))
        check(ms_echo_init(self.state, rate_hz, clock_hz or rate_hz, tail_ms))

    def __dealloc__(self):
        free(self.state)

    def reference(self, bytes sent not None, int64_t due_ns):
        ms_echo_reference(self.state, <const int16_t*><const char*>sent, samples_in(sent), due_ns)

    def arrival(self, int64_t rtp_extended, int64_t received_ns):
        ms_echo_arrival(self.state, rtp_extended, received_ns)

    def resync(self):
        ms_echo_resync(self.state)

    def process(self, bytes near not None, int64_t rtp_extended):
        cdef size_t n = samples_in(near)
        cdef bytearray out = bytearray(near)
        ms_echo_process(self.state, <const int16_t*><const char*>near, <int16_t*><char*>out, n, rtp_extended)
        return bytes(out)

    @property
    def erle_db(self):
        return ms_echo_erle_db(self.state)

    @property
    def delay_ms(self):
        return ms_echo_delay_ms(self.state)

    @property
    def skew_ppm(self):
        return ms_echo_skew_ppm(self.state)

    @property
    def residual_dbfs(self):
        return ms_echo_residual_dbfs(self.state)


cdef class ResidualSuppressor:
    """Behind a canceller: it is given the frame that the canceller just cleaned."""
    cdef ms_residual* state
    cdef EchoCanceller echo

    def __cinit__(self, int rate_hz, EchoCanceller echo not None):
        self.echo = echo
        self.state = <ms_residual*>new_memory(ms_residual_size(rate_hz))
        check(ms_residual_init(self.state, rate_hz))

    def __dealloc__(self):
        free(self.state)

    def process(self, bytes pcm not None):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(pcm)
        ms_residual_process(self.state, <int16_t*><char*>out, ms_echo_estimate(self.echo.state), n)
        return bytes(out)


cdef class NoiseSuppressor:
    cdef ms_noise* state

    def __cinit__(self, int rate_hz):
        self.state = <ms_noise*>new_memory(ms_noise_size(rate_hz))
        check(ms_noise_init(self.state, rate_hz))

    def __dealloc__(self):
        free(self.state)

    def process(self, bytes pcm not None):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(pcm)
        ms_noise_process(self.state, <int16_t*><char*>out, n)
        return bytes(out)


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
    echo, resting, noise = EchoCanceller(8000, 128), EchoCanceller(8000, 128), NoiseSuppressor(8000)

    def cancel(canceller, sent, near, frame):
        canceller.reference(sent, frame * 20_000_000)
        canceller.arrival(frame * 160, frame * 20_000_000 + 3_000_000)
        canceller.process(near, frame * 160)

    return {
        "echo": lambda pcm, frame: cancel(echo, pcm, pcm, frame),
        "echo_resting": lambda pcm, frame: cancel(resting, bytes(320), pcm, frame),
        "noise": lambda pcm, frame: noise.process(pcm),
    }
