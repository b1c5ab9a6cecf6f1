#include "ms_srtp.h"

#include <stdlib.h>
#include <string.h>

#include "ms_rtp.h"
#include "ms_srtp_transform.h"

#define RTCP_HEADER 8             /* what SRTCP leaves in the clear (RFC 3711 3.4) */
#define RTCP_INDEX 4              /* octets of E flag and index */
#define RTCP_ENCRYPTED 0x80000000u
#define MAX_RTP_INDEX ((1LL << 48) - 1)
#define MAX_RTCP_INDEX ((1LL << 31) - 1)
#define MAX_TAG 16
#define LIBRARY_BYTES (4 * 700)   /* four cipher contexts of libcrypto 3.0, measured */

typedef struct window {           /* a replay list, RFC 3711 3.3.2; bit k: highest - k was seen */
    int64_t highest;              /* -1: nothing yet */
    uint64_t seen[MS_SRTP_WINDOW / 64];
} window;

typedef struct source {
    uint32_t ssrc;
    bool used;
    bool continued;               /* its roll-over counter is from earlier keys, and not yet confirmed */
    uint64_t last;                /* when it last authenticated, counted in packets */
    window rtp, rtcp;
} source;

struct ms_srtp {
    ms_srtp_transform rtp_out, rtcp_out, rtp_in, rtcp_in;
    uint32_t send_ssrc;
    int64_t sent_rtp, sent_rtcp;  /* the highest index sent; -1: none */
    uint64_t authenticated;       /* packets */
    source sources[MS_SRTP_SOURCES];
};

static const ms_srtp_suite suites[] = { /* RFC 5764 4.1.2, RFC 7714 12 and 14.2 */
    {.profile = MS_SRTP_AES128_CM_SHA1_80, .key = 16, .salt = 14, .rtp_tag = 10, .rtcp_tag = 10},
    {.profile = MS_SRTP_AES128_CM_SHA1_32, .key = 16, .salt = 14, .rtp_tag = 4, .rtcp_tag = 10},
    {.profile = MS_SRTP_AEAD_AES_128_GCM, .key = 16, .salt = 12, .rtp_tag = 16, .rtcp_tag = 16, .aead = true},
    {.profile = MS_SRTP_AEAD_AES_256_GCM, .key = 32, .salt = 12, .rtp_tag = 16, .rtcp_tag = 16, .aead = true},
};

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 3; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
}

static uint16_t sequence_of(const uint8_t *packet) { return (uint16_t)(packet[2] << 8 | packet[3]); }

/* ---- life -------------------------------------------------------------------------------------------------------- */

static const ms_srtp_suite *suite_of(uint8_t profile) {
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (suites[i].profile == profile) return &suites[i];
    return NULL;
}

size_t ms_srtp_keying_octets(uint8_t profile) {
    const ms_srtp_suite *suite = suite_of(profile);
    return suite ? (size_t)suite->key + suite->salt : 0;
}

size_t ms_srtp_bytes(void) { return sizeof(ms_srtp) + LIBRARY_BYTES; }

static int set_up(ms_srtp *s, const ms_srtp_suite *suite, const ms_srtp_keys *keys) {
    struct { ms_srtp_transform *transform; const uint8_t *keying; enum ms_srtp_labels labels; bool to_send; } all[] = {
        {&s->rtp_out, keys->send, MS_SRTP_RTP_LABELS, true}, {&s->rtcp_out, keys->send, MS_SRTP_RTCP_LABELS, true},
        {&s->rtp_in, keys->receive, MS_SRTP_RTP_LABELS, false}, {&s->rtcp_in, keys->receive, MS_SRTP_RTCP_LABELS, false},
    };
    for (int i = 0; i < 4; i++) {
        int status = ms_srtp_transform_init(all[i].transform, suite, all[i].keying, all[i].labels, all[i].to_send);
        if (status != MS_OK) return status;
    }
    return MS_OK;
}

