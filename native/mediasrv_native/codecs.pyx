"""What stands in an RTP payload: native/c/kernels/ms_codec.h, for tests and benchmarks.

Audio goes in and out as bytes of int16 in the machine's order. Nothing here is in a call's path: the core calls the
same C directly.
"""

from libc.stdint cimport int16_t, uint8_t
from libc.stdlib cimport calloc, free

from array import array
from time import perf_counter_ns

from mediasrv_native.errors import raise_status
from mediasrv_native.ms_codec cimport *

PCMU, PCMA, G722, L16, OPUS = MS_PCMU, MS_PCMA, MS_G722, MS_L16, MS_OPUS
LONGEST_PAYLOAD = MS_MAX_PAYLOAD
LONGEST_PTIME_MS = MS_MAX_PTIME_MS


cdef int check(int status, str doing) except -1:
    if status < 0:
        raise_status(status, doing)
    return status


cdef void* memory_for(size_t size, str doing) except NULL:
    if size == 0:
        raise_status(-1, doing)
    cdef void* memory = calloc(1, size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef size_t samples_in(bytes pcm) except? 0:
    if len(pcm) % sizeof(int16_t):
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    return <size_t>len(pcm) // sizeof(int16_t)


cdef class Decoder:
    cdef ms_decoder* state
    cdef ms_codec_config config

    def __cinit__(self, int codec, int rate_hz):
        self.config.codec, self.config.say_hz, self.config.hear_hz = codec, rate_hz, rate_hz
        self.state = <ms_decoder*>memory_for(ms_decoder_size(&self.config), "making a decoder")
        check(ms_decoder_init(self.state, &self.config), "making a decoder")

    def __dealloc__(self):
        free(self.state)

    @property
    def size(self):
        return ms_decoder_size(&self.config)

    @property
    def clock_hz(self):
        return ms_codec_clock_hz(&self.config)

    @property
    def longest_payload(self):
        return ms_codec_longest_payload(&self.config)

    @property
    def conceals(self):
        return ms_decoder_conceals(self.state)

    def samples(self, bytes payload not None):
        return check(ms_decoder_samples(self.state, payload, len(payload)), "reading a payload")

    def decode(self, bytes payload not None):
        cdef int n = self.samples(payload)
        cdef bytearray pcm = bytearray(sizeof(int16_t) * n)
        n = check(ms_decoder_decode(self.state, payload, len(payload), <int16_t*><char*>pcm, n), "decoding")
        return bytes(pcm[:sizeof(int16_t) * n])

    def lost(self, int samples, bytes next_payload=None):
        cdef bytearray pcm = bytearray(sizeof(int16_t) * max(samples, 0))
        cdef const uint8_t* following = NULL
        if next_payload is not None:
            following = next_payload
        cdef size_t n = 0 if next_payload is None else len(next_payload)
        check(ms_decoder_lost(self.state, <int16_t*><char*>pcm, samples, following, n), "concealing")
        return bytes(pcm)

    def reset(self):
        ms_decoder_reset(self.state)


cdef class Encoder:
    cdef ms_encoder* state
    cdef ms_codec_config config

    def __cinit__(
        self, int codec, int rate_hz, *, int complexity=5, bint fec=False, bint dtx=False, int expected_loss=0,
        int bit_rate=0,
    ):
        self.config.codec, self.config.say_hz, self.config.hear_hz = codec, rate_hz, rate_hz
        self.config.complexity, self.config.fec, self.config.dtx = complexity, fec, dtx
        self.config.expected_loss, self.config.bit_rate = expected_loss, bit_rate
        self.state = <ms_encoder*>memory_for(ms_encoder_size(&self.config), "making an encoder")
        check(ms_encoder_init(self.state, &self.config), "making an encoder")

    def __dealloc__(self):
        free(self.state)

    @property
    def size(self):
        return ms_encoder_size(&self.config)

    def encode(self, bytes pcm not None, int capacity=MS_MAX_PAYLOAD):
        cdef uint8_t payload[MS_MAX_PAYLOAD]
        if not 0 <= capacity <= MS_MAX_PAYLOAD:
            raise ValueError(f"room for {capacity} octets")
        cdef const char* samples = pcm
        cdef int n = ms_encoder_encode(self.state, <const int16_t*>samples, samples_in(pcm), payload, capacity)
        return payload[:check(n, "encoding")]

    def echo(self, bytes payload not None):
        cdef bytearray pcm = bytearray(sizeof(int16_t) * len(payload))  # at most a sample an octet
        if not ms_encoder_echo(self.state, payload, len(payload), <int16_t*><char*>pcm):
            return None
        return bytes(pcm[:len(payload) if self.config.codec == MS_L16 else len(pcm)])

    def expect_loss(self, int percent):
        ms_encoder_expect_loss(self.state, percent)

    def reset(self):
        ms_encoder_reset(self.state)


def benchmark(bytes pcm_48khz not None, int frames=300):
    """Nanoseconds that 20 ms of the given sound take in each codec, to and fro, the call from Python included."""
    taken = {}
    for name, codec, rate_hz, complexity in (
        ("pcmu", MS_PCMU, 8000, 0), ("pcma", MS_PCMA, 8000, 0), ("g722", MS_G722, 16000, 0), ("l16", MS_L16, 16000, 0),
        ("opus_16k_5", MS_OPUS, 16000, 5), ("opus_16k_10", MS_OPUS, 16000, 10),
        ("opus_48k_5", MS_OPUS, 48000, 5), ("opus_48k_10", MS_OPUS, 48000, 10),
    ):
        encoder, decoder = Encoder(codec, rate_hz, complexity=complexity), Decoder(codec, rate_hz)
        chunks = _frames_of(pcm_48khz, rate_hz)
        taken[f"{name}_encode"], payloads = _time_each(encoder.encode, chunks, frames)
        taken[f"{name}_decode"], _ = _time_each(decoder.decode, payloads, frames)
    return taken


def _frames_of(bytes pcm_48khz, int rate_hz):
    """20 ms each, brought down by leaving samples out: what matters is the time, not the sound."""
    samples = array("h", pcm_48khz)[::48000 // rate_hz]
    cdef int frame = rate_hz // 50
    chunks = [samples[i:i + frame].tobytes() for i in range(0, len(samples) - frame + 1, frame)]
    if not chunks:
        raise ValueError("less than 20 ms of sound")
    return chunks


def _time_each(process, inputs, int frames):
    cdef int i, count = len(inputs)
    outputs = []
    started_ns = perf_counter_ns()
    for i in range(frames):
        outputs.append(process(inputs[i % count]))
    return (perf_counter_ns() - started_ns) / frames, outputs
