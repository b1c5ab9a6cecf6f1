"""The jitter buffer and its parts, one call each, for tests and benchmarks.

Audio goes in and out as bytes of int16 in the machine's order. Nothing here is in a call's path: the engine
calls the same C directly.
"""

from libc.stdlib cimport calloc, free
from time import perf_counter_ns
from typing import NamedTuple

CONCEALED, QUIET = 1, 2
TAKEN, LATE, PARTLY_LATE, DUPLICATE = range(4)


class Made(NamedTuple):
    played: int
    concealed: int
    noise: int
    stretched: int
    shrunk: int
    rtp_begin: int
    rtp_end: int


class JitterStatistics(NamedTuple):
    packets: int
    duplicate: int
    late: int
    partly_late: int
    out_of_order: int
    restarts: int
    in_samples: int
    refused_samples: int
    held_samples: int
    out_samples: int
    played: int
    concealed_voice: int
    concealed_silence: int
    noise: int
    stretched: int
    shrunk: int
    flushed: int
    filled_before_us: int
    current_ms: float
    target_ms: float
    jitter_ms: float
    loss: float


cdef size_t samples_in(bytes pcm) except? 0:
    if len(pcm) % sizeof(int16_t):
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    return <size_t>len(pcm) // sizeof(int16_t)


cdef int check(int status) except -1:
    if status < 0:
        raise ValueError("out of the jitter buffer's range")
    return status


cdef class JitterBuffer:
    cdef ms_jitter* state
    cdef int frame
    cdef readonly size_t size_bytes

    def __cinit__(self, int rate_hz, *, uint16_t min_ms=0, uint16_t max_ms=0, float quantile=0.0):
        cdef ms_jitter_config config = ms_jitter_config(rate_hz, min_ms, max_ms, quantile)
        self.size_bytes = ms_jitter_size(&config)
        if self.size_bytes == 0:
            raise ValueError("out of the jitter buffer's range")
        self.state = <ms_jitter*>calloc(1, self.size_bytes)
        if self.state == NULL:
            raise MemoryError
        check(ms_jitter_init(self.state, &config))
        self.frame = rate_hz // 1000 * MS_FRAME_MS

    def __dealloc__(self):
        free(self.state)

    def put(self, bytes pcm not None, int64_t rtp_extended, int64_t arrival_ns, uint32_t flags=0):
        cdef const int16_t* samples = <const int16_t*><const char*>pcm
        return check(ms_jitter_put(self.state, samples, samples_in(pcm), rtp_extended, arrival_ns, flags))

    def take(self, int64_t due_ns):
        cdef bytearray out = bytearray(sizeof(int16_t) * self.frame)
        cdef ms_jitter_made m
        check(ms_jitter_take(self.state, <int16_t*><char*>out, self.frame, due_ns, &m))
        return bytes(out), Made(m.played, m.concealed, m.noise, m.stretched, m.shrunk, m.rtp_begin, m.rtp_end)

    def reset(self):
        ms_jitter_reset(self.state)

    @property
    def statistics(self):
        cdef ms_jitter_statistics s
        ms_jitter_get_statistics(self.state, &s)
        return JitterStatistics(
            s.packets, s.duplicate, s.late, s.partly_late, s.out_of_order, s.restarts,
            s.in_samples, s.refused_samples, s.held_samples, s.out_samples,
            s.played, s.concealed_voice, s.concealed_silence, s.noise,
            s.stretched, s.shrunk, s.flushed, s.filled_before_us,
            s.current_ms, s.target_ms, s.jitter_ms, s.loss,
        )


