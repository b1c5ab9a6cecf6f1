/* SRTP, RTCP and the E-model without Python, for the sanitizers: every allocation at set-up fails once, no packet
 * allocates, keys cross between two threads while packets fly, and whatever a wire can bring is survived. Correctness
 * against oracles is tested from Python. */
#include <assert.h>
#include <math.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ms_codec.h"
#include "ms_core.h"
#include "ms_emodel.h"
#include "ms_rtcp_reporter.h"

#define OURS 0x1234u
#define THEIRS 0x5EEDu

static const uint8_t profiles[] = {MS_SRTP_AES128_CM_SHA1_80, MS_SRTP_AES128_CM_SHA1_32, MS_SRTP_AEAD_AES_128_GCM,
                                   MS_SRTP_AEAD_AES_256_GCM};

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

/* ---- libcrypto's allocations, counted and refused ------------------------------------------------------------------ */

static _Atomic long allocations, refuse_after = -1;

static bool refused(void) {
    allocations++;
    return refuse_after >= 0 && refuse_after-- == 0;
}

static void *count_malloc(size_t n, const char *file, int line) { return refused() ? NULL : malloc(n); }
static void *count_realloc(void *at, size_t n, const char *file, int line) { return refused() ? NULL : realloc(at, n); }
static void count_free(void *at, const char *file, int line) { free(at); }

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

static ms_srtp_keys keys_for(uint8_t profile, uint8_t seed, bool turned) {
    ms_srtp_keys keys = {.profile = profile};
    for (int i = 0; i < MS_SRTP_MAX_KEYING; i++) {
        keys.send[i] = (uint8_t)(seed * 31 + i * 7 + (turned ? 100 : 0));
        keys.receive[i] = (uint8_t)(seed * 31 + i * 7 + (turned ? 0 : 100));
    }
    return keys;
}

static ms_srtp *new_srtp(uint8_t profile, uint8_t seed, bool turned, uint32_t ssrc) {
    ms_srtp_keys keys = keys_for(profile, seed, turned);
    int status;
    ms_srtp *srtp = ms_srtp_new(&keys, ssrc, &status);
    assert(srtp != NULL && status == MS_OK);
    return srtp;
}

