/* Set-up without memory, for the sanitizers: of every step that allocates, each allocation is refused once.
 *
 * A step is tried in a world where those before it went well, with its k-th allocation refused, for every k until it
 * asks for no more. It must then say MS_E_MEMORY (MS_E_SYSTEM for a thread that could not be made), succeed when tried
 * again in the same world, and leave a world that works and can be torn down; that nothing leaked or was freed twice is
 * the sanitizer's to say. What libcrypto allocates is refused in secure_main.c.
 *
 * Wraps: malloc calloc aligned_alloc posix_memalign mmap opus_encoder_create pthread_create
 */
#include <errno.h>
#include <fcntl.h>
#include <opus/opus.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ms_codec.h"
#include "ms_engine.h"

#define REQUIRE(condition)                                                             \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
            exit(1);                                                                   \
        }                                                                              \
    } while (0)

/* ---- what is refused --------------------------------------------------------------------------------------------- */

/* Of this thread alone: the engine's and the recorder's own threads are let be. 0: nothing is refused any more. */
static _Thread_local uint32_t until_refusal;

static bool refused(void) { return until_refusal != 0 && --until_refusal == 0; }

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
int __real_posix_memalign(void **out, size_t alignment, size_t n);
void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
OpusEncoder *__real_opus_encoder_create(opus_int32 rate_hz, int channels, int application, int *error);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *with, void *(*run)(void *), void *argument);

void *__wrap_malloc(size_t n) { return refused() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t count, size_t n) { return refused() ? NULL : __real_calloc(count, n); }

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return refused() ? NULL : __real_aligned_alloc(alignment, n);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t n)
{
    return refused() ? ENOMEM : __real_posix_memalign(out, alignment, n);
}

