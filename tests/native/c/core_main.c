/* One core under the sanitizers: packets from a hostile caller, every command there is, and two threads.
 *
 * The main thread is the engine (receive, tick, apply, events); a second one plays, finishes, and reads the ears. They
 * meet nowhere but in the core's rings. What is checked besides the sanitizers: spans and rooms stay within their
 * bounds, generations never go back on the wire, and what is sent is what was played. */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ms_bridge.h"
#include "ms_codec.h"
#include "ms_core.h"
#include "ms_kernels.h"

#define TICKS 3000
#define SAMPLES 160

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

static ms_config full_config(void) {
    return (ms_config){
        .say_hz = 8000, .hear_hz = 8000, .codings = {{MS_PCMU, 0}}, .coding_count = 1, .telephone_event_type = 101, .aec = 1, .ns = 1, .vad = 1,
        .bridge = 1, .lock_source = 1, .aec_tail_ms = 64, .reorder_ms = 40, .playout_ms = 200, .rewind_ms = 100, .ears_ms = 100,
        .far_delay_ms = 60, .far_delay_error_ms = 40, .media_timeout_ms = 400, .ssrc = 1,
        .remote = {.ip = {127, 0, 0, 1}, .port = 4000, .family = 4},
    };
}

static ms_core *new_core(const ms_config *config) {
    size_t size = ms_size(config);
    assert(size > 0 && size % MS_CORE_ALIGNMENT == 0);
    void *memory = aligned_alloc(MS_CORE_ALIGNMENT, size);
    assert(memory != NULL && ms_init(memory, size, config, 1) == MS_OK);
    return memory;
}

static void free_core(ms_core *core) {
    ms_release(core);
    free(core);
}

/* ---- the caller -------------------------------------------------------------------------------------------------- */