static size_t write_rtp(uint8_t *out, uint32_t ssrc, uint16_t sequence, size_t payload) {
    memset(out, 0, 12 + payload);
    out[0] = 0x80;
    out[2] = (uint8_t)(sequence >> 8);
    out[3] = (uint8_t)sequence;
    for (int i = 0; i < 4; i++) out[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
    return 12 + payload;
}

/* ---- set-up that fails, packets that do not allocate ------------------------------------------------------------------ */

static void a_failed_allocation_leaves_nothing(uint8_t profile) {
    ms_srtp_keys keys = keys_for(profile, 1, false);
    long needed = allocations, failures = 0;
    ms_srtp_free(new_srtp(profile, 1, false, OURS));
    needed = allocations - needed;
    for (long k = 0; k < needed; k++) { /* some libcrypto can do without: then all is well */
        int status;
        refuse_after = k;
        ms_srtp *srtp = ms_srtp_new(&keys, OURS, &status);
        refuse_after = -1;
        assert((srtp != NULL) == (status == MS_OK));
        assert(status == MS_OK || status == MS_E_MEMORY);
        failures += srtp == NULL;
        ms_srtp_free(srtp);
    }
    assert(needed >= 12 && failures >= needed / 2);
    printf("secure: profile %d survived %ld failed allocations\n", profile, needed);
}

static void no_packet_allocates(uint8_t profile) {
    ms_srtp *here = new_srtp(profile, 1, false, OURS), *there = new_srtp(profile, 1, true, THEIRS);
    uint8_t packet[MS_MAX_PACKET], plain[MS_MAX_PACKET], report[MS_MAX_PACKET];
    size_t n;
    long before = allocations;
    for (uint32_t k = 65000; k < 66200; k++) {
        size_t octets = write_rtp(packet, OURS, (uint16_t)k, k % 200);
        int sent = ms_srtp_protect(here, packet, octets, sizeof packet);
        assert(sent > 0 && ms_srtp_unprotect(there, packet, (size_t)sent, plain, &n) == MS_SRTP_OK && n == octets);
        assert(ms_srtp_unprotect(there, packet, (size_t)sent, plain, &n) == MS_SRTP_REPLAYED);
        packet[sent - 1] ^= 1;
        packet[3] ^= 0x55;
        assert(ms_srtp_unprotect(there, packet, (size_t)sent, plain, &n) != MS_SRTP_OK);
        write_rtp(report, 0, 0, 20);
        report[1] = 200;
        memcpy(report + 4, (uint8_t[]){0, 0, 0x12, 0x34}, 4);
        sent = ms_srtp_protect_rtcp(here, report, 32, sizeof report);
        assert(sent > 0 && ms_srtp_unprotect_rtcp(there, report, (size_t)sent, plain, &n) == MS_SRTP_OK && n == 32);
    }
    assert(allocations == before);
    ms_srtp_free(here);
    ms_srtp_free(there);
}

static void any_length_is_survived(uint8_t profile) {
    ms_srtp *there = new_srtp(profile, 1, true, THEIRS);
    uint64_t dice = profile;
    size_t plain_n;
    for (int k = 0; k < 20000; k++) {
        size_t n = k % 2 ? next_random(&dice) % 60 : next_random(&dice) % MS_MAX_PACKET;
        uint8_t *packet = malloc(n + 1), *plain = malloc(n + 1); /* their own blocks: a byte too far is seen */
        for (size_t i = 0; i < n; i++) packet[i] = (uint8_t)next_random(&dice);
        if (n > 1) packet[0] = 0x80 | (packet[0] & 0x1F);
        if (n > 1 && k % 3) packet[1] = 200;
        assert(ms_srtp_unprotect(there, packet, n, plain, &plain_n) != MS_SRTP_OK);
        assert(ms_srtp_unprotect_rtcp(there, packet, n, plain, &plain_n) != MS_SRTP_OK);
        free(packet);
        free(plain);
    }
    ms_srtp_free(there);
}

/* ---- RTCP and the E-model ----------------------------------------------------------------------------------------------- */

static void hostile_compounds(void) {
    ms_rtcp_reporter r;
    ms_rtp_source heard = {.known = true, .ssrc = THEIRS, .first = 65536, .highest = 70000, .received = 4000};
    ms_rtcp_saying saying = {.talks = true, .packets = 3};
    uint64_t dice = 3;
    ms_rtcp_reporter_init(&r, OURS, 8000, 0, 1);
    for (int k = 0; k < 100000; k++) {
        uint8_t ours[MS_RTCP_MAX_OURS];
        int n = ms_rtcp_reporter_write(&r, k * MS_NS_PER_MS, &saying, &heard, k % 2, ours, sizeof ours);
        assert(n > 0 && ms_rtcp_reporter_write(&r, 0, &saying, &heard, true, ours, sizeof ours - 1) == MS_E_FULL);
        size_t cut = next_random(&dice) % 4 ? (size_t)n : next_random(&dice) % (size_t)n;
        uint8_t *packet = malloc(cut + 1);
        memcpy(packet, ours, cut);
        for (uint32_t i = next_random(&dice) % 5; i > 0 && cut > 0; i--)
            packet[next_random(&dice) % cut] = (uint8_t)next_random(&dice);
        ms_rtcp_reporter_receive(&r, packet, cut, k * MS_NS_PER_MS, &heard);
        assert(r.round_trip_ns >= -1 && r.round_trip_ns <= MS_RTCP_MAX_ROUND_TRIP_NS);
        free(packet);
    }
    assert(r.received > 10000 && r.malformed > 10000);
}

static void ratings_stay_on_their_scale(void) {
    const float odd[] = {NAN, INFINITY, -INFINITY, -1, 0, 0.5f, 1, 1e30f};
    for (int codec = 0; codec < 256; codec++)
        for (int i = 0; i < 8 * 8 * 8; i++) {
            ms_emodel_call call = {(uint8_t)codec, odd[i % 8], odd[i / 8 % 8], odd[i / 64]};
            ms_emodel_rating rating = ms_emodel_rate(&call);
            assert(rating.r >= 0 && rating.r <= 100);
            assert(rating.listening_mos >= 1 && rating.conversational_mos <= 4.5f);
        }
}

/* ---- keys across two threads ------------------------------------------------------------------------------------------- */

typedef struct call {
    ms_core *core;
    _Atomic int offered, in_force; /* seeds */
    _Atomic bool over;
} call;

static void *border(void *context) {
    call *c = context;
    for (int seed = 2; seed < 120; seed++) {
        ms_srtp_keys keys = keys_for(profiles[seed % 4], (uint8_t)seed, false);
        assert(ms_offer_keys(c->core, &keys) == MS_OK);
        c->offered = seed;
        while (seed % 3 && c->in_force != seed) {} /* now and then the next are offered before these were taken */
    }
    while (c->in_force != 119) {}
    c->over = true;
    return NULL;
}

static void keys_cross_while_packets_fly(void) {
    ms_config config = {
        .say_hz = 8000, .hear_hz = 8000, .codings = {{MS_PCMU, 0}}, .coding_count = 1, .reorder_ms = 0,
        .playout_ms = 200, .ears_ms = 100, .ssrc = OURS, .lock_source = 1, .rtcp = MS_RTCP_MUX,
        .remote = {.ip = {127, 0, 0, 1}, .port = 4000, .family = 4}, .srtp = keys_for(profiles[1], 1, false),
    };
    size_t size = ms_size(&config);
    call c = {.core = aligned_alloc(MS_CORE_ALIGNMENT, size)};
    assert(size > 0 && c.core && ms_init(c.core, size, &config, 1) == MS_OK);
    pthread_t thread;
    assert(pthread_create(&thread, NULL, border, &c) == 0);
    ms_packet packets[MS_PACKETS_A_TICK];
    uint8_t plain[MS_MAX_PACKET];
    ms_srtp *caller = NULL;
    size_t n;
    int64_t now_ns = MS_NS_PER_S;
    for (uint16_t k = 0; !c.over; k++, now_ns += MS_FRAME_NS) {
        int seed = c.offered;
        if (ms_apply(c.core, &(ms_command){.op = MS_OP_KEYS}, now_ns) == MS_OK) {
            ms_srtp_free(caller); /* what was taken may be newer than what was read: ask by trying */
            caller = NULL;
        }
        int count = ms_tick(c.core, now_ns, now_ns, packets, MS_PACKETS_A_TICK);
        assert(count >= 1);
        for (int later = 0; !caller && seed + later > 1 && later < 3 && seed + later < 120; later++) {
            caller = new_srtp(profiles[(seed + later) % 4], (uint8_t)(seed + later), true, THEIRS);
            if (ms_srtp_unprotect(caller, packets[0].data, packets[0].n, plain, &n) == MS_SRTP_OK) {
                c.in_force = seed + later;
                break;
            }
            ms_srtp_free(caller);
            caller = NULL;
        }
        if (!caller) continue;
        uint8_t packet[MS_MAX_PACKET];
        int sent = ms_srtp_protect(caller, packet, write_rtp(packet, THEIRS, k, 160), sizeof packet);
        assert(sent > 0);
        ms_receive(c.core, packet, (size_t)sent, &config.remote, now_ns);
    }
    assert(pthread_join(thread, NULL) == 0);
    assert(ms_farewell(c.core, now_ns, packets) == 1 && packets[0].channel == MS_CHANNEL_RTCP);
    ms_core_statistics statistics;
    ms_core_get_statistics(c.core, &statistics);
    assert(statistics.srtp_forged == 0 && statistics.packets_received > 0);
    ms_srtp_free(caller);
    ms_release(c.core);
    free(c.core);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    assert(CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1);
    for (int i = 0; i < 4; i++) {
        ms_srtp_free(new_srtp(profiles[i], 1, false, OURS)); /* libcrypto sets itself up at first use */
        a_failed_allocation_leaves_nothing(profiles[i]);
        no_packet_allocates(profiles[i]);
        any_length_is_survived(profiles[i]);
    }
    hostile_compounds();
    ratings_stay_on_their_scale();
    keys_cross_while_packets_fly();
    puts("secure: clean");
    return 0;
}
