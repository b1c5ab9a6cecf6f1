/* RFC 4733 telephone events, both ways.
 *
 * Receiving. A key is a run of packets that all bear the time stamp of its beginning, the last one three times. Any of them
 * may be lost, repeated or late, so the time stamp alone tells keys apart, and the first packet of a key that
 * arrives reports it: neither the marker nor the end bit is relied on.
 *
 * Sending. One packet a tick, from the beginning of the key, each saying how long it has lasted by the end of that
 * tick; the last one bears the end bit and is sent three times. What the duration field cannot say goes on in a new
 * segment (2.5.1.3), whose first packet never bears the end bit; a rest of one tick would have to say that it lasted none
 * at all, which is no key's duration (2.3.5), so that the key is one tick longer. The pause is counted from the key's
 * end, so that the repetitions fall into it. */
#include "ms_kernels.h"

enum { PAYLOAD_BYTES = 4, KEYS = 16, LONGEST_SEGMENT = 0xffff };
enum { REORDER_S = 5 };  /* a time stamp that fell back further is a clock that jumped */
enum { END_BIT = 0x80, VOLUME = 10 /* -dBm0 */, LAST_COPIES = 3, SHORTEST_KEY_MS = 40, LONGEST_KEY_MS = 10000 };

void ms_dtmf_init(ms_dtmf_receiver *d, int32_t clock_hz) {
    *d = (ms_dtmf_receiver){.last_rtp = -1, .reorder_window = REORDER_S * clock_hz};
}

/* RFC 4733 2.5.1.3: a key longer than the duration field can say goes on in a new segment, stamped where the
 * full one ended. */
static bool continues_segment(const ms_dtmf_receiver *d, uint8_t code, int64_t rtp_extended) {
    return code == d->last_code && d->duration == LONGEST_SEGMENT && rtp_extended - d->last_rtp == LONGEST_SEGMENT;
}

int ms_dtmf_receive(ms_dtmf_receiver *d, const uint8_t *payload, size_t n, int64_t rtp_extended, uint8_t *key) {
    if (n < PAYLOAD_BYTES || rtp_extended < 0) return MS_E_ARGUMENT;
    uint8_t code = payload[0];
    uint16_t duration = (uint16_t)(payload[2] << 8 | payload[3]);
    if (code >= KEYS) return 0;  /* flash, fax and line events: not keys */
    if (d->last_rtp >= 0) {
        if (rtp_extended == d->last_rtp) {
            if (duration > d->duration) d->duration = duration;
            return 0;
        }
        if (rtp_extended < d->last_rtp && d->last_rtp - rtp_extended <= d->reorder_window) return 0;
    }
    bool same_key = d->last_rtp >= 0 && continues_segment(d, code, rtp_extended);
    *d = (ms_dtmf_receiver){.last_rtp = rtp_extended, .last_code = code, .reported = 1, .duration = duration,
                            .reorder_window = d->reorder_window};
    if (same_key) return 0;
    *key = code;
    return 1;
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

int ms_dtmf_sender_init(ms_dtmf_sender *s, int32_t clock_hz) {
    if (clock_hz < 8000 || clock_hz > MS_MAX_RATE_HZ || clock_hz % 1000) return MS_E_ARGUMENT;
    *s = (ms_dtmf_sender){.clock_hz = clock_hz};
    return MS_OK;
}

int ms_dtmf_sender_push(ms_dtmf_sender *s, uint8_t code, uint32_t duration_ms, uint16_t gap_ms) {
    if (code >= KEYS || duration_ms < SHORTEST_KEY_MS || duration_ms > LONGEST_KEY_MS) return MS_E_ARGUMENT;
    if (s->count == MS_DTMF_QUEUE) return MS_E_FULL;
    s->queue[(s->first + s->count++) % MS_DTMF_QUEUE] =
        (ms_dtmf_key){.code = code, .duration_ms = (uint16_t)duration_ms, .gap_ms = gap_ms};
    return MS_OK;
}

bool ms_dtmf_sender_busy(const ms_dtmf_sender *s) { return s->count > 0 || s->left > 0 || s->copies > 0 || s->pause > 0; }

static uint32_t ticks_of_clock(const ms_dtmf_sender *s, uint32_t ms) { return ms * (uint32_t)(s->clock_hz / 1000); }

static void begin_next(ms_dtmf_sender *s, uint32_t timestamp) {
    s->now = s->queue[s->first];
    s->first = (s->first + 1) % MS_DTMF_QUEUE;
    s->count--;
    s->left = ticks_of_clock(s, s->now.duration_ms);
    if (s->left % LONGEST_SEGMENT == 1) s->left++;
    s->pause = ticks_of_clock(s, s->now.gap_ms);
    s->segment = timestamp;
    s->lasted = 0;
    s->marker = true;
}

static void write_packet(const ms_dtmf_sender *s, bool is_last, ms_dtmf_packet *out) {
    *out = (ms_dtmf_packet){.timestamp = s->segment, .marker = s->marker, .payload = {
        s->now.code, (uint8_t)((is_last ? END_BIT : 0) | VOLUME), (uint8_t)(s->lasted >> 8), (uint8_t)s->lasted,
    }};
}

/* One more tick of the key: where its segment is full, or a fresh one may not end, less of it is told. */
static void sound(ms_dtmf_sender *s, uint32_t step, ms_dtmf_packet *out) {
    bool fresh = s->lasted == LONGEST_SEGMENT;
    if (fresh) {
        s->segment += LONGEST_SEGMENT;
        s->lasted = 0;
    }
    uint32_t room = LONGEST_SEGMENT - s->lasted, told = s->left < step ? s->left : step;
    if (told > room) told = room;
    if (fresh && told == s->left) told = s->left - 1;
    s->lasted += told;
    s->left -= told;
    bool is_last = s->left == 0;
    write_packet(s, is_last, out);
    s->marker = false;
    if (is_last) s->copies = LAST_COPIES - 1;
}

int ms_dtmf_sender_tick(ms_dtmf_sender *s, uint32_t timestamp, ms_dtmf_packet *out) {
    uint32_t step = ticks_of_clock(s, MS_FRAME_MS);
    if (s->left == 0 && s->copies == 0 && s->pause == 0 && s->count > 0) begin_next(s, timestamp);
    if (s->left > 0) {
        sound(s, step, out);
        return 1;
    }
    s->pause = s->pause > step ? s->pause - step : 0;
    if (s->copies == 0) return 0;
    write_packet(s, true, out);
    out->done = --s->copies == 0;
    return 1;
}
