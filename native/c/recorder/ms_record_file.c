#include "ms_record_file.h"

#include <errno.h>
#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIDES 2
#define SAMPLE_BYTES (SIDES * sizeof(int16_t)) /* of both sides */
#define BUFFER (64 * 1024)                     /* at least a page of Ogg, and a frame of WAV */
#define SAVE_S 2
#define PACKETS_A_PAGE 50                      /* a second: what a killed process may lose */
#define COMPLEXITY 5

/* ---- WAV --------------------------------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, const char *name, uint64_t value, int octets) {
    size_t n = strlen(name);
    memcpy(at, name, n);
    at += n;
    for (int i = 0; i < octets; i++) *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

void ms_wav_header(uint8_t out[MS_WAV_HEADER], int32_t rate_hz, uint64_t data_bytes) {
    uint64_t riff_bytes = data_bytes + MS_WAV_HEADER - 8;
    bool is_long = riff_bytes > UINT32_MAX;
    uint32_t rate = (uint32_t)rate_hz;
    uint8_t *at = put(out, is_long ? "RF64" : "RIFF", is_long ? UINT32_MAX : riff_bytes, 4);
    at = put(at, "WAVE", 0, 0);
    at = put(at, is_long ? "ds64" : "JUNK", 28, 4); /* JUNK keeps the place of ds64 */
    at = put(at, "", is_long ? riff_bytes : 0, 8);
    at = put(at, "", is_long ? data_bytes : 0, 8);
    at = put(at, "", is_long ? data_bytes / SAMPLE_BYTES : 0, 8);
    at = put(at, "", 0, 4); /* entries of its table */
    at = put(at, "fmt ", 16, 4);
    at = put(at, "", 1, 2); /* PCM */
    at = put(at, "", SIDES, 2);
    at = put(at, "", rate, 4);
    at = put(at, "", rate * SAMPLE_BYTES, 4);
    at = put(at, "", SAMPLE_BYTES, 2);
    at = put(at, "", 16, 2);
    put(at, "data", is_long ? UINT32_MAX : data_bytes, 4);
}

/* ---- bytes into the file ------------------------------------------------------------------------------------------ */

/* Returns 0, or errno; a write may take less than it was given. */
static int write_at(int fd, const uint8_t *data, size_t n, uint64_t offset) {
    while (n > 0) {
        ssize_t taken = pwrite(fd, data, n, (off_t)offset);
        if (taken < 0 && errno == EINTR) continue;
        if (taken <= 0) return taken < 0 ? errno : EIO;
        data += taken;
        offset += (uint64_t)taken;
        n -= (size_t)taken;
    }
    return 0;
}

static void write_buffer(ms_record_file *f) {
    if (f->error == 0) f->error = write_at(f->fd, f->buffer, f->filled, f->offset);
    if (f->error == 0) f->offset += f->filled;
    f->filled = 0;
}

