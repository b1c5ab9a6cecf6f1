"""SRTP, RTCP and the E-model for tests and benchmarks, and key material for whoever sets a stream up."""

from collections import namedtuple
from time import perf_counter

from libc.string cimport memcpy, memset

from mediasrv_native.errors import WrongArgument, raise_status

cdef extern from "ms_types.h" nogil:
    enum: MS_MAX_PACKET, MS_OK, MS_E_ARGUMENT

SRTP_AES128_CM_SHA1_80 = MS_SRTP_AES128_CM_SHA1_80
SRTP_AES128_CM_SHA1_32 = MS_SRTP_AES128_CM_SHA1_32
SRTP_AEAD_AES_128_GCM = MS_SRTP_AEAD_AES_128_GCM
SRTP_AEAD_AES_256_GCM = MS_SRTP_AEAD_AES_256_GCM

OK, FORGED, REPLAYED, MALFORMED = MS_SRTP_OK, MS_SRTP_FORGED, MS_SRTP_REPLAYED, MS_SRTP_MALFORMED

G711, G711_BARE, G722 = MS_EMODEL_G711, MS_EMODEL_G711_BARE, MS_EMODEL_G722
L16, OPUS = MS_EMODEL_L16, MS_EMODEL_OPUS

Block = namedtuple("Block", "ssrc fraction_lost cumulative_lost highest jitter last_report since_last_report")
Sender = namedtuple("Sender", "ntp rtp packets octets")
Compound = namedtuple("Compound", "ssrc has_report sender block bye")
Rating = namedtuple("Rating", "r listening_mos conversational_mos")


# ---- SRTP -----------------------------------------------------------------------------------------------------
def srtp_keying_octets(uint8_t profile):
    return ms_srtp_keying_octets(profile)


cdef int to_srtp_keys(object keys, ms_srtp_keys *out) except -1:
    """`keys`: None, or (profile, send, receive)."""
    memset(out, 0, sizeof(ms_srtp_keys))
    if keys is None:
        return 0
    profile, send, receive = keys
    cdef Py_ssize_t wanted = ms_srtp_keying_octets(profile) if 0 <= profile <= 255 else 0
    if wanted == 0:
        raise WrongArgument(MS_E_ARGUMENT, "taking keys", f"no SRTP profile {profile}")
    if len(send) != wanted or len(receive) != wanted:
        raise WrongArgument(MS_E_ARGUMENT, "taking keys", f"profile {profile} wants {wanted} octets of key and salt")
    cdef const uint8_t[::1] send_octets = send, receive_octets = receive
    out.profile = profile
    memcpy(out.send, &send_octets[0], wanted)
    memcpy(out.receive, &receive_octets[0], wanted)
    return 0


cdef class Srtp:
    cdef ms_srtp *srtp

    def __cinit__(self, profile, bytes send not None, bytes receive not None, uint32_t send_ssrc):
        cdef ms_srtp_keys keys
        cdef int status = MS_OK
        to_srtp_keys((profile, send, receive), &keys)
        self.srtp = ms_srtp_new(&keys, send_ssrc, &status)
        if self.srtp == NULL:
            raise_status(status, "setting SRTP up")

    def __dealloc__(self):
        ms_srtp_free(self.srtp)

    def continue_from(self, Srtp earlier not None):
        ms_srtp_continue(self.srtp, earlier.srtp)

    def protect(self, bytes packet not None, size_t capacity=MS_MAX_PACKET):
        cdef bytearray out = bytearray(packet) + bytearray(max(0, <ssize_t>capacity - <ssize_t>len(packet)))
        cdef int n = ms_srtp_protect(self.srtp, <uint8_t*><char*>out, len(packet), capacity)
        if n < 0:
            raise_status(n, "protecting")
        return bytes(out[:n])

    def protect_rtcp(self, bytes packet not None, size_t capacity=MS_MAX_PACKET):
        cdef bytearray out = bytearray(packet) + bytearray(max(0, <ssize_t>capacity - <ssize_t>len(packet)))
        cdef int n = ms_srtp_protect_rtcp(self.srtp, <uint8_t*><char*>out, len(packet), capacity)
        if n < 0:
            raise_status(n, "protecting")
        return bytes(out[:n])

    def unprotect(self, bytes packet not None):
        cdef bytearray plain = bytearray(len(packet) + 1)
        cdef size_t n = 0
        verdict = ms_srtp_unprotect(self.srtp, <const uint8_t*><const char*>packet, len(packet),
                                    <uint8_t*><char*>plain, &n)
        return bytes(plain[:n]) if verdict == MS_SRTP_OK else verdict

    def unprotect_rtcp(self, bytes packet not None):
        cdef bytearray plain = bytearray(len(packet) + 1)
        cdef size_t n = 0
        verdict = ms_srtp_unprotect_rtcp(self.srtp, <const uint8_t*><const char*>packet, len(packet),
                                         <uint8_t*><char*>plain, &n)
        return bytes(plain[:n]) if verdict == MS_SRTP_OK else verdict


# ---- RTCP -----------------------------------------------------------------------------------------------------
cdef object from_block(const ms_rtcp_block *b):
    return Block(b.ssrc, b.fraction_lost, b.cumulative_lost, b.highest, b.jitter, b.last_report, b.since_last_report)


def is_rtcp(bytes packet not None):
    return ms_rtcp_is_rtcp(<const uint8_t*><const char*>packet, len(packet))


