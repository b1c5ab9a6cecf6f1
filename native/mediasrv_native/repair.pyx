"""The concealer and comfort noise (native/c/kernels/ms_conceal.h, ms_comfort.h) for Python; repair.pyi is their face."""

from libc.stdint cimport int16_t, int32_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from collections import namedtuple
from time import perf_counter_ns

from mediasrv_native.errors import raise_status

cdef extern from "ms_comfort.h" nogil:
    enum: MS_COMFORT_ORDER
    enum: MS_COMFORT_PAYLOAD

    ctypedef struct ms_comfort_noise:
        float power
        float reflections[MS_COMFORT_ORDER]
    int ms_comfort_parse(const uint8_t* payload, size_t n, ms_comfort_noise* out)
    size_t ms_comfort_write(const ms_comfort_noise*, uint8_t* payload)
    void ms_comfort_at_rate(ms_comfort_noise*, int32_t from_hz, int32_t to_hz)

    ctypedef struct ms_comfort_generator:
        pass
    void ms_comfort_generator_init(ms_comfort_generator*, int32_t rate_hz, uint32_t seed)
    void ms_comfort_aim(ms_comfort_generator*, const ms_comfort_noise*)
    void ms_comfort_fill(ms_comfort_generator*, int16_t* pcm, size_t n)

    ctypedef struct ms_comfort_listener:
        pass
    void ms_comfort_listener_init(ms_comfort_listener*, int32_t rate_hz)
    void ms_comfort_listen(ms_comfort_listener*, const int16_t* pcm, size_t n)
    void ms_comfort_told(ms_comfort_listener*, const ms_comfort_noise*)
    void ms_comfort_learnt(const ms_comfort_listener*, ms_comfort_noise* out)

    ctypedef struct ms_comfort_sender:
        pass
    void ms_comfort_sender_interrupt(ms_comfort_sender*)
    size_t ms_comfort_sender_describe(ms_comfort_sender*, const int16_t* pcm, size_t n, int32_t rate_hz,
                                      int32_t codec_hz, uint8_t* payload)

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
    void ms_concealer_told(ms_concealer*, const ms_comfort_noise*)
    float ms_concealer_loss(const ms_concealer*)

Noise = namedtuple("Noise", "power reflections")

METHODS = {
    "waveform": MS_CONCEAL_WAVEFORM, "repeat": MS_CONCEAL_REPEAT, "linear": MS_CONCEAL_LINEAR,
    "spectral": MS_CONCEAL_SPECTRAL, "auto": MS_CONCEAL_AUTO,
}


cdef ms_comfort_noise to_noise(object noise) except *:
    cdef ms_comfort_noise out
    memset(&out, 0, sizeof(out))
    out.power = noise.power
    for i, reflection in enumerate(noise.reflections[:MS_COMFORT_ORDER]):
        out.reflections[i] = reflection
    return out


cdef object from_noise(const ms_comfort_noise* noise):
    return Noise(noise.power, tuple(noise.reflections[i] for i in range(MS_COMFORT_ORDER)))


cdef int check_rate(int rate_hz) except -1:
    if rate_hz not in (8000, 16000, 24000, 48000):
        raise_status(-1, "setting comfort noise up")
    return 0


def comfort_parse(bytes payload not None):
    cdef ms_comfort_noise noise
    cdef int status = ms_comfort_parse(payload, len(payload), &noise)
    if status < 0:
        raise_status(status, "reading comfort noise")
    return from_noise(&noise)


def comfort_write(noise):
    cdef ms_comfort_noise wanted = to_noise(noise)
    cdef uint8_t payload[MS_COMFORT_PAYLOAD]
    return (<char*>payload)[:ms_comfort_write(&wanted, payload)]


def comfort_at_rate(noise, int from_hz, int to_hz):
    cdef ms_comfort_noise moved = to_noise(noise)
    check_rate(from_hz), check_rate(to_hz)
    ms_comfort_at_rate(&moved, from_hz, to_hz)
    return from_noise(&moved)