ms_srtp *ms_srtp_new(const ms_srtp_keys *keys, uint32_t send_ssrc, int *status) {
    const ms_srtp_suite *suite = suite_of(keys->profile);
    *status = MS_E_ARGUMENT;
    if (!suite) return NULL;
    *status = MS_E_MEMORY;
    ms_srtp *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->send_ssrc = send_ssrc;
    s->sent_rtp = s->sent_rtcp = -1;
    *status = set_up(s, suite, keys);
    if (*status == MS_OK) return s;
    ms_srtp_free(s);
    return NULL;
}

void ms_srtp_free(ms_srtp *s) {
    if (!s) return;
    ms_srtp_transform_release(&s->rtp_out);
    ms_srtp_transform_release(&s->rtcp_out);
    ms_srtp_transform_release(&s->rtp_in);
    ms_srtp_transform_release(&s->rtcp_in);
    free(s);
}

void ms_srtp_continue(ms_srtp *s, const ms_srtp *earlier) {
    if (s->send_ssrc == earlier->send_ssrc) {
        s->sent_rtp = earlier->sent_rtp;
        s->sent_rtcp = earlier->sent_rtcp;
    }
    for (int i = 0; i < MS_SRTP_SOURCES; i++) { /* nothing was seen yet under these keys: the lists are empty */
        const source *from = &earlier->sources[i];
        if (!from->used) continue;
        s->sources[i] = (source){.ssrc = from->ssrc, .used = true, .continued = from->rtp.highest >= 0,
                                 .rtp.highest = from->rtp.highest, .rtcp.highest = -1};
    }
}

/* ---- replay lists ------------------------------------------------------------------------------------------------ */

static bool is_replayed(const window *w, int64_t index) {
    int64_t behind = w->highest - index;
    if (w->highest < 0 || behind < 0) return false;
    return behind >= MS_SRTP_WINDOW || (w->seen[behind / 64] >> (behind % 64) & 1);
}

static void shift(window *w, int64_t by) {
    for (; by >= 64; by -= 64) {
        w->seen[1] = w->seen[0];
        w->seen[0] = 0;
    }
    if (by == 0) return;
    w->seen[1] = w->seen[1] << by | w->seen[0] >> (64 - by);
    w->seen[0] <<= by;
}

