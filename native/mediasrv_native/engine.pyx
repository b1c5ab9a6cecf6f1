"""The engine (native/c/engine/ms_engine.h) for Python. It translates, and decides nothing."""

from collections import namedtuple

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.string cimport memcpy, memset

from mediasrv_native.errors import raise_status

from mediasrv_native.ms_core cimport *
from mediasrv_native.ms_engine cimport *
from mediasrv_native.rtp cimport ms_srtp_keys, to_srtp_keys
from mediasrv_native.settings cimport from_address, to_address, to_config

POLICY_NORMAL = MS_POLICY_NORMAL
POLICY_SLICE = MS_POLICY_SLICE
POLICY_FIFO = MS_POLICY_FIFO
POLICY_BEST = MS_POLICY_BEST

EVENT_ONSET = MS_EVENT_ONSET
EVENT_OFFSET = MS_EVENT_OFFSET
OFFSET_DENIED = MS_OFFSET_DENIED
EVENT_LULL = MS_EVENT_LULL
LULL_OVER = MS_LULL_OVER
EVENT_HELD = MS_EVENT_HELD
EVENT_RELEASED = MS_EVENT_RELEASED
EVENT_FLUSHED = MS_EVENT_FLUSHED
EVENT_MARK = MS_EVENT_MARK
EVENT_FINISHED = MS_EVENT_FINISHED
EVENT_STARVED = MS_EVENT_STARVED
EVENT_DTMF = MS_EVENT_DTMF
EVENT_DTMF_SENT = MS_EVENT_DTMF_SENT
EVENT_MEDIA_TIMEOUT = MS_EVENT_MEDIA_TIMEOUT
EVENT_MEDIA_BACK = MS_EVENT_MEDIA_BACK
EVENT_LOCKED = MS_EVENT_LOCKED
EVENT_EARS = MS_EVENT_EARS
EVENT_ROOM = MS_EVENT_ROOM
EVENT_ADDED = MS_EVENT_ADDED
EVENT_REMOVED = MS_EVENT_REMOVED
EVENT_FAULT = MS_EVENT_FAULT
EVENT_CLIP_DONE = MS_EVENT_CLIP_DONE
EVENT_RECORDING = MS_EVENT_RECORDING

HEARD = MS_LISTEN_HEARD
SAID = MS_LISTEN_SAID
CONNECTIONS = MS_CONNECTIONS

RECORD_WAV = MS_RECORD_WAV
RECORD_OPUS = MS_RECORD_OPUS
RECORD_GOES_ON = MS_RECORD_GOES_ON
RECORD_GAP = MS_RECORD_GAP
RECORD_CUT = MS_RECORD_CUT
RECORD_HEARD = MS_RECORD_HEARD
RECORD_SAID = MS_RECORD_SAID
RECORDING_STOPPED = MS_RECORD_STOPPED
RECORDING_FAILED = MS_RECORD_FAILED

MOMENT_RECEIVED = MS_RECEIVED
MOMENT_SENT = MS_SENT
MOMENT_OBEYED = MS_OBEYED
MOMENT_DEADLINE = MS_DEADLINE_MET
MOMENT_TICKED = MS_TICKED

SPAN_GAP = MS_SPAN_GAP
SPAN_MASKED = MS_SPAN_MASKED
SPAN_SPEECH = MS_SPAN_SPEECH
SPAN_RESYNC = MS_SPAN_RESYNC
SPAN_QUIET = MS_SPAN_QUIET

NativePosition = namedtuple("NativePosition", "generation hold wire source heard heard_error at_ns")
NativeEvent = namedtuple(
    "NativeEvent", "stream kind reason code hold name arg at_ns rtp_extended position remote"
)
NativeSpan = namedtuple("NativeSpan", "rtp_extended at_ns samples flags")
OutPacket = namedtuple("OutPacket", "stream at_ns to data channel")
Datagram = namedtuple("Datagram", "stream at_ns source data")
Captured = namedtuple("Captured", "stream kind number at_ns due_ns peer data")


# ---- translations ---------------------------------------------------------------------------------------------
cdef object from_position(const ms_position *p):
    return NativePosition(p.generation, p.hold, p.wire, p.source, p.heard, p.heard_error, p.at_ns)


cdef object from_event(const ms_engine_event *out):
    cdef const ms_event *e = &out.event
    return NativeEvent(
        out.stream, e.kind, e.reason, e.code, e.hold, e.name, e.arg, e.at_ns, e.rtp_extended,
        from_position(&e.position), from_address(&e.remote),
    )


cdef inline int check(int status, str doing) except -1:
    if status < 0:
        raise_status(status, doing, errno)
    return status


