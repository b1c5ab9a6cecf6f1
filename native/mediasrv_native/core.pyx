"""One core, without an engine around it: for tests, which play the part of the engine, the network and Python."""

from collections import namedtuple

from libc.stdlib cimport free
from libc.string cimport memset

from mediasrv_native.errors import raise_status

from mediasrv_native.ms_core cimport *
from mediasrv_native.rtp cimport to_srtp_keys
from mediasrv_native.settings cimport from_address, to_address, to_config

cdef extern from "stdlib.h" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

CorePosition = namedtuple("CorePosition", "generation hold wire source heard heard_error at_ns")
CoreEvent = namedtuple("CoreEvent", "kind reason code hold name arg at_ns rtp_extended position remote")
CoreSpan = namedtuple("CoreSpan", "rtp_extended at_ns samples flags")

cdef object from_position(const ms_position *p):
    return CorePosition(p.generation, p.hold, p.wire, p.source, p.heard, p.heard_error, p.at_ns)


def core_bytes(**settings):
    cdef ms_config config
    to_config(settings, &config)
    return ms_size(&config)


cdef class Core:
    def __cinit__(self, *, uint64_t seed=0, **settings):
        cdef ms_config config
        to_config(settings, &config)
        self.weights = settings.get("silero")
        cdef size_t size = ms_size(&config)
        if size == 0:
            raise_status(MS_E_ARGUMENT, "setting a core up")
        self.core = <ms_core*>aligned_alloc(MS_CORE_ALIGNMENT, size)
        if self.core == NULL:
            raise MemoryError
        cdef int status = ms_init(self.core, size, &config, seed)
        if status < 0:
            free(self.core)
            self.core = NULL
            raise_status(status, "setting a core up")

    def __dealloc__(self):
        if self.core != NULL:
            ms_release(self.core)
            free(self.core)

    # ---- the engine's part ----------------------------------------------------------------------------------
    def receive(self, bytes packet not None, source, int64_t at_ns):
        cdef ms_address address
        to_address(source, &address)
        return ms_receive(self.core, <const uint8_t*><const char*>packet, len(packet), &address, at_ns) == MS_URGENT

    def tick(self, int64_t due_ns, now_ns=None):
        packets = self.tick_all(due_ns, now_ns)
        if len(packets) > 1:
            raise ValueError(f"{len(packets)} packets in one tick: ask with tick_all")
        return packets[0] if packets else None

    def tick_all(self, int64_t due_ns, now_ns=None):
        cdef ms_packet packets[MS_PACKETS_A_TICK]
        cdef int64_t now = due_ns if now_ns is None else now_ns
        cdef int count = ms_tick(self.core, due_ns, now, packets, MS_PACKETS_A_TICK)
        return [(from_address(&packets[i].to), <bytes>packets[i].data[:packets[i].n]) for i in range(count)]

    def tick_channels(self, int64_t due_ns, now_ns=None):
        cdef ms_packet packets[MS_PACKETS_A_TICK]
        cdef int64_t now = due_ns if now_ns is None else now_ns
        cdef int count = ms_tick(self.core, due_ns, now, packets, MS_PACKETS_A_TICK)
        return [(packets[i].channel, from_address(&packets[i].to), <bytes>packets[i].data[:packets[i].n])
                for i in range(count)]

    def farewell(self, int64_t now_ns):
        cdef ms_packet packet
        if not ms_farewell(self.core, now_ns, &packet):
            return None
        return from_address(&packet.to), <bytes>packet.data[:packet.n]

    def offer_keys(self, keys):
        cdef ms_srtp_keys wanted
        to_srtp_keys(keys, &wanted)
        cdef int status = ms_offer_keys(self.core, &wanted)
        if status < 0:
            raise_status(status, "offering keys")

    def set_keys(self, keys, int64_t now_ns):
        cdef ms_command command
        self.offer_keys(keys)
        memset(&command, 0, sizeof(command))
        command.op = MS_OP_KEYS
        self.apply(&command, now_ns)

    def mix_in(self, bytes pcm not None, float gain=1):
        cdef ms_gain steady
        if len(pcm) != ms_say_hz(self.core) // 50 * 2:
            raise ValueError(f"{len(pcm)} bytes are not 20 ms")
        ms_gain_init(&steady, gain)
        ms_mix_in(self.core, <const int16_t*><const char*>pcm, &steady)

    def said(self):
        return (<const char*>ms_said(self.core))[: ms_say_hz(self.core) // 50 * 2]

    def sent(self):
        return (<const char*>ms_sent(self.core))[: ms_say_hz(self.core) // 50 * 2]

    cdef int apply(self, ms_command *command, int64_t now_ns) except -1:
        cdef int status = ms_apply(self.core, command, now_ns)
        if status < 0:
            raise_status(status, f"command {command.op}")
        return 0

    def hold(self, uint32_t hold, int64_t lease_ms, int64_t now_ns, *, bint duck=False, uint8_t on_lease=0):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        command.op = MS_OP_DUCK if duck else MS_OP_HOLD
        command.hold, command.arg, command.flag = hold, lease_ms, on_lease
        self.apply(&command, now_ns)

    def release(self, uint32_t hold, int64_t now_ns, *, int64_t source=-1):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        command.op, command.hold, command.arg = MS_OP_RELEASE, hold, source
        self.apply(&command, now_ns)

    def flush(self, uint32_t generation, int64_t now_ns):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        command.op, command.generation = MS_OP_FLUSH, generation
        self.apply(&command, now_ns)

    def mark(self, uint32_t generation, int64_t source, uint32_t name, int64_t now_ns):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        command.op, command.generation, command.arg, command.name = MS_OP_MARK, generation, source, name
        self.apply(&command, now_ns)

    def set_remote(self, remote, int64_t now_ns):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        command.op = MS_OP_REMOTE
        to_address(remote, &command.remote)
        self.apply(&command, now_ns)

    def set_direction(self, int64_t now_ns, *, sending=None, hearing=None):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        if sending is not None:
            command.op, command.arg = MS_OP_SENDING, bool(sending)
            self.apply(&command, now_ns)
        if hearing is not None:
            command.op, command.arg = MS_OP_HEARING, bool(hearing)
            self.apply(&command, now_ns)

    def apply_raw(self, uint8_t op, int64_t now_ns, *, uint8_t flag=0, uint32_t generation=0, uint32_t hold=0,
                  int64_t arg=0, uint32_t name=0):
        cdef ms_command command
        memset(&command, 0, sizeof(command))
        command.name = name
        command.op, command.flag, command.generation, command.hold, command.arg = op, flag, generation, hold, arg
        return ms_apply(self.core, &command, now_ns)

    def events(self):
        cdef ms_event e
        found = []
        while ms_next_event(self.core, &e):
            found.append(CoreEvent(e.kind, e.reason, e.code, e.hold, e.name, e.arg, e.at_ns, e.rtp_extended,
                                   from_position(&e.position), from_address(&e.remote)))
        return found

    @property
    def urgent(self):
        return ms_urgent(self.core)

    def next_deadline(self):
        return ms_next_deadline(self.core)

    def handle_deadline(self, int64_t now_ns):
        return ms_handle_deadline(self.core, now_ns) == MS_URGENT

    def position(self):
        cdef ms_position position
        ms_position_now(self.core, &position)
        return from_position(&position)

    def statistics(self):
        cdef ms_core_statistics statistics
        ms_core_get_statistics(self.core, &statistics)
        return dict(statistics)

    # ---- whoever listens ------------------------------------------------------------------------------------
    def bridge_frame(self, int64_t due_ns, int32_t rate_hz):
        cdef const int16_t *frame = ms_bridge_frame(self.core, due_ns, rate_hz)
        return None if frame == NULL else (<const char*>frame)[:2 * (rate_hz // 1000 * MS_FRAME_MS)]

    def bridge_statistics(self):
        cdef ms_jitter_statistics statistics
        return dict(statistics) if ms_bridge_get_statistics(self.core, &statistics) else None

    # ---- the other thread's part ----------------------------------------------------------------------------
    def play(self, uint32_t generation, bytes pcm not None, *, uint16_t lease_ms=1500, uint8_t on_onset=1,
             uint8_t on_lease=0):
        cdef ms_arming arming
        arming.lease_ms, arming.on_onset, arming.on_lease = lease_ms, on_onset, on_lease
        cdef int taken = ms_play(self.core, generation, &arming, <const int16_t*><const char*>pcm, len(pcm) // 2)
        if taken < 0:
            raise_status(taken, "playing")
        return taken

    def finish(self, uint32_t generation):
        cdef int status = ms_finish(self.core, generation)
        if status < 0:
            raise_status(status, "finishing")

    def room(self):
        return ms_room(self.core)

    def read_ears(self, int capacity=16000):
        cdef ms_span span
        cdef bytearray pcm = bytearray(2 * max(capacity, 0))
        cdef int n = ms_read_ears(self.core, <int16_t*><char*>pcm, capacity, &span)
        if n == 0:
            return None
        return bytes(pcm[:2 * n]), CoreSpan(span.rtp_extended, span.at_ns, span.n, span.flags)

    def ears_readable(self):
        return ms_ears_readable(self.core)