cdef class ComfortGenerator:
    cdef ms_comfort_generator state

    def __init__(self, int rate_hz, uint32_t seed=1):
        check_rate(rate_hz)
        ms_comfort_generator_init(&self.state, rate_hz, seed)

    def aim(self, noise):
        cdef ms_comfort_noise wanted = to_noise(noise)
        ms_comfort_aim(&self.state, &wanted)

    def make(self, int samples):
        if samples < 0:
            raise_status(-1, "making comfort noise")
        cdef bytearray out = bytearray(2 * samples)
        ms_comfort_fill(&self.state, <int16_t*><char*>out, samples)
        return bytes(out)


cdef class ComfortListener:
    cdef ms_comfort_listener state

    def __init__(self, int rate_hz):
        check_rate(rate_hz)
        ms_comfort_listener_init(&self.state, rate_hz)

    def listen(self, bytes pcm not None):
        ms_comfort_listen(&self.state, <const int16_t*><const char*>pcm, len(pcm) // 2)

    def told(self, noise):
        cdef ms_comfort_noise said = to_noise(noise)
        ms_comfort_told(&self.state, &said)

    def learnt(self):
        cdef ms_comfort_noise noise
        ms_comfort_learnt(&self.state, &noise)
        return from_noise(&noise)


cdef class ComfortSender:
    cdef ms_comfort_sender state
    cdef int rate_hz, codec_hz

    def __init__(self, int rate_hz, int codec_hz):
        check_rate(rate_hz), check_rate(codec_hz)
        self.rate_hz, self.codec_hz = rate_hz, codec_hz

    def describe(self, bytes pcm not None):
        cdef uint8_t payload[MS_COMFORT_PAYLOAD]
        cdef size_t n = len(pcm) // 2
        if not self.rate_hz // 100 <= n <= self.rate_hz // 50 * 3:
            raise_status(-1, "describing silence")
        n = ms_comfort_sender_describe(&self.state, <const int16_t*><const char*>pcm, n, self.rate_hz, self.codec_hz,
                                       payload)
        return (<char*>payload)[:n] if n else None

    def interrupt(self):
        ms_comfort_sender_interrupt(&self.state)


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

    def told(self, noise):
        cdef ms_comfort_noise said = to_noise(noise)
        ms_concealer_told(self.state, &said)

    @property
    def loss(self):
        return ms_concealer_loss(self.state)


def benchmark(bytes pcm_8khz not None, int frames=2000):
    """Nanoseconds for 20 ms at 8 kHz, the call from Python included."""
    chunks = [pcm_8khz[i:i + 320] for i in range(0, len(pcm_8khz) - 319, 320)]
    spent = {}
    for name, method in METHODS.items():
        spent |= _time_concealer(name, Concealer(8000, method), chunks, frames)
    good, listener, generator = Concealer(8000), ComfortListener(8000), ComfortGenerator(8000)
    sender = ComfortSender(8000, 8000)
    generator.aim(Noise(100.0, (-0.5, 0.2)))
    return spent | {
        "conceal_good": _time_each(good.good, chunks, frames),
        "comfort_listen": _time_each(listener.listen, chunks, frames),
        "comfort_describe": _time_each(sender.describe, chunks, frames),
        "comfort_make": _time_each(lambda _: generator.make(160), chunks, frames),
    }


def _time_each(process, chunks, int frames):
    started_ns = perf_counter_ns()
    for k in range(frames):
        process(chunks[k % len(chunks)])
    return (perf_counter_ns() - started_ns) / frames


def _time_concealer(name, concealer, chunks, int frames):
    """Every other frame is lost."""
    good_ns = lost_ns = 0
    for k in range(frames):
        started_ns = perf_counter_ns()
        if k % 2:
            concealer.lost(160)
            lost_ns += perf_counter_ns() - started_ns
        else:
            concealer.good(chunks[k % len(chunks)])
            good_ns += perf_counter_ns() - started_ns
    return {f"conceal_{name}_lost": lost_ns / (frames // 2), f"conceal_{name}_after_loss": good_ns / (frames // 2)}
