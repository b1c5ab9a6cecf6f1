"""The kernels that tell speech from everything else, one call each, for tests and benchmarks: the gate and Silero.

Audio goes in as bytes of int16 in the machine's order. A call's path does not lead through here, but for the weights,
which are read once and handed to the engine with each stream's settings.
"""

from libc.stdlib cimport free
from posix.stdlib cimport posix_memalign
from time import perf_counter_ns

from mediasrv_native.errors import WrongArgument

QUIET = MS_GATE_QUIET
ONSET = MS_GATE_ONSET
SPEECH = MS_GATE_SPEECH
OFFSET = MS_GATE_OFFSET

CHUNK_SAMPLES = MS_SILERO_CHUNK
REMEMBERED_CHUNKS = MS_SILERO_REMEMBERED

DEF CACHE_LINE = 64


cdef size_t samples_in(bytes pcm) except? 0:
    if len(pcm) % sizeof(int16_t):
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    return <size_t>len(pcm) // sizeof(int16_t)


cdef class Gate:
    cdef ms_gate state

    def __init__(self, int rate_hz):
        if ms_gate_init(&self.state, rate_hz) < 0:
            raise WrongArgument(MS_E_ARGUMENT, "making a gate", f"{rate_hz} Hz is out of its range")

    def process(self, bytes pcm_10ms not None, float residual_dbfs=-120):
        if samples_in(pcm_10ms) != <size_t>(self.state.rate_hz // 100):
            raise ValueError(f"{len(pcm_10ms)} bytes are not 10 ms")
        return ms_gate_process(&self.state, <const int16_t*><const char*>pcm_10ms, residual_dbfs)

    @property
    def is_active(self):
        return ms_gate_active(&self.state)

    @property
    def noise_dbfs(self):
        return ms_gate_noise_dbfs(&self.state)

    @property
    def speech_dbfs(self):
        return ms_gate_speech_dbfs(&self.state)


def power_spectrum(bytes pcm not None):
    """Of 256 samples at 8 kHz, as float32: what the gate looks at."""
    cdef float power[MS_SPECTRUM_BINS]
    if samples_in(pcm) != MS_SPECTRUM_SAMPLES:
        raise ValueError(f"{len(pcm)} bytes are not {MS_SPECTRUM_SAMPLES} samples")
    ms_spectrum(<const int16_t*><const char*>pcm, power)
    return (<char*>power)[:sizeof(power)]


cdef class SileroWeights:
    def __cinit__(self, bytes file not None):
        if posix_memalign(<void**>&self.weights, CACHE_LINE, ms_silero_weights_size()) != 0:
            self.weights = NULL
            raise MemoryError
        cdef const char* octets = file
        cdef size_t n = len(file)
        cdef int status
        with nogil:
            status = ms_silero_weights_load(self.weights, octets, n)
        if status < 0:
            raise WrongArgument(status, "reading Silero's weights", "these are not the network's tensors")

    def __dealloc__(self):
        free(self.weights)

    @property
    def nbytes(self):
        return ms_silero_weights_size()


cdef class Silero:
    cdef ms_silero state
    cdef SileroWeights weights  # live at least as long

    def __init__(self, SileroWeights weights not None):
        self.weights = weights
        ms_silero_init(&self.state, weights.weights)

    def reset(self):
        ms_silero_reset(&self.state)

    def remember(self, bytes pcm not None):
        ms_silero_remember(&self.state, <const int16_t*><const char*>pcm, samples_in(pcm))

    def process(self, bytes pcm not None):
        cdef size_t n = samples_in(pcm)
        cdef float probability = 0
        cdef bint judged = ms_silero_process(&self.state, <const int16_t*><const char*>pcm, n, &probability)
        return probability if judged else None

    @property
    def nbytes(self):
        return sizeof(self.state)


def benchmark(bytes pcm_8khz not None, SileroWeights weights=None, int frames=2000):
    """Nanoseconds for 20 ms at 8 kHz of the given sound in the gate, and with weights for a chunk of 32 ms in Silero
    (of the same octets: what they say makes no difference to it); the call from Python included."""
    cdef int i
    figures = {}
    gate, frame_bytes, chunk_bytes = Gate(8000), 160, 2 * MS_SILERO_CHUNK
    halves = [pcm_8khz[at:at + frame_bytes] for at in range(0, len(pcm_8khz) - frame_bytes + 1, frame_bytes)]
    chunks = [pcm_8khz[at:at + chunk_bytes] for at in range(0, len(pcm_8khz) - chunk_bytes + 1, chunk_bytes)]
    if not chunks:
        raise ValueError("less than 64 ms of sound")
    started_ns = perf_counter_ns()
    for i in range(2 * frames):
        gate.process(halves[i % len(halves)])
    figures["gate"] = (perf_counter_ns() - started_ns) / frames
    if weights is not None:
        silero = Silero(weights)
        started_ns = perf_counter_ns()
        for i in range(frames):
            silero.process(chunks[i % len(chunks)])
        figures["silero_per_32_ms"] = (perf_counter_ns() - started_ns) / frames
    return figures