static uint8_t *reserve(ms_record_file *f, uint32_t n) {
    if (f->filled + n > BUFFER) write_buffer(f);
    return f->buffer + f->filled;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static int init_opus(ms_record_file *f, int32_t bit_rate) {
    int error = OPUS_OK;
    opus_int32 lookahead = 0;
    f->ogg = malloc(sizeof *f->ogg);
    f->encoder = opus_encoder_create(f->rate_hz, SIDES, OPUS_APPLICATION_AUDIO, &error);
    if (!f->ogg || error == OPUS_ALLOC_FAIL) return MS_E_MEMORY;
    if (error != OPUS_OK || opus_encoder_ctl(f->encoder, OPUS_SET_BITRATE(bit_rate)) != OPUS_OK)
        return MS_E_ARGUMENT;
    opus_encoder_ctl(f->encoder, OPUS_SET_COMPLEXITY(COMPLEXITY));
    opus_encoder_ctl(f->encoder, OPUS_GET_LOOKAHEAD(&lookahead));
    f->pre_skip = (uint16_t)(lookahead * (MS_OGG_RATE_HZ / f->rate_hz));
    ms_ogg_init(f->ogg, (uint32_t)f->fd * 2654435761u + (uint32_t)f->rate_hz);
    f->filled = (uint32_t)ms_ogg_opus_head(f->ogg, f->buffer, SIDES, f->pre_skip, f->rate_hz);
    f->filled += (uint32_t)ms_ogg_opus_tags(f->ogg, f->buffer + f->filled);
    return MS_OK;
}

int ms_record_file_init(ms_record_file *f, int fd, enum ms_record_format format, int32_t rate_hz, int32_t bit_rate) {
    memset(f, 0, sizeof *f);
    f->fd = fd;
    f->format = format;
    f->rate_hz = rate_hz;
    f->samples = (uint32_t)rate_hz / 1000 * MS_FRAME_MS;
    f->buffer = malloc(BUFFER);
    int status = f->buffer ? MS_OK : MS_E_MEMORY;
    if (status == MS_OK && format == MS_RECORD_OPUS) status = init_opus(f, bit_rate);
    if (status == MS_OK && format == MS_RECORD_WAV) {
        ms_wav_header(f->buffer, rate_hz, 0);
        f->filled = MS_WAV_HEADER;
    }
    if (status != MS_OK) ms_record_file_release(f);
    return status;
}

void ms_record_file_release(ms_record_file *f) {
    if (f->encoder) opus_encoder_destroy(f->encoder);
    free(f->ogg);
    free(f->buffer);
    f->encoder = NULL;
    f->ogg = NULL;
    f->buffer = NULL;
}

/* ---- sound --------------------------------------------------------------------------------------------------------- */

static void write_page(ms_record_file *f, int64_t granule, bool is_last) {
    uint8_t *out = reserve(f, MS_OGG_PAGE_MAX);
    f->filled += (uint32_t)ms_ogg_page(f->ogg, out, granule, is_last);
}

static int64_t granules(uint64_t frames) { return (int64_t)(frames * (MS_OGG_RATE_HZ / 1000 * MS_FRAME_MS)); }

/* `before`: frames encoded before this one. A packet that does not fit begins a page. */
static void add_packet(ms_record_file *f, const int16_t *pcm, uint64_t before) {
    uint8_t packet[MS_OGG_PACKET_MAX];
    opus_int32 n = opus_encode(f->encoder, pcm, (int)f->samples, packet, sizeof packet);
    if (n < 0) {
        f->error = EIO; /* the encoder itself has failed: there is no other word for it */
        return;
    }
    if (!ms_ogg_has_room(f->ogg, (size_t)n)) write_page(f, granules(before), false);
    ms_ogg_add(f->ogg, packet, (size_t)n);
}

static void add_wav(ms_record_file *f, const int16_t *pcm) {
    uint32_t n = f->samples * SAMPLE_BYTES;
    memcpy(reserve(f, n), pcm, n); /* little-endian, as every machine we run on */
    f->filled += n;
}

static void add_opus(ms_record_file *f, const int16_t *pcm) {
    add_packet(f, pcm, f->frames);
    if ((f->frames + 1) % PACKETS_A_PAGE == 0) write_page(f, granules(f->frames + 1), false);
}

void ms_record_file_add(ms_record_file *f, const int16_t *pcm) {
    if (f->error != 0) return;
    (f->format == MS_RECORD_OPUS ? add_opus : add_wav)(f, pcm);
    f->frames++;
}

static void save_sizes(ms_record_file *f) {
    uint8_t header[MS_WAV_HEADER];
    if (f->offset < MS_WAV_HEADER) return;
    ms_wav_header(header, f->rate_hz, f->offset - MS_WAV_HEADER);
    int error = write_at(f->fd, header, sizeof header, 0);
    if (f->error == 0) f->error = error;
    f->saved_frames = f->frames;
}

void ms_record_file_flush(ms_record_file *f) {
    write_buffer(f);
    bool is_due = f->frames - f->saved_frames >= SAVE_S * 1000 / MS_FRAME_MS;
    if (f->format == MS_RECORD_WAV && f->error == 0 && is_due) save_sizes(f);
}

/* What the encoder still holds back of the last sound needs one frame more; the granule tells where to stop. */
static void finish_opus(ms_record_file *f) {
    static const int16_t silence[SIDES * MS_MAX_FRAME];
    if (f->error == 0) add_packet(f, silence, f->frames);
    if (f->error == 0) write_page(f, granules(f->frames) + f->pre_skip, true);
    write_buffer(f);
}

void ms_record_file_finish(ms_record_file *f) {
    if (f->format == MS_RECORD_OPUS) {
        finish_opus(f);
        return;
    }
    write_buffer(f);
    save_sizes(f); /* after an error too: what is there shall be readable */
}