cdef class DelayEstimate:
    cdef ms_delay state

    def __init__(self, int rate_hz, float quantile):
        ms_delay_init(&self.state, rate_hz, quantile)

    def arrival(self, int64_t rtp_extended, int64_t arrival_ns, bint calm=False):
        ms_delay_arrival(&self.state, rtp_extended, arrival_ns, calm)

    def restart(self):
        ms_delay_restart(&self.state)

    def delay_samples(self, int64_t rtp_extended, int64_t arrival_ns):
        return ms_delay_of(&self.state, rtp_extended, arrival_ns)

    def front(self, int64_t ns):
        return ms_delay_front(&self.state, ns)

    @property
    def target_ms(self):
        return self.state.target_ms

    @property
    def quantile_ms(self):
        return self.state.quantile_ms

    @property
    def jitter_ms(self):
        return self.state.jitter_ms


cdef int check_reach(bytes pcm, int at, int low, int high) except -1:
    if at + low < 0 or at + high > <int>samples_in(pcm):
        raise ValueError(f"{low} to {high} from sample {at} lie outside of {len(pcm)} bytes")
    return 0


def find_shift(bytes pcm not None, int at, int rate_hz, int first, int last, float likeness):
    """The shift at which what stands there is most like what stands at `at`."""
    check_reach(pcm, at, min(first, 0), max(last, 0) + rate_hz // 1000 * MS_STRETCH_BLEND_MS)
    return ms_stretch_find(<const int16_t*><const char*>pcm + at, rate_hz, first, last, likeness)


def apply_shift(bytes pcm not None, int at, int rate_hz, int shift, int samples):
    """`samples` that begin as what stands at `at` and go on as what stands `shift` further."""
    check_reach(pcm, at, min(shift, 0), max(shift, 0) + samples)
    cdef bytearray out = bytearray(sizeof(int16_t) * samples)
    ms_stretch_apply(<const int16_t*><const char*>pcm + at, rate_hz, shift, <int16_t*><char*>out, samples)
    return bytes(out)


def benchmark(bytes pcm_8khz not None, int frames=2000):
    """Nanoseconds a frame of 20 ms at 8 kHz takes through the buffer, the calls from Python included."""
    cdef int frame_bytes = 320
    chunks = [pcm_8khz[i:i + frame_bytes] for i in range(0, len(pcm_8khz) - frame_bytes + 1, frame_bytes)]
    if len(pcm_8khz) < 640:
        raise ValueError("less than 40 ms of sound")
    return {
        "jitter_punctual": _time_each(chunks, frames, 0, 1),
        "jitter_one_in_ten_lost": _time_each(chunks, frames, 0, 10),
        "jitter_stretching": _time_each(chunks, frames, 40, 1),
        "jitter_delay": _time_delay(frames),
        "stretch_find_each": _time_find(pcm_8khz, frames),
    }


def _time_delay(int frames):
    estimate = DelayEstimate(8000, 0.93)
    cdef int i
    started_ns = perf_counter_ns()
    for i in range(frames):
        estimate.arrival(i * 160, i * <int64_t>20_000_000 + i % 7 * <int64_t>5_000_000)
    return (perf_counter_ns() - started_ns) / frames


def _time_find(bytes pcm_8khz, int frames):
    """Every shift from 2.5 to 15 ms, tried all over the sound."""
    cdef int i, places = max(1, <int>(len(pcm_8khz) // 2 - 240))
    started_ns = perf_counter_ns()
    for i in range(frames):
        find_shift(pcm_8khz, i * 160 % places, 8000, 20, 120, 0.9)
    return (perf_counter_ns() - started_ns) / frames


def _time_each(chunks, int frames, int swing_ms, int lost_of):
    """`swing_ms`: the network's delay goes up and down by that much each second, so that frames are always stretched."""
    buffer = JitterBuffer(8000)
    cdef int i, count = len(chunks)
    cdef int64_t due_ns, late_ns
    started_ns = perf_counter_ns()
    for i in range(frames):
        due_ns = i * <int64_t>20_000_000
        late_ns = swing_ms * <int64_t>1_000_000 if i // 50 % 2 else 0
        if lost_of == 1 or i % lost_of:
            buffer.put(chunks[i % count], i * 160, due_ns + late_ns)
        buffer.take(due_ns + 1_000_000)
    return (perf_counter_ns() - started_ns) / frames