static void note(window *w, int64_t index) {
    int64_t ahead = index - w->highest;
    if (w->highest < 0 || ahead > 0) {
        shift(w, w->highest < 0 || ahead > MS_SRTP_WINDOW ? MS_SRTP_WINDOW : ahead);
        w->highest = index;
    }
    int64_t behind = w->highest - index;
    w->seen[behind / 64] |= 1ULL << (behind % 64);
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static source *find(ms_srtp *s, uint32_t ssrc) {
    for (int i = 0; i < MS_SRTP_SOURCES; i++)
        if (s->sources[i].used && s->sources[i].ssrc == ssrc) return &s->sources[i];
    return NULL;
}

/* The source of a packet that has authenticated: known, or in the place of the one longest silent. */
static source *admit(ms_srtp *s, uint32_t ssrc) {
    source *found = find(s, ssrc);
    for (int i = 0; !found && i < MS_SRTP_SOURCES; i++)
        if (!s->sources[i].used) found = &s->sources[i];
    if (!found) {
        found = &s->sources[0];
        for (int i = 1; i < MS_SRTP_SOURCES; i++)
            if (s->sources[i].last < found->last) found = &s->sources[i];
        found->used = false;
    }
    if (!found->used) *found = (source){.ssrc = ssrc, .used = true, .rtp.highest = -1, .rtcp.highest = -1};
    found->last = ++s->authenticated;
    return found;
}

/* RFC 3711 appendix A: the round in which the sequence number is nearest to the highest seen. */
static int64_t index_of(int64_t highest, uint16_t sequence) {
    if (highest < 0) return sequence;
    int64_t index = highest + (int16_t)(sequence - (uint16_t)highest);
    return index < 0 ? index + 0x10000 : index;
}

/* ---- RTP out ----------------------------------------------------------------------------------------------------- */

int ms_srtp_protect(ms_srtp *s, uint8_t *packet, size_t n, size_t capacity) {
    ms_srtp_transform *t = &s->rtp_out;
    size_t header = ms_rtp_header_octets(packet, n);
    if (header == 0 || get32(packet + 8) != s->send_ssrc) return MS_E_ARGUMENT;
    if (n + t->tag > capacity) return MS_E_FULL;
    int64_t index = index_of(s->sent_rtp, sequence_of(packet));
    if (index <= s->sent_rtp) return MS_E_ARGUMENT; /* never one place of the key stream twice */
    if (index > MAX_RTP_INDEX) return MS_E_STATE;
    uint8_t iv[16], round[4];
    bool done;
    if (t->aead) {
        ms_srtp_associated associated = {.first = packet, .first_n = header};
        ms_srtp_gcm_iv(t, s->send_ssrc, (uint64_t)index, iv);
        done = ms_srtp_seal(t, iv, &associated, packet + header, n - header, packet + header, packet + n);
    } else {
        ms_srtp_counter_iv(t, s->send_ssrc, (uint64_t)index, iv);
        done = ms_srtp_counter(t, iv, packet + header, n - header, packet + header);
        put32(round, (uint32_t)(index >> 16));
        ms_srtp_mac(t, packet, n, round, sizeof round, packet + n);
    }
    if (!done) return MS_E_STATE;
    s->sent_rtp = index;
    return (int)(n + t->tag);
}

/* ---- RTP in ------------------------------------------------------------------------------------------------------ */

static bool open_rtp(ms_srtp_transform *t, const uint8_t *packet, size_t n, size_t header, int64_t index,
                     uint8_t *plain) {
    uint8_t iv[16], round[4], tag[MAX_TAG];
    uint32_t ssrc = get32(packet + 8);
    memcpy(plain, packet, header);
    if (t->aead) {
        ms_srtp_associated associated = {.first = packet, .first_n = header};
        ms_srtp_gcm_iv(t, ssrc, (uint64_t)index, iv);
        return ms_srtp_open(t, iv, &associated, packet + header, n - header, packet + n, plain + header);
    }
    put32(round, (uint32_t)(index >> 16));
    ms_srtp_mac(t, packet, n, round, sizeof round, tag);
    if (CRYPTO_memcmp(tag, packet + n, t->tag) != 0) return false;
    ms_srtp_counter_iv(t, ssrc, (uint64_t)index, iv);
    return ms_srtp_counter(t, iv, packet + header, n - header, plain + header);
}

enum ms_srtp_verdict ms_srtp_unprotect(ms_srtp *s, const uint8_t *packet, size_t n, uint8_t *plain, size_t *plain_n) {
    ms_srtp_transform *t = &s->rtp_in;
    size_t header = n > t->tag ? ms_rtp_header_octets(packet, n - t->tag) : 0;
    if (header == 0) return MS_SRTP_MALFORMED;
    n -= t->tag;
    uint32_t ssrc = get32(packet + 8);
    source *from = find(s, ssrc);
    int64_t index = index_of(from ? from->rtp.highest : -1, sequence_of(packet));
    if (index > MAX_RTP_INDEX) return MS_SRTP_MALFORMED;
    if (from && is_replayed(&from->rtp, index)) return MS_SRTP_REPLAYED;
    if (!open_rtp(t, packet, n, header, index, plain)) {
        bool first_round = from && from->continued && index > UINT16_MAX;
        index = sequence_of(packet);
        if (!first_round || !open_rtp(t, packet, n, header, index, plain)) return MS_SRTP_FORGED;
        from->rtp.highest = -1;
    }
    from = admit(s, ssrc);
    from->continued = false;
    note(&from->rtp, index);
    *plain_n = n;
    return MS_SRTP_OK;
}

/* ---- RTCP -------------------------------------------------------------------------------------------------------- */

static bool is_rtcp(const uint8_t *packet, size_t n) {
    return n >= RTCP_HEADER && packet[0] >> 6 == 2 && packet[1] >= 192 && packet[1] <= 223;
}

/* AES-CM puts the index before the tag, an AEAD after it (RFC 3711 figure 2, RFC 7714 figure 3). */
int ms_srtp_protect_rtcp(ms_srtp *s, uint8_t *packet, size_t n, size_t capacity) {
    ms_srtp_transform *t = &s->rtcp_out;
    if (!is_rtcp(packet, n) || get32(packet + 4) != s->send_ssrc) return MS_E_ARGUMENT;
    if (n + t->tag + RTCP_INDEX > capacity) return MS_E_FULL;
    int64_t index = s->sent_rtcp + 1;
    if (index > MAX_RTCP_INDEX) return MS_E_STATE;
    uint8_t iv[16], trailer[RTCP_INDEX];
    uint8_t *body = packet + RTCP_HEADER;
    bool done;
    put32(trailer, (uint32_t)index | RTCP_ENCRYPTED);
    if (t->aead) {
        ms_srtp_associated associated = {packet, trailer, RTCP_HEADER, RTCP_INDEX};
        ms_srtp_gcm_iv(t, s->send_ssrc, (uint64_t)index, iv);
        done = ms_srtp_seal(t, iv, &associated, body, n - RTCP_HEADER, body, packet + n);
        memcpy(packet + n + t->tag, trailer, RTCP_INDEX);
    } else {
        ms_srtp_counter_iv(t, s->send_ssrc, (uint64_t)index, iv);
        done = ms_srtp_counter(t, iv, body, n - RTCP_HEADER, body);
        memcpy(packet + n, trailer, RTCP_INDEX);
        ms_srtp_mac(t, packet, n, trailer, RTCP_INDEX, packet + n + RTCP_INDEX);
    }
    if (!done) return MS_E_STATE;
    s->sent_rtcp = index;
    return (int)(n + t->tag + RTCP_INDEX);
}

/* `n` octets of packet, tag and index not counted. */
static bool open_rtcp(ms_srtp_transform *t, const uint8_t *packet, size_t n, int64_t index, uint8_t *plain) {
    uint8_t iv[16], tag[MAX_TAG];
    uint32_t ssrc = get32(packet + 4);
    const uint8_t *body = packet + RTCP_HEADER, *end = packet + n;
    memcpy(plain, packet, RTCP_HEADER);
    if (t->aead) {
        ms_srtp_associated associated = {packet, end + t->tag, RTCP_HEADER, RTCP_INDEX};
        ms_srtp_gcm_iv(t, ssrc, (uint64_t)index, iv);
        return ms_srtp_open(t, iv, &associated, body, n - RTCP_HEADER, end, plain + RTCP_HEADER);
    }
    ms_srtp_mac(t, packet, n, end, RTCP_INDEX, tag);
    if (CRYPTO_memcmp(tag, end + RTCP_INDEX, t->tag) != 0) return false;
    ms_srtp_counter_iv(t, ssrc, (uint64_t)index, iv);
    return ms_srtp_counter(t, iv, body, n - RTCP_HEADER, plain + RTCP_HEADER);
}

enum ms_srtp_verdict ms_srtp_unprotect_rtcp(ms_srtp *s, const uint8_t *packet, size_t n, uint8_t *plain,
                                            size_t *plain_n) {
    ms_srtp_transform *t = &s->rtcp_in;
    if (n > MS_MAX_PACKET || n < (size_t)(RTCP_HEADER + RTCP_INDEX + t->tag) || !is_rtcp(packet, n))
        return MS_SRTP_MALFORMED;
    n -= (size_t)(RTCP_INDEX + t->tag);
    uint32_t trailer = get32(packet + n + (t->aead ? t->tag : 0));
    if (!(trailer & RTCP_ENCRYPTED)) return MS_SRTP_MALFORMED;
    int64_t index = trailer & ~RTCP_ENCRYPTED;
    uint32_t ssrc = get32(packet + 4);
    source *from = find(s, ssrc);
    if (from && is_replayed(&from->rtcp, index)) return MS_SRTP_REPLAYED;
    if (!open_rtcp(t, packet, n, index, plain)) return MS_SRTP_FORGED;
    note(&admit(s, ssrc)->rtcp, index);
    *plain_n = n;
    return MS_SRTP_OK;
}
