"""Keys and tones (native/c/kernels: ms_goertzel.h, ms_tones.h, the sender of ms_kernels.h), for tests and benchmarks."""

from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t, uint32_t
from time import perf_counter_ns

cdef extern from "ms_types.h" nogil:
    enum: MS_E_FULL

cdef extern from "ms_goertzel.h" nogil:
    ctypedef struct ms_goertzel:
        int32_t rate_hz, thinning
    ctypedef struct ms_goertzel_key:
        uint8_t code
        uint32_t duration_ms
    int ms_goertzel_init(ms_goertzel *g, int32_t rate_hz)
    int ms_goertzel_process(ms_goertzel *g, const int16_t *pcm, size_t n, ms_goertzel_key *key)
    bint ms_goertzel_sounds(const ms_goertzel *g)

cdef extern from "ms_tones.h" nogil:
    ctypedef struct ms_tones_config:
        int32_t rate_hz
        float hz[2]
        float dbfs[2]
        uint16_t on_ms, off_ms
        uint32_t total_ms
    ctypedef struct ms_tones:
        uint32_t at
    int ms_tones_init(ms_tones *t, const ms_tones_config *config)
    int ms_tones_init_key(ms_tones *t, int32_t rate_hz, uint8_t key, uint16_t duration_ms)
    size_t ms_tones_process(ms_tones *t, int16_t *out, size_t n)

cdef extern from "ms_kernels.h" nogil:
    ctypedef struct ms_dtmf_sender:
        int32_t clock_hz
    ctypedef struct ms_dtmf_packet:
        uint32_t timestamp
        uint8_t payload[4]
        bint marker "marker"
        bint done "done"
    int ms_dtmf_sender_init(ms_dtmf_sender *s, int32_t clock_hz)
    int ms_dtmf_sender_push(ms_dtmf_sender *s, uint8_t code, uint32_t duration_ms, uint16_t gap_ms)
    int ms_dtmf_sender_tick(ms_dtmf_sender *s, uint32_t timestamp, ms_dtmf_packet *out)
    bint ms_dtmf_sender_busy(const ms_dtmf_sender *s)


cdef int check(int status) except -1:
    if status == MS_E_FULL:
        raise BufferError("the queue is full")
    if status < 0:
        raise ValueError("out of the kernel's range")
    return status


cdef class Detector:
    cdef ms_goertzel state

    def __init__(self, int rate_hz):
        check(ms_goertzel_init(&self.state, rate_hz))

    def process(self, bytes pcm not None):
        cdef ms_goertzel_key key
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
        if check(ms_goertzel_process(&self.state, <const int16_t *><const char *>pcm, len(pcm) // 2, &key)):
            return key.code, key.duration_ms
        return None

    @property
    def sounds(self):
        return bool(ms_goertzel_sounds(&self.state))


cdef class Tones:
    cdef ms_tones state

    def __init__(self, int rate_hz, tuple hz not None, tuple dbfs not None, int on_ms, int off_ms=0, int total_ms=0):
        cdef ms_tones_config config
        config.rate_hz, config.on_ms, config.off_ms, config.total_ms = rate_hz, on_ms, off_ms, total_ms
        config.hz[0], config.hz[1] = hz
        config.dbfs[0], config.dbfs[1] = dbfs
        check(ms_tones_init(&self.state, &config))

    @staticmethod
    def of_key(int rate_hz, uint8_t key, uint16_t duration_ms):
        cdef Tones tones = Tones.__new__(Tones)
        check(ms_tones_init_key(&tones.state, rate_hz, key, duration_ms))
        return tones

    def process(self, size_t n):
        cdef bytearray out = bytearray(2 * n)
        cdef size_t sounding = ms_tones_process(&self.state, <int16_t *><char *>out, n)
        return bytes(out), sounding


cdef class DtmfSender:
    cdef ms_dtmf_sender state

    def __init__(self, int clock_hz=8000):
        check(ms_dtmf_sender_init(&self.state, clock_hz))

    def push(self, uint8_t code, uint32_t duration_ms=100, uint16_t gap_ms=60):
        check(ms_dtmf_sender_push(&self.state, code, duration_ms, gap_ms))

    def tick(self, uint32_t timestamp):
        cdef ms_dtmf_packet packet
        if not ms_dtmf_sender_tick(&self.state, timestamp, &packet):
            return None
        return packet.timestamp, bool(packet.marker), (<char *>packet.payload)[:4], bool(packet.done)

    @property
    def busy(self):
        return bool(ms_dtmf_sender_busy(&self.state))


def benchmark(bytes pcm_8khz not None, int frames=2000):
    """Nanoseconds for 20 ms at 8 kHz: looking for keys, making one, and the packets of one."""
    cdef ms_goertzel detector
    cdef ms_goertzel_key key
    cdef ms_tones tones
    cdef ms_dtmf_sender sender
    cdef ms_dtmf_packet packet
    cdef int16_t out[160]
    cdef const int16_t *pcm = <const int16_t *><const char *>pcm_8khz
    cdef int i, count = <int>(len(pcm_8khz) // 320)
    if count == 0:
        raise ValueError("less than 20 ms of sound")
    check(ms_goertzel_init(&detector, 8000))
    check(ms_tones_init_key(&tones, 8000, 5, 60000))
    check(ms_dtmf_sender_init(&sender, 8000))
    began_ns = perf_counter_ns()
    for i in range(frames):
        ms_goertzel_process(&detector, pcm + i % count * 160, 160, &key)
    looked_ns = perf_counter_ns()
    for i in range(frames):
        ms_tones_process(&tones, out, 160)
    made_ns = perf_counter_ns()
    for i in range(frames):
        if not ms_dtmf_sender_busy(&sender):
            ms_dtmf_sender_push(&sender, 5, 100, 60)
        ms_dtmf_sender_tick(&sender, 160 * i, &packet)
    sent_ns = perf_counter_ns()
    return {
        "dtmf_detect": (looked_ns - began_ns) / frames, "dtmf_tone": (made_ns - looked_ns) / frames,
        "dtmf_send": (sent_ns - made_ns) / frames,
    }
