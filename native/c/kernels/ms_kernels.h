/* The kernels: small struct-over-memory filters, each `init / process`, each with a slow oracle in tests/reference.
 * A struct is the caller's memory; what `ms_noise` has of speexdsp lies in it, too. */
#ifndef MS_KERNELS_H
#define MS_KERNELS_H

#include "ms_types.h"

/* ---- G.711 (ITU-T G.711; bit-exact with the recommendation's tables) ------------------------------------- */
void ms_g711_decode_u(const uint8_t *in, int16_t *out, size_t n);
void ms_g711_decode_a(const uint8_t *in, int16_t *out, size_t n);
void ms_g711_encode_u(const int16_t *in, uint8_t *out, size_t n);
void ms_g711_encode_a(const int16_t *in, uint8_t *out, size_t n);

/* ---- Resampler: rational polyphase FIR between 8, 16, 22.05, 24, 32, 44.1 and 48 kHz ---------------------
 * Linear phase, below 3 ms lag at every pair, chunking does not change the output. */
#define MS_RESAMPLE_TAPS 48        /* per phase, at most */
typedef struct ms_resampler {
    int32_t in_hz, out_hz;
    int32_t up, down;              /* reduced ratio: up/down = out/in */
    int32_t taps, phase;           /* taps per phase; phase of the next output */
    int32_t skip;                  /* inputs to take in before the next output */
    int32_t filled;
    const float *table;            /* up x taps coefficients, built once per ratio and shared, never freed */
    float history[2 * MS_RESAMPLE_TAPS * 8];
} ms_resampler;
int ms_resampler_init(ms_resampler *r, int32_t in_hz, int32_t out_hz);
size_t ms_resampler_output(const ms_resampler *r, size_t n_in);   /* most samples that n_in can give */
size_t ms_resampler_process(ms_resampler *r, const int16_t *in, size_t n_in, int16_t *out); /* returns samples written */
double ms_resampler_lag_ms(const ms_resampler *r);

/* ---- Echo canceller: near end in the sender's clock, reference in ours ------------------------------------
 * The reference is what we in fact sent, written with its due time, zeros while nothing was sent. The near end is
 * placed by its extended RTP time stamp; the mapping from that clock to ours is a lower envelope of arrival times
 * (least delay wins) with its slope (skew), moved by slewing so that the filter sees no jumps. */
typedef struct ms_echo ms_echo;
size_t ms_echo_size(int32_t rate_hz, int tail_ms);
int ms_echo_init(ms_echo *e, int32_t rate_hz, int32_t clock_hz /* of the time stamps */, int tail_ms);
void ms_echo_reference(ms_echo *e, const int16_t *sent, size_t n, int64_t due_ns);
void ms_echo_arrival(ms_echo *e, int64_t rtp_extended, int64_t received_ns);  /* once per packet: feeds the regression */
void ms_echo_resync(ms_echo *e);                                  /* the sender's clock jumped: begin the mapping anew */
/* 20 ms of near end that begins at rtp_extended; in and out may be the same memory */
void ms_echo_process(ms_echo *e, const int16_t *near, int16_t *out, size_t n, int64_t rtp_extended);
/* whether the line has given anything of ours back */
bool ms_echo_seen(const ms_echo *e);
/* what was taken off the last frame; NULL: nothing was, because nothing was sent that could echo */
const float *ms_echo_estimate(const ms_echo *e);
float ms_echo_erle_db(const ms_echo *e);
/* how late the echo comes, to 10 ms, up to 600; -1: none was found */
int32_t ms_echo_delay_ms(const ms_echo *e);
float ms_echo_skew_ppm(const ms_echo *e);
/* dBFS that the echo could still have in the last frame: what the gate must not take for speech */
float ms_echo_residual_dbfs(const ms_echo *e);

