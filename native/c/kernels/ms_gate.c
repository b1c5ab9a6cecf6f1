/* The speech gate: is somebody talking, decided every 10 ms for a few microseconds.
 *
 * A frame votes for speech when it stands out of the noise floor and of the echo that may be left, is periodic as
 * a voice is (a pitch of 62-400 Hz repeats itself within the last 32 ms), and does not have all its power in two
 * spectral lines, as every signalling tone and DTMF key has. Three votes in four frames are an onset: a click
 * cannot have them, a voiced syllable has them after 30-50 ms. Speech, once begun, is held by energy alone, since
 * its consonants are not periodic, and ends after 200 ms without any.
 *
 * The costly features are computed only for frames loud enough to matter: silence costs next to nothing. */
#include "ms_kernels.h"
#include "ms_spectrum.h"

#include <math.h>
#include <string.h>

enum { RATE_HZ = 8000, FRAME = RATE_HZ / 100, HISTORY = MS_SPECTRUM_SAMPLES };
enum { SLOW = HISTORY / 2, LAG_MIN = 10, LAG_MAX = 64, MATCHED = 48 };  /* at 4 kHz */
enum { FLOOR_PARTS = 6, FLOOR_PART_FRAMES = 25, WARM_UP_FRAMES = 30 };
enum { VOTERS = 4, VOTES_FOR_ONSET = 3, HANGOVER_FRAMES = 20 };
enum { BAND_FIRST = 5, BAND_LOW = 10, BAND_LAST = 110, LINE_REACH = 2 };  /* bins of 31.25 Hz: 156-312-3440 Hz */

static const float SILENCE_DBFS = -100, AUDIBLE_DBFS = -60;
static const float UNKNOWN_FLOOR_DBFS = -50;  /* at most, until the floor has been seen for a while */
static const float OVER_FLOOR_DB = 5, OVER_RESIDUAL_DB = 6, HOLD_OVER_FLOOR_DB = 4;
static const float OVER_RUMBLE_DB = 14, RUMBLING = 0.75f;  /* share of the power that lies low */
static const float PERIODIC = 0.62f;
static const float TWO_LINES = 0.93f;          /* share of the whole */
static const float WEAKER_LINE = 0.02f;        /* share of the stronger: less is a tone's own skirt */
static const float PITCH_BIN_MIN = 4.5f, PITCH_BIN_MAX = 13;  /* lower voices never have only two lines */
static const float OFF_HARMONIC = 0.12f;
static const float HIGH_PASS = 0.88f;         /* twice one pole at about 170 Hz: hum and rumble have no vote */
static const float FLOOR_BIAS_DB = 1.5f;      /* a minimum of a fluctuating power lies below its mean */

typedef struct __attribute__((may_alias)) gate_state {
    int16_t history[HISTORY];     /* at 8 kHz, newest last */
    float high_pass_in, high_pass_between, high_pass_out, decimator;
    float smooth_db, floor_db, speech_db;
    float part_min_db[FLOOR_PARTS];
    int32_t part, part_frames, frames;
    uint32_t votes;               /* of the last frames, newest in bit 0 */
    int32_t quiet_frames;         /* since speech was last held */
    bool speaking, active;        /* with and without the hangover */
} gate_state;

_Static_assert(sizeof(gate_state) <= sizeof((ms_gate){0}.state), "the header's state is too small");

static gate_state *state_of(ms_gate *g) { return (gate_state *)g->state; }
static const gate_state *const_state_of(const ms_gate *g) { return (const gate_state *)g->state; }

int ms_gate_init(ms_gate *g, int32_t rate_hz) {
    memset(g, 0, sizeof *g);
    if (rate_hz != RATE_HZ && rate_hz != 2 * RATE_HZ) return MS_E_ARGUMENT;
    g->rate_hz = rate_hz;
    gate_state *s = state_of(g);
    s->floor_db = s->smooth_db = UNKNOWN_FLOOR_DBFS;
    s->speech_db = SILENCE_DBFS;
    for (int i = 0; i < FLOOR_PARTS; i++) s->part_min_db[i] = 0;
    return MS_OK;
}