def parse_rtcp(bytes packet not None, uint32_t about):
    cdef ms_rtcp_compound c
    if ms_rtcp_parse(<const uint8_t*><const char*>packet, len(packet), about, &c) != MS_OK:
        return None
    sender = Sender(c.sender.ntp, c.sender.rtp, c.sender.packets, c.sender.octets) if c.has_sender else None
    return Compound(c.ssrc, bool(c.has_report), sender, from_block(&c.block) if c.has_block else None, bool(c.bye))


cdef class RtcpReporter:
    cdef ms_rtcp_reporter reporter
    cdef ms_rtp_source source

    def __cinit__(self, uint32_t ssrc, *, int32_t clock_hz=8000, int64_t unix_offset_ns=0, uint64_t seed=0):
        ms_rtcp_reporter_init(&self.reporter, ssrc, clock_hz, unix_offset_ns, seed)

    def is_due(self, int64_t now_ns):
        return bool(ms_rtcp_reporter_is_due(&self.reporter, now_ns))

    def heard(self, uint32_t ssrc, int64_t first, int64_t highest, uint32_t received, uint32_t jitter):
        self.source.known, self.source.ssrc = True, ssrc
        self.source.first, self.source.highest = first, highest
        self.source.received, self.source.jitter_q4 = received, jitter << 4

    def write(self, int64_t now_ns, *, uint32_t timestamp, uint32_t packets, uint32_t octets, bint talks, bint bye=False):
        cdef uint8_t out[MS_MAX_PACKET]
        cdef ms_rtcp_saying saying
        saying.timestamp, saying.packets, saying.octets, saying.talks = timestamp, packets, octets, talks
        cdef int n = ms_rtcp_reporter_write(&self.reporter, now_ns, &saying, &self.source, bye, out, sizeof(out))
        return <bytes>out[:n]

    def receive(self, bytes packet not None, int64_t now_ns):
        return ms_rtcp_reporter_receive(&self.reporter, <const uint8_t*><const char*>packet, len(packet), now_ns,
                                        &self.source) == MS_OK

    @property
    def next_ns(self):
        return self.reporter.next_ns

    @property
    def round_trip_ns(self):
        return self.reporter.round_trip_ns

    @property
    def theirs(self):
        return from_block(&self.reporter.theirs) if self.reporter.has_theirs else None

    @property
    def bye(self):
        return bool(self.reporter.bye)

    @property
    def counted(self):
        return self.reporter.sent, self.reporter.received, self.reporter.malformed


# ---- the E-model ----------------------------------------------------------------------------------------------
def emodel(uint8_t codec, float loss, float burst_ratio=1, float one_way_ms=0):
    cdef ms_emodel_call call
    call.codec, call.loss, call.burst_ratio, call.one_way_ms = codec, loss, burst_ratio, one_way_ms
    cdef ms_emodel_rating rating = ms_emodel_rate(&call)
    return Rating(rating.r, rating.listening_mos, rating.conversational_mos)


# ---- nanoseconds a packet -------------------------------------------------------------------------------------
cdef object time_srtp(uint8_t profile, int packets):
    """20 ms of G.711, there and back."""
    cdef uint8_t packet[MS_MAX_PACKET]
    cdef uint8_t plain[MS_MAX_PACKET]
    cdef size_t plain_n = 0
    cdef int i, n = 0, failed = 0
    cdef ms_srtp_keys keys
    keying = bytes(range(ms_srtp_keying_octets(profile)))
    to_srtp_keys((profile, keying, keying), &keys)
    cdef int status = MS_OK
    cdef ms_srtp *srtp = ms_srtp_new(&keys, 0, &status)
    if srtp == NULL:
        raise_status(status, "setting SRTP up")
    protecting = unprotecting = 0.0
    for i in range(packets):
        memset(packet, 0, 172)
        packet[0], packet[2], packet[3] = 0x80, (i >> 8) & 0xFF, i & 0xFF
        began = perf_counter()
        n = ms_srtp_protect(srtp, packet, 172, sizeof(packet))
        protected = perf_counter()
        failed |= ms_srtp_unprotect(srtp, packet, n, plain, &plain_n)
        unprotecting += perf_counter() - protected
        protecting += protected - began
    ms_srtp_free(srtp)
    if failed:
        raise AssertionError("our own packets do not come back")
    return protecting / packets * 1e9, unprotecting / packets * 1e9


def time_rtcp(int packets):
    """A report of ours, and reading it."""
    reporter, spent = RtcpReporter(1, seed=1), [0.0, 0.0]
    for k in range(packets):
        began = perf_counter()
        report = reporter.write(k * 5_000_000_000, timestamp=k, packets=k, octets=k, talks=True)
        written = perf_counter()
        parse_rtcp(report, 1)
        spent[0] += written - began
        spent[1] += perf_counter() - written
    return spent[0] / packets * 1e9, spent[1] / packets * 1e9


def benchmark(int packets=2000):
    """Nanoseconds, the clock's own included."""
    names = {
        "aes_cm_sha1_80": SRTP_AES128_CM_SHA1_80, "aes_gcm_128": SRTP_AEAD_AES_128_GCM,
        "aes_gcm_256": SRTP_AEAD_AES_256_GCM,
    }
    took = {}
    for name, profile in names.items():
        took[f"srtp_protect_{name}"], took[f"srtp_unprotect_{name}"] = time_srtp(profile, packets)
    began = perf_counter()
    for _ in range(packets):
        emodel(G711, 0.01, 1, 100)
    took["emodel"] = (perf_counter() - began) / packets * 1e9
    took["rtcp_write"], took["rtcp_parse"] = time_rtcp(packets)
    return took