/* ---- Noise suppressor (speexdsp's preprocessor) --------------------------------------------------------------- */
typedef struct ms_noise ms_noise;
size_t ms_noise_size(int32_t rate_hz);
/* above 0, to 1: 30 dB at most; steady noise goes down by about 10 at a half, by 13 at one */
int ms_noise_init(ms_noise *s, int32_t rate_hz, float strength);
/* 20 ms, in place, and 20 ms late; other lengths pass untouched */
void ms_noise_process(ms_noise *s, int16_t *pcm, size_t n);

/* ---- Speech gate -------------------------------------------------------------------------------------------
 * Frames of 10 ms at 8 or 16 kHz. Onset within 60 ms of voiced speech; none on steady noise at 10 dB SNR, tones,
 * clicks, or echo that the canceller left (its level is given with each frame). */
typedef struct ms_gate {
    int32_t rate_hz;
    float state[192];
} ms_gate;
enum ms_gate_verdict { MS_GATE_QUIET = 0, MS_GATE_ONSET = 1, MS_GATE_SPEECH = 2, MS_GATE_OFFSET = 3 };
int ms_gate_init(ms_gate *g, int32_t rate_hz);
int ms_gate_process(ms_gate *g, const int16_t *pcm_10ms, float residual_dbfs); /* enum ms_gate_verdict */
/* Whether the last 10 ms themselves were speech: the verdict without its hangover of 200 ms. */
bool ms_gate_active(const ms_gate *g);
float ms_gate_noise_dbfs(const ms_gate *g);
float ms_gate_speech_dbfs(const ms_gate *g);

/* ---- RFC 4733 telephone events, receive side: one event per key, however its packets are lost or repeated ---- */
typedef struct ms_dtmf_receiver {
    int64_t last_rtp;          /* time stamp of the event in progress, -1: none */
    uint8_t last_code, reported;
    uint16_t duration;
    int32_t reorder_window;    /* RTP ticks that a late packet may be behind */
} ms_dtmf_receiver;
void ms_dtmf_init(ms_dtmf_receiver *d, int32_t clock_hz);
/* payload of one telephone-event packet; 1 and the key at the first packet of a new key (`duration` is what it said so
 * far), 0 otherwise, MS_E_ARGUMENT malformed */
int ms_dtmf_receive(ms_dtmf_receiver *d, const uint8_t *payload, size_t n, int64_t rtp_extended, uint8_t *key);

/* ---- and the send side: a queue of keys, a packet a tick ------------------------------------------------------- */
#define MS_DTMF_QUEUE 32
typedef struct ms_dtmf_key {
    uint8_t code;              /* 0-15 */
    uint16_t duration_ms;      /* 40-10000 */
    uint16_t gap_ms;           /* of silence after it; 40 at least, for the end is told three times */
} ms_dtmf_key;
typedef struct ms_dtmf_sender {
    int32_t clock_hz;
    ms_dtmf_key queue[MS_DTMF_QUEUE], now;
    uint8_t first, count;
    uint8_t copies;            /* of the last packet, still to be sent */
    bool marker;               /* the next packet is a key's first */
    uint32_t left, pause;      /* ticks of the key, and of the silence after it */
    uint32_t segment, lasted;  /* time stamp of the segment, and how long it is so far */
} ms_dtmf_sender;
typedef struct ms_dtmf_packet {
    uint32_t timestamp;
    uint8_t payload[4];
    bool marker, done;         /* done: the key is out */
} ms_dtmf_packet;
int ms_dtmf_sender_init(ms_dtmf_sender *s, int32_t clock_hz);
/* MS_OK, MS_E_FULL, MS_E_ARGUMENT */
int ms_dtmf_sender_push(ms_dtmf_sender *s, uint8_t code, uint32_t duration_ms, uint16_t gap_ms);
/* Once for each 20 ms, which begin at `timestamp`: 1 and a packet, which stands in the place of audio, or 0. */
int ms_dtmf_sender_tick(ms_dtmf_sender *s, uint32_t timestamp, ms_dtmf_packet *out);
/* Whether there is a key, or the silence after one: no audio is to be sent. */
bool ms_dtmf_sender_busy(const ms_dtmf_sender *s);

#endif