/* 80 samples at 8 kHz, without what lies below the voice; returns their power in dBFS. */
static float take_in(gate_state *s, const int16_t *pcm, int32_t rate_hz) {
    float power = 0;
    memmove(s->history, s->history + FRAME, (HISTORY - FRAME) * sizeof *s->history);
    for (int i = 0; i < FRAME; i++) {
        float in = pcm[i];
        if (rate_hz == 2 * RATE_HZ) {
            in = 0.25f * s->decimator + 0.5f * pcm[2 * i] + 0.25f * pcm[2 * i + 1];
            s->decimator = pcm[2 * i + 1];
        }
        float between = HIGH_PASS * (s->high_pass_between + in - s->high_pass_in);
        float out = HIGH_PASS * (s->high_pass_out + between - s->high_pass_between);
        s->high_pass_in = in;
        s->high_pass_between = between;
        s->high_pass_out = out;
        power += out * out;
        s->history[HISTORY - FRAME + i] = (int16_t)lrintf(out > 32767 ? 32767 : out < -32768 ? -32768 : out);
    }
    power /= FRAME * 32768.0f * 32768.0f;
    return power > 1e-10f ? 10 * log10f(power) : SILENCE_DBFS;
}

/* Minimum statistics: the least smoothed power of the last 1.5 s, in six parts so that it can rise again. */
static void track_floor(gate_state *s, float power_db) {
    s->smooth_db = s->frames ? s->smooth_db + 0.3f * (power_db - s->smooth_db) : power_db;
    s->part_min_db[s->part] = fminf(s->part_min_db[s->part], s->smooth_db);
    float least = 0;
    for (int i = 0; i < FLOOR_PARTS; i++) least = fminf(least, s->part_min_db[i]);
    s->floor_db = fmaxf(SILENCE_DBFS, least + FLOOR_BIAS_DB);
    if (s->frames < WARM_UP_FRAMES) {
        s->floor_db = fminf(s->floor_db, UNKNOWN_FLOOR_DBFS);
        s->frames++;
    }
    if (++s->part_frames == FLOOR_PART_FRAMES) {
        s->part_frames = 0;
        s->part = (s->part + 1) % FLOOR_PARTS;
        s->part_min_db[s->part] = 0;
    }
}

/* The best normalised correlation of the last 12 ms with what came a pitch period earlier. */
static float periodicity(const int16_t *history) {
    float slow[SLOW], best = 0;
    for (int i = 0; i < SLOW; i++) {  /* [1 3 3 1]: high formants would fall between the lags of 4 kHz */
        const int16_t *at = history + 2 * i;
        slow[i] = i ? (float)(at[-2] + 3 * at[-1] + 3 * at[0] + at[1]) : 0;
    }
    const float *now = slow + SLOW - MATCHED;
    float energy_now = 0;
    for (int i = 0; i < MATCHED; i++) energy_now += now[i] * now[i];
    for (int lag = LAG_MIN; lag <= LAG_MAX; lag++) {
        const float *then = now - lag;
        float product = 0, energy = 0;
        for (int i = 0; i < MATCHED; i++) {
            product += now[i] * then[i];
            energy += then[i] * then[i];
        }
        float scale = sqrtf(energy * energy_now);
        if (product > best * scale) best = product / (scale + 1);
    }
    return best;
}

typedef struct line {
    float at;     /* bins, interpolated */
    float power;  /* with its skirts */
} line;

/* Takes the strongest line out of the spectrum. */
static line take_line(float *power) {
    int peak = BAND_FIRST;
    for (int k = BAND_FIRST; k <= BAND_LAST; k++)
        if (power[k] > power[peak]) peak = k;
    float below = logf(power[peak - 1] + 1), top = logf(power[peak] + 1), above = logf(power[peak + 1] + 1);
    float bend = below - 2 * top + above;
    line taken = {.at = (float)peak + (bend < -1e-3f ? 0.5f * (below - above) / bend : 0)};
    for (int k = peak - LINE_REACH; k <= peak + LINE_REACH; k++) {
        if (k >= BAND_FIRST && k <= BAND_LAST) taken.power += power[k];
        power[k] = 0;
    }
    return taken;
}

