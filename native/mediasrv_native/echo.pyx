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
    def seen(self):
        return bool(ms_echo_seen(self.state))

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

    def suppress(self, bytes pcm not None, bytes echo):
        """As `process`, with another estimate of the echo: as many float32, or None."""
        cdef size_t n = samples_in(pcm)
        if echo is not None and len(echo) != <Py_ssize_t>(n * sizeof(float)):
            raise ValueError("as many samples of echo as of sound")
        cdef bytearray out = bytearray(pcm)
        cdef const float* estimate = NULL if echo is None else <const float*><const char*>echo
        ms_residual_process(self.state, <int16_t*><char*>out, estimate, n)
        return bytes(out)


cdef class NoiseSuppressor:
    cdef ms_noise* state

    def __cinit__(self, int rate_hz, float strength=0.5):
        self.state = <ms_noise*>new_memory(ms_noise_size(rate_hz))
        check(ms_noise_init(self.state, rate_hz, strength))

    def __dealloc__(self):
        free(self.state)

    def process(self, bytes pcm not None):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(pcm)
        ms_noise_process(self.state, <int16_t*><char*>out, n)
        return bytes(out)


cdef class HighPass:
    cdef ms_high_pass state

    def __init__(self, int rate_hz):
        check(ms_high_pass_init(&self.state, rate_hz))

    def process(self, bytes pcm not None):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(pcm)
        ms_high_pass_process(&self.state, <int16_t*><char*>out, n)
        return bytes(out)


cdef class GainControl:
    cdef ms_agc state

    def __init__(self, int rate_hz, float target_dbfs):
        check(ms_agc_init(&self.state, rate_hz, target_dbfs))

    def process(self, bytes pcm not None, bint speech):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(pcm)
        ms_agc_process(&self.state, <int16_t*><char*>out, n, speech)
        return bytes(out)

    def level(self, bytes pcm not None, int32_t pause_peak):
        cdef size_t n = samples_in(pcm)
        cdef bytearray out = bytearray(pcm)
        ms_agc_level(&self.state, <int16_t*><char*>out, n, pause_peak)
        return bytes(out)

    @property
    def gain_db(self):
        return ms_agc_gain_db(&self.state)


cdef class ClockMap:
    """The sender's clock, seen from ours."""
    cdef ms_clockmap state

    def __init__(self, int clock_hz):
        if clock_hz < 1:
            raise ValueError("out of the kernel's range")
        ms_clockmap_init(&self.state, clock_hz)

    def arrival(self, int64_t rtp_extended, int64_t received_ns):
        ms_clockmap_arrival(&self.state, rtp_extended, received_ns)

    def place(self, int64_t rtp_extended):
        """Our time in ns since the first arrival, and ns a tick of what follows."""
        cdef double pace = 0, at_ns = ms_clockmap_place(&self.state, rtp_extended, &pace)
        return at_ns, pace

    @property
    def skew_ppm(self):
        return ms_clockmap_skew_ppm(&self.state)


cdef class AdaptiveFilter:
    """The canceller's filter alone: both sides in 10 ms that are aligned already."""
    cdef ms_kalman* state
    cdef size_t block

    def __cinit__(self, int rate_hz, int tail_ms):
        self.state = <ms_kalman*>new_memory(ms_kalman_size(rate_hz, tail_ms))
        self.block = rate_hz // 100
        check(ms_kalman_init(self.state, rate_hz, tail_ms))

    def __dealloc__(self):
        free(self.state)

    def process(self, bytes far not None, bytes near not None):
        """What is left, and what was taken off, as bytes of float32."""
        if samples_in(far) != self.block or samples_in(near) != self.block:
            raise ValueError("not 10 ms")
        cdef bytearray cleaned = bytearray(sizeof(float) * self.block)
        cdef bytearray echo = bytearray(sizeof(float) * self.block)
        ms_kalman_process(self.state, <const int16_t*><const char*>far, <const int16_t*><const char*>near,
                          <float*><char*>cleaned, <float*><char*>echo)
        return bytes(cleaned), bytes(echo)

    def hear(self, bytes far not None):
        """10 ms of the far end alone."""
        if samples_in(far) != self.block:
            raise ValueError("not 10 ms")
        ms_kalman_pass(self.state, <const int16_t*><const char*>far)

    def shift(self, int blocks):
        ms_kalman_shift(self.state, blocks)


cdef class DelaySearch:
    """How late the echo comes: both sides in 10 ms."""
    cdef ms_echo_search state
    cdef size_t block

    def __init__(self, int rate_hz):
        check(ms_echo_search_init(&self.state, rate_hz))
        self.block = rate_hz // 100

    def process(self, bytes far not None, bytes near not None):
        """The lag in blocks of 10 ms, -1: not known."""
        if samples_in(far) != self.block or samples_in(near) != self.block:
            raise ValueError("not 10 ms")
        return ms_echo_search_process(&self.state, <const int16_t*><const char*>far,
                                      <const int16_t*><const char*>near)


