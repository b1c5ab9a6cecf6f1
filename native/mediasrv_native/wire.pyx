"""The measuring instrument (native/c/instrument/ms_wire.h) for Python; wire.pyi is its face."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

import socket
from typing import NamedTuple

from mediasrv_native.ms_wire cimport (
    MS_FRAME_NS, MS_WIRE_ANY_SLOT, MS_WIRE_PAYLOAD, MS_WIRE_SLOTS, MS_WIRE_STALLS, ms_wire, ms_wire_add, ms_wire_captured, ms_wire_config,
    ms_wire_free, ms_wire_get_statistics, ms_wire_heard, ms_wire_heard_readable, ms_wire_new, ms_wire_remove,
    ms_wire_said, ms_wire_say, ms_wire_sent, ms_wire_sent_readable, ms_wire_stall, ms_wire_stalls, ms_wire_start,
    ms_wire_statistics, ms_wire_stop, ms_wire_stream_config, ms_wire_take_heard, ms_wire_take_sent,
)

SENT_FORMAT = "=qqIIIIHHI"
HEARD_FORMAT = "=qIIIIHHhBB"
NOT_CAPTURED = 0xFFFFFFFF
FRAME_NS = MS_FRAME_NS
PAYLOAD_OCTETS = MS_WIRE_PAYLOAD
SLOTS = MS_WIRE_SLOTS

REFUSALS = {
    -1: "an argument is out of range",
    -2: "no memory",
    -3: "no room: every stream, or every utterance of the stream, is taken",
    -4: "no such stream",
    -5: "the operating system refused",
    -6: "not now",
}


class WireError(Exception):
    def __init__(self, doing, status):
        self.status = status
        super().__init__(f"{doing}: {REFUSALS.get(status, status)}")


class Coded(NamedTuple):
    payload_type: int
    frame_ticks: int


def packed(packets):
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


class WireStatistics(NamedTuple):
    sent: int
    heard: int
    malformed: int
    foreign: int
    send_errors: int
    receive_errors: int
    sent_lost: int
    heard_lost: int
    stalls: int
    stall_max_ns: int
    late_max_ns: int
    cpu_ns: int
    streams: int
    wire_fifo: bool
    witness_fifo: bool


cdef int check(str doing, int status) except -1:
    if status < 0:
        raise WireError(doing, status)
    return 0


cdef class Wire:
    cdef ms_wire *wire
    cdef dict beds          # stream -> bytes the thread reads from
    cdef dict utterances    # stream -> payloads in the order they were asked, said ones dropped as others come
    cdef dict dropped       # stream -> how many of its payloads were dropped
    cdef uint32_t numbered

    def __init__(self, *, uint32_t capacity=256, uint32_t heard_records=1 << 20, uint32_t sent_records=1 << 20,
                 uint32_t capture_octets=0, int16_t cpu=-1, uint16_t priority=30):
        cdef int status = 0
        cdef ms_wire_config config
        memset(&config, 0, sizeof(config))
        config.capacity, config.heard_records, config.sent_records = capacity, heard_records, sent_records
        config.capture_octets, config.cpu, config.priority = capture_octets, cpu, priority
        self.wire = ms_wire_new(&config, &status)
        check("opening the wire", status)
        self.beds, self.utterances, self.dropped = {}, {}, {}

    def __dealloc__(self):
        ms_wire_free(self.wire)

    cdef ms_wire *live(self) except NULL:
        if self.wire is NULL:
            raise ValueError("the wire is closed")
        return self.wire

    def start(self):
        check("starting the wire", ms_wire_start(self.live()))

    def stop(self):
        cdef ms_wire *wire = self.live()
        with nogil:
            ms_wire_stop(wire)

    def close(self):
        cdef ms_wire *wire = self.wire
        self.wire = NULL
        with nogil:
            ms_wire_free(wire)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    def add(self, *, int socket_fd, remote, uint32_t ssrc, uint16_t first_sequence=0, uint32_t first_timestamp=0,
            slot=None, bytes bed=b"", uint32_t bed_start=0, coded=None):
        cdef ms_wire_stream_config config
        cdef uint32_t stream = 0
        cdef bytes ip = socket.inet_pton(socket.AF_INET, remote[0])
        memset(&config, 0, sizeof(config))
        config.socket_fd, config.ssrc = socket_fd, ssrc
        config.first_sequence, config.first_timestamp = first_sequence, first_timestamp
        config.slot = MS_WIRE_ANY_SLOT if slot is None else slot
        memcpy(config.remote.ip, PyBytes_AS_STRING(ip), 4)
        config.remote.port, config.remote.family = remote[1], 4
        if bed:
            config.bed, config.bed_octets = <const uint8_t *>PyBytes_AS_STRING(bed), <uint32_t>len(bed)
            config.bed_start = bed_start
        if coded is not None:
            config.coded, config.payload_type, config.frame_ticks = 1, coded.payload_type, coded.frame_ticks
        check("adding a stream", ms_wire_add(self.live(), &config, &stream))
        self.beds[stream], self.utterances[stream], self.dropped[stream] = bed, [], 0
        return stream

    def remove(self, uint32_t stream):
        cdef ms_wire *wire = self.live()
        cdef int status
        with nogil:
            status = ms_wire_remove(wire, stream)
        check("removing a stream", status)
        del self.beds[stream], self.utterances[stream], self.dropped[stream]

    def say(self, uint32_t stream, int64_t at_ns, bytes payload):
        cdef uint32_t number = self.numbered + 1
        check("saying something", ms_wire_say(self.live(), stream, number, at_ns,
                                              <const uint8_t *>PyBytes_AS_STRING(payload), <uint32_t>len(payload)))
        self.numbered = number
        over = ms_wire_said(self.wire, stream) - self.dropped[stream]
        del self.utterances[stream][:over]
        self.dropped[stream] += over
        self.utterances[stream].append(payload)
        return number

    def saying(self, uint32_t stream):
        if stream not in self.utterances:
            raise WireError("asking a stream", -4)
        return self.dropped[stream] + len(self.utterances[stream]) - ms_wire_said(self.live(), stream)

    def take_sent(self):
        cdef uint32_t n = ms_wire_sent_readable(self.live())
        cdef bytes out = PyBytes_FromStringAndSize(NULL, n * sizeof(ms_wire_sent))
        ms_wire_take_sent(self.wire, <ms_wire_sent *>PyBytes_AS_STRING(out), n)
        return out

    def take_heard(self):
        cdef uint32_t n = ms_wire_heard_readable(self.live())
        cdef bytes out = PyBytes_FromStringAndSize(NULL, n * sizeof(ms_wire_heard))
        ms_wire_take_heard(self.wire, <ms_wire_heard *>PyBytes_AS_STRING(out), n)
        return out

    def captured(self, uint32_t at, uint32_t octets):
        cdef bytes out = PyBytes_FromStringAndSize(NULL, octets)
        check("reading the capture", ms_wire_captured(self.live(), at, <uint8_t *>PyBytes_AS_STRING(out), octets))
        return out

    def stalls(self):
        cdef ms_wire_stall[MS_WIRE_STALLS] found
        cdef uint32_t n = ms_wire_stalls(self.live(), found, MS_WIRE_STALLS)
        return [(found[i].due_ns, found[i].woke_ns) for i in range(n)]

    def statistics(self):
        cdef ms_wire_statistics s
        ms_wire_get_statistics(self.live(), &s)
        return WireStatistics(
            s.sent, s.heard, s.malformed, s.foreign, s.send_errors, s.receive_errors, s.sent_lost, s.heard_lost,
            s.stalls, s.stall_max_ns, s.late_max_ns, s.cpu_ns, s.streams, bool(s.wire_fifo), bool(s.witness_fifo),
        )