/* Neighbouring harmonics of one pitch. A high voice on "oo", "oh" or "ee" can have little else; no signalling
 * tone is made so: dial, ringing and busy tones stand in no such ratio, DTMF stands too far apart. */
static bool are_harmonics(line strong, line weak) {
    float low = fminf(strong.at, weak.at), pitch = fabsf(strong.at - weak.at);
    if (pitch < PITCH_BIN_MIN || pitch > PITCH_BIN_MAX || weak.power < WEAKER_LINE * strong.power) return false;
    float order = low / pitch;
    return fabsf(order - roundf(order)) < OFF_HARMONIC;
}

static float power_in(const float *power, int first, int last) {
    float sum = 1;
    for (int k = first; k <= last; k++) sum += power[k];
    return sum;
}

/* Rumble swells and repeats itself as a deep voice does, but hardly above its own floor. */
static bool is_rumble(const float *power, float over_floor_db) {
    return over_floor_db < OVER_RUMBLE_DB &&
           power_in(power, BAND_FIRST, BAND_LOW) > RUMBLING * power_in(power, BAND_FIRST, BAND_LAST);
}

/* Takes the spectrum apart. */
static bool is_tone(float *power) {
    float whole = power_in(power, BAND_FIRST, BAND_LAST);
    line first = take_line(power), second = take_line(power);
    return first.power + second.power > TWO_LINES * whole && !are_harmonics(first, second);
}

static bool votes_for_speech(const gate_state *s, float power_db, float residual_dbfs) {
    if (power_db < AUDIBLE_DBFS || power_db < s->floor_db + OVER_FLOOR_DB) return false;
    if (power_db < residual_dbfs + OVER_RESIDUAL_DB) return false;
    if (periodicity(s->history) <= PERIODIC) return false;
    float power[MS_SPECTRUM_BINS];
    ms_spectrum(s->history, power);
    return !is_rumble(power, power_db - s->floor_db) && !is_tone(power);
}

static int verdict(gate_state *s, bool held) {
    if (!s->speaking) {
        int votes = __builtin_popcount(s->votes & ((1u << VOTERS) - 1));
        if (votes < VOTES_FOR_ONSET || !(s->votes & 1)) return MS_GATE_QUIET;
        s->speaking = true;
        s->quiet_frames = 0;
        return MS_GATE_ONSET;
    }
    s->quiet_frames = held ? 0 : s->quiet_frames + 1;
    if (s->quiet_frames < HANGOVER_FRAMES) return MS_GATE_SPEECH;
    s->speaking = false;
    s->votes = 0;
    return MS_GATE_OFFSET;
}

int ms_gate_process(ms_gate *g, const int16_t *pcm_10ms, float residual_dbfs) {
    gate_state *s = state_of(g);
    float power_db = take_in(s, pcm_10ms, g->rate_hz);
    track_floor(s, power_db);
    bool vote = votes_for_speech(s, power_db, residual_dbfs);
    s->votes = s->votes << 1 | vote;
    if (vote) s->speech_db = s->speech_db < -90 ? power_db : s->speech_db + 0.1f * (power_db - s->speech_db);
    bool held = vote || (power_db > AUDIBLE_DBFS && power_db > s->floor_db + HOLD_OVER_FLOOR_DB &&
                         power_db > residual_dbfs + OVER_RESIDUAL_DB);
    s->active = s->speaking ? held : vote;
    return verdict(s, held);
}

bool ms_gate_active(const ms_gate *g) { return const_state_of(g)->active; }
float ms_gate_noise_dbfs(const ms_gate *g) { return const_state_of(g)->floor_db; }
float ms_gate_speech_dbfs(const ms_gate *g) { return const_state_of(g)->speech_db; }