# ---- the engine -----------------------------------------------------------------------------------------------
@cython.no_gc_clear  # a collected cycle must not free the weights before the thread that reads them was joined
cdef class NativeEngine:
    """Every method belongs to the thread that made it; a stale handle raises StaleHandle."""

    cdef ms_engine *engine
    cdef set weights   # that streams point to: they stay as long as the engine

    def __cinit__(self, *, capacity=256, slots=10, manual=False, policy=MS_POLICY_BEST, cpu=-1, priority=40,
                  commands=0, events=0, captured=0, seed=0):
        cdef ms_engine_config config
        cdef int status = 0
        self.weights = set()
        memset(&config, 0, sizeof(config))
        config.capacity, config.slots, config.manual, config.policy = capacity, slots, manual, policy
        config.cpu, config.priority, config.seed = cpu, priority, seed
        config.commands, config.events, config.captured = commands, events, captured
        self.engine = ms_engine_new(&config, &status)
        if self.engine == NULL:
            raise_status(status, "opening the engine", errno)

    def __dealloc__(self):
        with nogil:
            ms_engine_free(self.engine)

    cdef ms_engine *open(self) except NULL:
        if self.engine == NULL:
            raise_status(-6, "the engine is closed")
        return self.engine

    @property
    def eventfd(self):
        return ms_engine_eventfd(self.open())

    def start(self):
        cdef ms_engine *engine = self.open()
        cdef int status
        with nogil:
            status = ms_engine_start(engine)
        check(status, "starting the engine")

    def stop(self):
        cdef ms_engine *engine = self.open()
        with nogil:
            ms_engine_stop(engine)

    def close(self):
        cdef ms_engine *engine = self.engine
        self.engine = NULL
        with nogil:
            ms_engine_free(engine)

    # ---- the pool
    def add(self, *, rtp_fd, rtcp_fd=-1, group, captured=False, **settings):
        cdef ms_engine *engine = self.open()
        cdef ms_config config
        cdef ms_handle handle = 0
        cdef int status
        cdef ms_sockets sockets
        cdef uint32_t group_id = group
        sockets.rtp_fd, sockets.rtcp_fd, sockets.captured = rtp_fd, rtcp_fd, captured
        to_config(settings, &config)
        self.weights.add(settings.get("silero"))
        with nogil:
            status = ms_engine_add(engine, &config, sockets, group_id, &handle)
        check(status, "adding a stream")
        return handle

    def remove(self, ms_handle stream):
        check(ms_engine_remove(self.open(), stream), "removing a stream")

    def reclaim(self, ms_handle stream):
        check(ms_engine_reclaim(self.open(), stream), "reclaiming a stream")

    # ---- orders
    cdef int command(self, ms_handle stream, ms_command *command, str doing) except -1:
        return check(ms_engine_command(self.open(), stream, command), doing)

    def hold(self, ms_handle stream, uint32_t hold, int64_t lease_ms, uint8_t on_lease):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.hold, c.arg, c.flag = MS_OP_HOLD, hold, lease_ms, on_lease
        self.command(stream, &c, "hold")

    def duck(self, ms_handle stream, uint32_t hold, int64_t lease_ms, uint8_t on_lease):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.hold, c.arg, c.flag = MS_OP_DUCK, hold, lease_ms, on_lease
        self.command(stream, &c, "duck")

    def release(self, ms_handle stream, uint32_t hold, int64_t source):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.hold, c.arg = MS_OP_RELEASE, hold, source
        self.command(stream, &c, "release")

    def flush(self, ms_handle stream, uint32_t generation):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.generation = MS_OP_FLUSH, generation
        self.command(stream, &c, "flush")

    def mark(self, ms_handle stream, uint32_t generation, int64_t source, uint32_t name):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.generation, c.arg, c.name = MS_OP_MARK, generation, source, name
        self.command(stream, &c, "mark")

    def set_remote(self, ms_handle stream, remote):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op = MS_OP_REMOTE
        to_address(remote, &c.remote)
        self.command(stream, &c, "set_remote")

    def set_coding(self, ms_handle stream, int payload_type):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.arg = MS_OP_CODING, payload_type
        self.command(stream, &c, "change the codec")

    def set_comfort(self, ms_handle stream, int payload_type):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.arg = MS_OP_COMFORT, payload_type
        self.command(stream, &c, "change how silence is sent")

    def set_ptime(self, ms_handle stream, int ms):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.arg = MS_OP_PTIME, ms
        self.command(stream, &c, "change the length of packets")

    def set_keys(self, ms_handle stream, keys):
        cdef ms_srtp_keys wanted
        to_srtp_keys(keys, &wanted)
        check(ms_engine_set_keys(self.open(), stream, &wanted), "set_keys")
        memset(&wanted, 0, sizeof(wanted))

    def press(self, ms_handle stream, uint8_t key, int64_t duration_ms, uint32_t gap_ms):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.flag, c.arg, c.name = MS_OP_PRESS, key, duration_ms, gap_ms
        self.command(stream, &c, "press a key")

    def set_sending(self, ms_handle stream, bint on):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.arg = MS_OP_SENDING, on
        self.command(stream, &c, "set_sending")

    def set_hearing(self, ms_handle stream, bint on):
        cdef ms_command c
        memset(&c, 0, sizeof(c))
        c.op, c.arg = MS_OP_HEARING, on
        self.command(stream, &c, "set_hearing")

    # ---- listening
    def move(self, ms_handle stream, uint32_t group):
        check(ms_engine_move(self.open(), stream, group), "move")

    def connect(self, ms_handle listener, ms_handle source, int what, float gain):
        check(ms_engine_connect(self.open(), listener, source, <ms_listen>what, gain), "connect")

    def disconnect(self, ms_handle listener, ms_handle source, int what):
        check(ms_engine_disconnect(self.open(), listener, source, <ms_listen>what), "disconnect")

    def background(self, ms_handle stream, uint32_t clip_id, const uint8_t[::1] pcm, float gain, uint16_t fade_ms,
                   bint loop):
        cdef ms_clip clip
        memset(&clip, 0, sizeof(clip))
        if pcm.shape[0] % 2:
            raise ValueError("16-bit PCM has an even number of bytes")
        if pcm.shape[0] > 0:
            clip.pcm, clip.samples = <const int16_t *>&pcm[0], pcm.shape[0] // 2
        clip.id, clip.gain, clip.fade_ms, clip.loop = clip_id, gain, fade_ms, loop
        check(ms_engine_background(self.open(), stream, &clip), "background")

    def record(self, ms_handle stream, int fd, uint32_t recording, uint8_t container, int32_t bit_rate):
        cdef ms_record_config config
        memset(&config, 0, sizeof(config))
        config.fd, config.id, config.format, config.bit_rate = fd, recording, container, bit_rate
        check(ms_engine_record(self.open(), stream, &config), "record")

    def control_recording(self, ms_handle stream, uint32_t recording, uint8_t pause, uint8_t masked, bint stop):
        cdef ms_record_control control
        memset(&control, 0, sizeof(control))
        control.pause, control.masked, control.stop = pause, masked, stop
        check(ms_engine_record_control(self.open(), stream, recording, &control), "control_recording")

    # ---- sound
    def play(self, ms_handle stream, uint32_t generation, const uint8_t[::1] pcm, uint16_t lease_ms, uint8_t on_onset,
             uint8_t on_lease):
        cdef ms_arming arming
        if pcm.shape[0] % 2:
            raise ValueError("16-bit PCM has an even number of bytes")
        if pcm.shape[0] == 0:
            return 0
        arming.lease_ms, arming.on_onset, arming.on_lease = lease_ms, on_onset, on_lease
        return check(
            ms_engine_play(self.open(), stream, generation, &arming, <const int16_t *>&pcm[0], pcm.shape[0] // 2),
            "play",
        )

    def finish(self, ms_handle stream, uint32_t generation):
        check(ms_engine_finish(self.open(), stream, generation), "finish")

    def want_room(self, ms_handle stream, uint32_t samples):
        check(ms_engine_want_room(self.open(), stream, samples), "want_room")

    def read_ears(self, ms_handle stream, int samples):
        cdef ms_span span
        cdef int n
        cdef bytes pcm
        spans = []
        while samples > 0:
            pcm = PyBytes_FromStringAndSize(NULL, 2 * samples)
            n = check(
                ms_engine_read_ears(self.open(), stream, <int16_t *>PyBytes_AS_STRING(pcm), samples, &span), "read"
            )
            if n == 0:
                break
            spans.append((pcm[: 2 * n], NativeSpan(span.rtp_extended, span.at_ns, n, span.flags)))
            samples -= n
        return spans

    def ears_readable(self, ms_handle stream):
        return check(ms_engine_ears_readable(self.open(), stream), "ears_readable")

    def want_ears(self, ms_handle stream, uint32_t samples):
        check(ms_engine_want_ears(self.open(), stream, samples), "want_ears")

    # ---- answers
    def events(self, int limit=256):
        cdef ms_engine_event event
        cdef ms_engine *engine = self.open()
        taken = []
        while len(taken) < limit and ms_engine_next_event(engine, &event):
            taken.append(from_event(&event))
        return taken

    def datagrams(self):
        cdef ms_datagram datagram
        cdef ms_engine *engine = self.open()
        taken = []
        while ms_engine_next_datagram(engine, &datagram):
            data = PyBytes_FromStringAndSize(<char *>datagram.data, datagram.n)
            taken.append(Datagram(datagram.stream, datagram.received_ns, from_address(&datagram.source), data))
        return taken

    def send_datagram(self, ms_handle stream, const uint8_t[::1] data, to):
        cdef ms_address address
        cdef const uint8_t *first = NULL
        to_address(to, &address)
        if data.shape[0] > 0:
            first = &data[0]
        check(ms_engine_send_datagram(self.open(), stream, first, data.shape[0], &address), "send_datagram")

    def capture(self, ms_handle stream, bint on):
        check(ms_engine_capture(self.open(), stream, on), "capture")

    def captured(self, int limit=1024):
        cdef ms_captured packet
        cdef ms_engine *engine = self.open()
        taken = []
        while len(taken) < limit and ms_engine_next_captured(engine, &packet):
            data = PyBytes_FromStringAndSize(<char *>packet.data, packet.n)
            taken.append(
                Captured(packet.stream, packet.kind, packet.number, packet.at_ns, packet.due_ns,
                         from_address(&packet.peer), data)
            )
        return taken

    def moments(self):
        return ms_engine_moments(self.open())

    def position(self, ms_handle stream):
        cdef ms_position position
        check(ms_engine_position(self.open(), stream, &position), "position")
        return from_position(&position)

    def stream_statistics(self, ms_handle stream):
        cdef ms_core_statistics statistics
        check(ms_engine_stream_statistics(self.open(), stream, &statistics), "statistics")
        return statistics

    def statistics(self):
        cdef ms_engine_statistics statistics
        ms_engine_get_statistics(self.open(), &statistics)
        return statistics

    # ---- manual mode
    def push(self, ms_handle stream, const uint8_t[::1] packet, source, int64_t received_ns):
        cdef ms_address address
        cdef uint8_t nothing = 0
        cdef const uint8_t *data = &nothing
        if packet.shape[0] > 0:
            data = &packet[0]
        to_address(source, &address)
        check(ms_engine_push(self.open(), stream, data, packet.shape[0], &address, received_ns), "push")

    def step(self, int64_t now_ns):
        cdef ms_engine *engine = self.open()
        cdef int status
        with nogil:
            status = ms_engine_step(engine, now_ns)
        check(status, "step")

    def step_on(self, int64_t before_ns):
        cdef ms_engine *engine = self.open()
        cdef int64_t slot_ns = 0
        cdef int status
        with nogil:
            status = ms_engine_step_on(engine, before_ns, &slot_ns)
        check(status, "step_on")
        return slot_ns

    def again(self, ms_handle stream, moment):
        cdef ms_captured again
        cdef const uint8_t[::1] data = moment.data
        if data.shape[0] > <Py_ssize_t>sizeof(again.data):
            raise ValueError("longer than any packet")
        memset(&again, 0, sizeof(again))
        again.kind, again.at_ns, again.due_ns, again.n = moment.kind, moment.at_ns, moment.due_ns, data.shape[0]
        to_address(moment.peer, &again.peer)
        if data.shape[0] > 0:
            memcpy(again.data, &data[0], data.shape[0])
        check(ms_engine_again(self.open(), stream, &again), "repeating a moment")

    def next_step(self):
        return ms_engine_next_step(self.open())

    def packets(self):
        cdef ms_out out
        cdef ms_engine *engine = self.open()
        taken = []
        while ms_engine_take_packet(engine, &out):
            data = PyBytes_FromStringAndSize(<char *>out.packet.data, out.packet.n)
            taken.append(OutPacket(out.stream, out.at_ns, from_address(&out.packet.to), data, out.packet.channel))
        return taken


# ---- beside it ------------------------------------------------------------------------------------------------
def bytes_per_stream(**settings):
    cdef ms_config config
    to_config(settings, &config)
    return ms_engine_bytes_per_stream(&config)


def wav_header(int32_t rate_hz, uint64_t data_bytes):
    cdef uint8_t header[MS_WAV_HEADER]
    ms_wav_header(header, rate_hz, data_bytes)
    return bytes(header[:MS_WAV_HEADER])


def try_policy(int wanted, int priority=40):
    return check(ms_engine_try_policy(wanted, priority), "trying a scheduling policy")