static size_t write_rtp(uint8_t *out, uint8_t payload_type, uint16_t sequence, uint32_t timestamp, size_t n,
                        uint64_t *dice) {
    out[0] = 0x80;
    out[1] = payload_type;
    out[2] = (uint8_t)(sequence >> 8);
    out[3] = (uint8_t)sequence;
    for (int i = 0; i < 4; i++) out[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
    memset(out + 8, 7, 4);
    for (size_t i = 0; i < n; i++) out[12 + i] = (uint8_t)next_random(dice);
    return 12 + n;
}

/* Mostly a stream that is lost, doubled and shuffled; sometimes keys, other types, lies in the header, noise. */
static void send_something(ms_core *core, uint64_t *dice, int tick, int64_t now_ns) {
    static const uint8_t types[] = {0, 0, 0, 0, 0, 0, 101, 13, 5, 72};
    uint8_t packet[2048];
    ms_address from = {.ip = {127, 0, 0, 1}, .port = 4000, .family = 4};
    uint32_t kind = next_random(dice) % 100;
    uint16_t sequence = (uint16_t)(tick + (kind < 80 ? 0 : (int)(next_random(dice) % 7) - 3));
    size_t n = kind < 90 ? SAMPLES : next_random(dice) % 600;
    size_t octets = write_rtp(packet, types[next_random(dice) % 10], sequence, (uint32_t)tick * SAMPLES, n, dice);
    if (kind == 99) octets = next_random(dice) % sizeof packet;
    if (kind >= 97)
        for (int i = 0; i < 12; i++) packet[i] = (uint8_t)next_random(dice);
    if (kind == 96) from.port = 5;
    if (kind == 95) return;
    ms_receive(core, packet, octets, &from, now_ns);
    if (kind == 94) ms_receive(core, packet, octets, &from, now_ns);
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void command_something(ms_core *core, uint64_t *dice, int64_t now_ns, uint32_t generation) {
    ms_command command = {
        .op = (uint8_t)(next_random(dice) % 10),
        .flag = (uint8_t)(next_random(dice) % 3),
        .generation = generation > 2 ? generation - next_random(dice) % 3 : generation,
        .hold = next_random(dice) % 4,
        .name = next_random(dice),
        .arg = (int64_t)(next_random(dice) % 2000) - 2,
        .remote = {.ip = {127, 0, 0, 1}, .port = (uint16_t)(4000 + next_random(dice) % 2), .family = 4},
    };
    if (command.op == MS_OP_SENDING || command.op == MS_OP_HEARING) command.arg = next_random(dice) % 4 != 0;
    ms_apply(core, &command, now_ns);
}

static void check_event(const ms_event *event) {
    assert(event->kind >= MS_EVENT_ONSET && event->kind <= MS_EVENT_LOCKED);
    assert(event->position.wire >= 0 && event->position.source >= 0);
    assert(event->position.source <= event->position.wire);
    assert(event->position.heard >= 0 && event->position.heard <= event->position.source);
}

/* ---- two threads ------------------------------------------------------------------------------------------------ */

typedef struct stage {
    ms_core *core;
    _Atomic bool over;
    _Atomic uint32_t generation;
    uint64_t played, read;
} stage;

static const uint32_t SPAN_FLAGS = MS_SPAN_GAP | MS_SPAN_MASKED | MS_SPAN_SPEECH | MS_SPAN_RESYNC | MS_SPAN_QUIET;

static void read_everything(stage *stage, uint64_t *dice) {
    int16_t pcm[700];
    ms_span span;
    for (int k = 0; k < 50; k++) {
        int capacity = (int)(next_random(dice) % 700);
        int n = ms_read_ears(stage->core, pcm, capacity, &span);
        assert(n >= 0 && n <= capacity);
        if (n == 0) break;
        assert(span.n == (uint32_t)n && (span.flags & ~SPAN_FLAGS) == 0);
        stage->read += (uint64_t)n;
    }
    assert(ms_ears_readable(stage->core) <= 100 * 16 + 160);
}

static void *python(void *context) {
    stage *stage = context;
    uint64_t dice = 99;
    int16_t pcm[900];
    for (int i = 0; i < 900; i++) pcm[i] = (int16_t)next_random(&dice);
    while (!stage->over) {
        ms_arming arming = {.lease_ms = 100, .on_onset = (uint8_t)(next_random(&dice) % 3)};
        uint32_t generation = stage->generation, n = next_random(&dice) % 900;
        assert(ms_room(stage->core) <= 200 * 8);
        int taken = ms_play(stage->core, generation, &arming, pcm, n);
        assert(taken <= (int)n && (taken >= 0 || taken == MS_E_STALE || taken == MS_E_STATE));
        if (taken > 0) stage->played += (uint64_t)taken;
        if (next_random(&dice) % 50 == 0) ms_finish(stage->core, generation);
        if (next_random(&dice) % 40 == 0 || taken < 0) stage->generation = generation + 1;
        read_everything(stage, &dice);
    }
    return NULL;
}

static void two_threads(void) {
    ms_config config = full_config();
    stage stage = {.core = new_core(&config), .generation = 1};
    uint64_t dice = 5, sent = 0;
    int64_t now_ns = MS_NS_PER_S;
    ms_packet packets[MS_PACKETS_A_TICK];
    ms_event event;
    pthread_t thread;
    assert(pthread_create(&thread, NULL, python, &stage) == 0);
    for (int tick = 0; tick < TICKS; tick++, now_ns += MS_FRAME_NS) {
        for (int k = next_random(&dice) % 3; k > 0; k--) send_something(stage.core, &dice, tick, now_ns);
        if (next_random(&dice) % 8 == 0) command_something(stage.core, &dice, now_ns, stage.generation);
        int count = ms_tick(stage.core, now_ns, now_ns + next_random(&dice) % (70 * MS_NS_PER_MS), packets, MS_PACKETS_A_TICK);
        assert(count == 0 || packets[0].n == 12 + SAMPLES);
        sent += (uint64_t)count;
        assert(ms_bridge_frame(stage.core, now_ns, next_random(&dice) % 2 ? 8000 : 48000) != NULL);
        while (ms_next_event(stage.core, &event)) check_event(&event);
        if (ms_next_deadline(stage.core) < now_ns) ms_handle_deadline(stage.core, now_ns);
    }
    stage.over = true;
    assert(pthread_join(thread, NULL) == 0);
    printf("core: %d ticks, %llu packets sent, %llu samples played, %llu heard\n", TICKS, (unsigned long long)sent,
           (unsigned long long)stage.played, (unsigned long long)stage.read);
    assert(sent > 0 && stage.played > 0 && stage.read > 0);
    free_core(stage.core);
}

/* The order of samples across the ring: a ramp goes in on one side and must come out on the other, whole. */
static void *play_ramp(void *context) {
    ms_core *core = context;
    ms_arming arming = {0};
    uint64_t dice = 3;
    int16_t pcm[256];
    for (uint32_t at = 0; at < 400000;) {
        uint32_t n = next_random(&dice) % 256 + 1;
        for (uint32_t i = 0; i < n; i++) pcm[i] = (int16_t)((at + i) % 253 * 100);
        at += (uint32_t)ms_play(core, 1, &arming, pcm, n);
    }
    while (ms_finish(core, 1) == MS_E_FULL) {}
    return NULL;
}

static void a_ramp_comes_out_whole(void) {
    ms_config config = full_config();
    config.aec = config.ns = config.vad = 0;
    config.media_timeout_ms = 0;
    ms_core *core = new_core(&config);
    int64_t now_ns = MS_NS_PER_S, end = -1;
    pthread_t thread;
    ms_packet packets[MS_PACKETS_A_TICK];
    ms_event event;
    assert(pthread_create(&thread, NULL, play_ramp, core) == 0);
    for (uint64_t before = 0; end < 0; now_ns += MS_FRAME_NS) {
        assert(ms_tick(core, now_ns, now_ns, packets, MS_PACKETS_A_TICK) == 1);
        ms_position position;
        ms_position_now(core, &position);
        int16_t pcm[SAMPLES], octet[SAMPLES];
        uint8_t encoded[SAMPLES];
        uint64_t count = (uint64_t)position.wire - before;
        for (uint64_t i = 0; i < count; i++) pcm[i] = (int16_t)((before + i) % 253 * 100);
        ms_g711_encode_u(pcm, encoded, count);
        ms_g711_decode_u(encoded, octet, count);
        assert(memcmp(encoded, packets[0].data + 12, count) == 0);
        before = (uint64_t)position.wire;
        while (ms_next_event(core, &event))
            if (event.kind == MS_EVENT_FINISHED) end = event.position.wire;
    }
    assert(end >= 400000);
    assert(pthread_join(thread, NULL) == 0);
    free_core(core);
}

/* ---- set-up that cannot be ----------------------------------------------------------------------------------------- */

static void wrong_memory_is_refused(void) {
    ms_config config = full_config();
    size_t size = ms_size(&config);
    uint8_t *memory = aligned_alloc(MS_CORE_ALIGNMENT, size + MS_CORE_ALIGNMENT);
    assert(memory != NULL);
    assert(ms_init(memory, size - 1, &config, 0) == MS_E_ARGUMENT);
    assert(ms_init(memory + 8, size, &config, 0) == MS_E_ARGUMENT);
    config.say_hz = 11025;
    assert(ms_size(&config) == 0);
    assert(ms_init(memory, size, &config, 0) == MS_E_ARGUMENT);
    free(memory);
}

int main(void) {
    wrong_memory_is_refused();
    a_ramp_comes_out_whole();
    two_threads();
    puts("core: clean");
    return 0;
}