void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (!refused())
        return __real_mmap(at, n, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

OpusEncoder *__wrap_opus_encoder_create(opus_int32 rate_hz, int channels, int application, int *error)
{
    if (!refused())
        return __real_opus_encoder_create(rate_hz, channels, application, error);
    *error = OPUS_ALLOC_FAIL;
    return NULL;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *with, void *(*run)(void *), void *argument)
{
    return refused() ? EAGAIN : __real_pthread_create(thread, with, run, argument);
}

/* ---- a world, step by step ---------------------------------------------------------------------------------------- */

typedef struct kind { /* of stream */
    uint8_t codec, payload_type;
    int32_t hz;
    uint8_t profile; /* enum ms_srtp_profile */
    bool full, bridge;
    uint8_t record_format;
} kind;

typedef struct world {
    const kind *kind;
    bool threads;
    ms_engine *engine;
    ms_handle talker, listener;
    int file;
    int64_t now_ns;
} world;

static ms_srtp_keys keys_of(uint8_t profile, uint8_t seed)
{
    ms_srtp_keys keys = {.profile = profile};
    memset(keys.send, seed, sizeof keys.send);
    memset(keys.receive, seed + 1, sizeof keys.receive);
    return keys;
}

static ms_config config_of(const kind *k)
{
    ms_config config = {.say_hz = k->hz, .hear_hz = k->hz, .coding_count = 1, .aec = k->full, .ns = k->full,
                        .vad = k->full, .bridge = k->bridge, .lock_source = 1, .telephone_event_type = 101,
                        .reorder_ms = 40, .playout_ms = 200, .rewind_ms = 100, .ears_ms = 200, .ssrc = 7,
                        .opus_complexity = 1, .rtcp = MS_RTCP_MUX, .srtp = keys_of(k->profile, 1)};
    config.codings[0] = (ms_coding){.codec = k->codec, .payload_type = k->payload_type};
    config.remote = (ms_address){.family = 4, .port = 4000, .ip = {127, 0, 0, 1}};
    return config;
}

static int begin(world *w)
{
    ms_engine_config config = {.capacity = 2, .slots = 10, .manual = !w->threads, .cpu = -1, .priority = 10,
                               .policy = MS_POLICY_NORMAL, .commands = 64, .events = 64, .seed = 1};
    int status;
    w->engine = ms_engine_new(&config, &status);
    REQUIRE((w->engine != NULL) == (status == MS_OK));
    return status;
}

static int start(world *w) { return w->threads ? ms_engine_start(w->engine) : MS_OK; }

static int add(world *w, ms_handle *out)
{
    ms_config config = config_of(w->kind);
    ms_sockets sockets = {-1, -1};
    return ms_engine_add(w->engine, &config, sockets, 1, out);
}

static int add_talker(world *w) { return w->threads ? MS_OK : add(w, &w->talker); }
static int add_listener(world *w) { return w->threads ? MS_OK : add(w, &w->listener); }

static int connect_them(world *w)
{
    enum ms_listen what = w->kind->bridge ? MS_LISTEN_HEARD : MS_LISTEN_SAID;
    return w->threads ? MS_OK : ms_engine_connect(w->engine, w->listener, w->talker, what, 1);
}

static int change_keys(world *w)
{
    ms_srtp_keys keys = keys_of(w->kind->profile, 5);
    bool changes = !w->threads && w->kind->profile != MS_SRTP_NONE;
    return changes ? ms_engine_set_keys(w->engine, w->talker, &keys) : MS_OK;
}

static int record(world *w)
{
    ms_record_config config = {.fd = w->file, .id = 1, .format = w->kind->record_format, .bit_rate = 24000};
    return w->threads ? MS_OK : ms_engine_record(w->engine, w->talker, &config);
}

typedef int step(world *);
static step *const steps[] = {begin, start, add_talker, add_listener, connect_them, change_keys, record};
#define STEPS (sizeof steps / sizeof *steps)

static void live(world *w)
{
    ms_out out;
    int sent = 0;
    for (int tick = 0; tick < 5 && !w->threads; tick++, w->now_ns += 20 * MS_NS_PER_MS) {
        REQUIRE(ms_engine_step(w->engine, w->now_ns) >= 0);
        while (ms_engine_take_packet(w->engine, &out))
            sent++;
    }
    REQUIRE(w->threads || sent >= 8);
}

static void end(world *w)
{
    ms_engine_event event;
    if (!w->threads) {
        REQUIRE(ms_engine_remove(w->engine, w->listener) == MS_OK);
        REQUIRE(ms_engine_step(w->engine, w->now_ns) >= 0);
        while (ms_engine_next_event(w->engine, &event))
            if (event.event.kind == MS_EVENT_REMOVED)
                REQUIRE(ms_engine_reclaim(w->engine, event.stream) == MS_OK);
    }
    ms_engine_free(w->engine); /* the talker and its recording are still there */
}

/* ---- every refusal of every step ---------------------------------------------------------------------------------- */

/* False: `step` asked for fewer than `k`. */
static bool refuse(world *w, size_t number, uint32_t k)
{
    for (size_t i = 0; i < number; i++)
        REQUIRE(steps[i](w) == MS_OK);
    until_refusal = k;
    int status = steps[number](w);
    bool happened = until_refusal == 0;
    until_refusal = 0;
    REQUIRE(happened ? status == MS_E_MEMORY || status == MS_E_SYSTEM : status == MS_OK);
    for (size_t i = happened ? number : number + 1; i < STEPS; i++)
        REQUIRE(steps[i](w) == MS_OK);
    live(w);
    end(w);
    return happened;
}

static uint32_t refuse_all(const kind *kind, bool threads, int file)
{
    uint32_t refusals = 0;
    for (size_t number = 0; number < STEPS; number++) {
        uint32_t k = 0;
        bool happened;
        do {
            world w = {.kind = kind, .threads = threads, .file = file, .now_ns = MS_NS_PER_S};
            happened = refuse(&w, number, ++k);
            refusals += happened;
        } while (happened);
    }
    return refusals;
}

static uint32_t a_recorder_without_a_thread_begins_with_the_next(void)
{
    ms_recorder recorder;
    REQUIRE(ms_recorder_init(&recorder, 4, -1) == MS_OK);
    until_refusal = 1;
    REQUIRE(ms_recorder_start(&recorder) == MS_E_SYSTEM && errno == EAGAIN);
    REQUIRE(ms_recorder_start(&recorder) == MS_OK);
    ms_recorder_stop(&recorder);
    ms_recorder_free(&recorder);
    return 1;
}

int main(void)
{
    static const kind codecs[] = {{.codec = MS_PCMU, .payload_type = 0, .hz = 8000},
                                  {.codec = MS_PCMA, .payload_type = 8, .hz = 16000},
                                  {.codec = MS_G722, .payload_type = 9, .hz = 16000},
                                  {.codec = MS_L16, .payload_type = 96, .hz = 16000},
                                  {.codec = MS_OPUS, .payload_type = 97, .hz = 48000}};
    static const uint8_t profiles[] = {MS_SRTP_NONE, MS_SRTP_AES128_CM_SHA1_80, MS_SRTP_AEAD_AES_256_GCM};
    int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint32_t refusals = a_recorder_without_a_thread_begins_with_the_next();
    REQUIRE(file >= 0);
    refusals += refuse_all(&codecs[0], true, file);
    for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++)
        for (size_t p = 0; p < sizeof profiles; p++)
            for (int what = 0; what < 4; what++) {
                kind kind = codecs[c];
                kind.profile = profiles[p];
                kind.full = what & 1;
                kind.bridge = what >> 1;
                kind.record_format = (c + p) % 2 ? MS_RECORD_OPUS : MS_RECORD_WAV;
                refusals += refuse_all(&kind, false, file);
            }
    close(file);
    printf("failing_allocations: %u refusals, each named and got over\n", refusals);
    return 0;
}