cdef const ms_fft* fft_of(size_t n) except NULL:
    cdef const ms_fft* fft = ms_fft_of(<int32_t>n)
    if fft == NULL:
        raise ValueError(f"no transform of {n} samples")
    return fft


def fft_forward(bytes samples not None):
    """Real and imaginary parts of the bins, from float32 to float32."""
    cdef size_t n = <size_t>len(samples) // sizeof(float)
    cdef const ms_fft* fft = fft_of(n)
    cdef bytearray re = bytearray(sizeof(float) * (n // 2 + 1)), im = bytearray(sizeof(float) * (n // 2 + 1))
    ms_fft_forward(fft, <const float*><const char*>samples, <float*><char*>re, <float*><char*>im)
    return bytes(re), bytes(im)


def fft_inverse(bytes re not None, bytes im not None):
    if len(re) != len(im) or len(re) < 8:
        raise ValueError("as many real as imaginary parts")
    cdef size_t n = 2 * (<size_t>len(re) // sizeof(float) - 1)
    cdef const ms_fft* fft = fft_of(n)
    cdef bytearray samples = bytearray(sizeof(float) * n)
    ms_fft_inverse(fft, <const float*><const char*>re, <const float*><const char*>im, <float*><char*>samples)
    return bytes(samples)


cdef class SpeexCanceller:
    """speexdsp's canceller, and its preprocessor behind it: what ours is measured against. Both sides are aligned."""
    cdef SpeexEchoState* echo
    cdef SpeexPreprocessState* preprocess
    cdef void* memory
    cdef size_t frame

    def __cinit__(self, int rate_hz, int tail_ms, *, bint preprocess=False):
        cdef int on = 1, size = 1 << 20
        self.memory = new_memory(size)
        self.frame = rate_hz // 50
        ms_arena_enter(self.memory, size)
        self.echo = speex_echo_state_init(<int>self.frame, rate_hz // 1000 * tail_ms)
        speex_echo_ctl(self.echo, SPEEX_ECHO_SET_SAMPLING_RATE, &rate_hz)
        if preprocess:
            self.preprocess = speex_preprocess_state_init(<int>self.frame, rate_hz)
            speex_preprocess_ctl(self.preprocess, SPEEX_PREPROCESS_SET_DENOISE, &on)
            speex_preprocess_ctl(self.preprocess, SPEEX_PREPROCESS_SET_ECHO_STATE, self.echo)
        ms_arena_leave()

    def __dealloc__(self):
        free(self.memory)

    def process(self, bytes far not None, bytes near not None):
        if samples_in(far) != self.frame or samples_in(near) != self.frame:
            raise ValueError("not 20 ms")
        cdef bytearray out = bytearray(near)
        speex_echo_cancellation(self.echo, <const int16_t*><const char*>near, <const int16_t*><const char*>far,
                                <int16_t*><char*>out)
        if self.preprocess != NULL:
            speex_preprocess_run(self.preprocess, <int16_t*><char*>out)
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
    def cancel(canceller, sent, near, frame):
        canceller.reference(sent, frame * 20_000_000)
        canceller.arrival(frame * 160, frame * 20_000_000 + 3_000_000)
        canceller.process(near, frame * 160)

    echo, resting, noise = EchoCanceller(8000, 128), EchoCanceller(8000, 128), NoiseSuppressor(8000)
    behind = EchoCanceller(8000, 128)
    residual, high_pass, gain = ResidualSuppressor(8000, behind), HighPass(8000), GainControl(8000, -20)
    library, search, adaptive = SpeexCanceller(8000, 128), DelaySearch(8000), AdaptiveFilter(8000, 128)
    samples = bytes(4 * 160)
    cancel(behind, bytes(b"\x00\x10" * 160), bytes(320), 0)

    return {
        "echo": lambda pcm, frame: cancel(echo, pcm, pcm, frame),
        "echo_resting": lambda pcm, frame: cancel(resting, bytes(320), pcm, frame),
        "echo_speexdsp": lambda pcm, frame: library.process(pcm, pcm),
        "echo_search": lambda pcm, frame: (search.process(pcm[:160], pcm[:160]), search.process(pcm[160:], pcm[160:])),
        "echo_filter": lambda pcm, frame: (adaptive.process(pcm[:160], pcm[:160]), adaptive.process(pcm[160:], pcm[160:])),
        "echo_transform_each": lambda pcm, frame: fft_inverse(*fft_forward(samples)),
        "echo_residual": lambda pcm, frame: residual.process(pcm),
        "noise": lambda pcm, frame: noise.process(pcm),
        "high_pass": lambda pcm, frame: high_pass.process(pcm),
        "gain_control": lambda pcm, frame: gain.process(pcm, True),
    }
