/* A stereo recording as a file, WAV or Ogg Opus, that can be read even when its writer was killed.
 *
 * WAV: the sizes in the header are brought up to date every SAVE_S; what follows the last of them is in the file, and
 * most programs read it too. Beyond 4 GiB the header becomes that of RF64 (EBU Tech 3306), for which it keeps room from
 * the beginning. Ogg: each page stands for itself.
 *
 * The first error is kept, and from then on nothing is written but, at the end, what makes the file readable as far as
 * it goes. The descriptor is the caller's. */
#ifndef MS_RECORD_FILE_H
#define MS_RECORD_FILE_H

#include "ms_ogg.h"

#define MS_WAV_HEADER 80
enum ms_record_format { MS_RECORD_WAV = 0, MS_RECORD_OPUS = 1 };

typedef struct ms_record_file {
    int fd;
    int32_t rate_hz;
    uint32_t samples;          /* a side and 20 ms */
    int32_t error;             /* errno of what went wrong first, or 0 */
    uint64_t frames;           /* of 20 ms, that were accepted */
    uint64_t offset;           /* bytes written, in order, header included */
    uint64_t saved_frames;
    uint8_t format;            /* enum ms_record_format */
    uint16_t pre_skip;         /* Opus: samples at 48 kHz that a reader drops */
    struct OpusEncoder *encoder;
    ms_ogg *ogg;
    uint32_t filled;
    uint8_t *buffer;           /* what is not written yet */
} ms_record_file;

/* MS_E_ARGUMENT, MS_E_MEMORY; writes nothing yet. */
int ms_record_file_init(ms_record_file *f, int fd, enum ms_record_format format, int32_t rate_hz, int32_t bit_rate);
void ms_record_file_release(ms_record_file *f);
/* 20 ms of left, right, left, ... */
void ms_record_file_add(ms_record_file *f, const int16_t *pcm);
/* What was added is in the file, as far as the format allows. */
void ms_record_file_flush(ms_record_file *f);
void ms_record_file_finish(ms_record_file *f);

/* A header for so many bytes of 16-bit stereo sound. */
void ms_wav_header(uint8_t out[MS_WAV_HEADER], int32_t rate_hz, uint64_t data_bytes);

#endif
