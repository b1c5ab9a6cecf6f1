#include "ms_echo_window.h"

#include <math.h>
#include <string.h>

enum { BLOCKS = MS_FRAME_MS / MS_SEARCH_BLOCK_MS, MAX_BLOCK = MS_SEARCH_MAX_BLOCK, ALIGNMENT = 64 };
enum { DELAY_MAX_BLOCKS = 50, ROOM_BEFORE = 3, ROOM_AFTER = 4 };   /* blocks of the window around the echo's peak */
enum { KEEP_EVERY = 25, PAUSE_FRAMES = 100 };   /* frames between copies, and between searches for a jump */
enum { ADDING_FRAMES = 40 };       /* a filter that adds sound for so long is wrong beyond what it can see by itself */
static const float ADDS = 0.97f, AUDIBLE_POWER = 1;
static const float FAILS = 0.25f, WORKS = 0.04f;   /* a filter that leaves so much of what comes in: 6 dB, 14 dB */
static const float LATELY = 0.1f;                  /* each 20 ms: 200 ms */
static const float IN_VAIN = 0.003f;               /* share of the filter's power, 25 dB down */
static const float QUIET_POWER = 33.0f * 33.0f;    /* -60 dBFS: less of the far end says nothing about its echo */
static const float PRE_EMPHASIS = 0.9f;            /* as the filter has it */

static size_t jump_bytes(int32_t rate_hz) {
    return (ms_echo_jump_size(rate_hz) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t ms_echo_window_size(int32_t rate_hz, int tail_ms) {
    size_t filter = ms_kalman_size(rate_hz, tail_ms);
    return filter == 0 ? 0 : jump_bytes(rate_hz) + filter;
}

int ms_echo_window_init(ms_echo_window *w, int32_t rate_hz, int tail_ms, void *memory) {
    memset(w, 0, sizeof *w);
    if (ms_echo_window_size(rate_hz, tail_ms) == 0) return MS_E_ARGUMENT;
    w->block = rate_hz / 1000 * MS_SEARCH_BLOCK_MS;
    w->tail = tail_ms / MS_SEARCH_BLOCK_MS;
    w->lag = -1;
    w->jump = memory;
    w->filter = (ms_kalman *)((uint8_t *)memory + jump_bytes(rate_hz));
    ms_echo_search_init(&w->search, rate_hz);
    ms_echo_jump_init(w->jump, rate_hz);
    return ms_kalman_init(w->filter, rate_hz, tail_ms);
}

static int32_t within(int32_t value, int32_t least, int32_t most) {
    return value < least ? least : value > most ? most : value;
}

static bool fails(const ms_echo_window *w) { return w->out_lately > FAILS * w->near_lately; }

static bool works(const ms_echo_window *w) { return w->out_lately < WORKS * w->near_lately; }

static void keep(ms_echo_window *w) {
    ms_kalman_keep(w->filter);
    w->kept = true;
    w->since_kept = 0;
}

static void begin_anew(ms_echo_window *w) {
    ms_kalman_forget(w->filter);
    w->kept = w->looks_for_jump = false;
}

/* ---- where the echo was found ------------------------------------------------------------------------------------ */

/* Moves the window past its first blocks, if the filter has found nothing there. */
static bool tighten(ms_echo_window *w, int32_t blocks) {
    int32_t room = DELAY_MAX_BLOCKS - w->delay / w->block;
    blocks = blocks < room ? blocks : room;
    if (blocks <= 0 || ms_kalman_share(w->filter, blocks) > IN_VAIN) return false;
    w->delay += blocks * w->block;
    ms_kalman_shift(w->filter, blocks);
    if (works(w)) keep(w);
    return true;
}

/* So late in the window that the echo's end falls out of it; where a short one puts the echo itself is not. */
static bool falls_out(const ms_echo_window *w, int32_t into) {
    int32_t last = w->tail - ROOM_AFTER;
    return into > (last > ROOM_BEFORE ? last : ROOM_BEFORE);
}

/* A lag that a working filter does not cover is none of its echo. */
static bool follow(ms_echo_window *w, int32_t lag) {
    int32_t into = lag - w->delay / w->block;
    bool covered = into >= 0 && into <= w->tail, is_late = falls_out(w, into);
    if (lag < 0 || (!fails(w) && !covered)) return false;
    w->lag = lag;
    bool may_tighten = works(w) || (is_late && !w->kept);  /* one that worked and fails may have a jump to look for */
    if (covered && may_tighten && tighten(w, into - ROOM_BEFORE)) return false;
    if (!fails(w) || w->looks_for_jump || (covered && !is_late)) return false;
    int32_t delay = within(lag - ROOM_BEFORE, 0, DELAY_MAX_BLOCKS) * w->block;
    if (delay == w->delay) return false;  /* it stands as late as it can */
    w->delay = delay;
    begin_anew(w);
    return true;
}

bool ms_echo_window_search(ms_echo_window *w, const int16_t *far, const int16_t *near) {
    int32_t lag = w->lag;
    for (int32_t at = 0; at < BLOCKS * w->block; at += w->block)
        lag = ms_echo_search_process(&w->search, far + at, near + at);
    return follow(w, lag);
}

/* ---- where it jumped to ------------------------------------------------------------------------------------------ */

/* The window cannot stand before now: for an echo that came earlier by more, what the filter knows moves within it. */
static void jump(ms_echo_window *w, int32_t later) {
    int32_t short_of_now = -(w->delay + later), blocks = 0;
    if (short_of_now > 0) blocks = (short_of_now + w->block - 1) / w->block;
    ms_kalman_recall(w->filter);
    if (blocks > 0) ms_kalman_shift(w->filter, blocks);
    w->delay = within(w->delay + later + blocks * w->block, 0, DELAY_MAX_BLOCKS * w->block);
    w->near_lately = w->out_lately = 0;
    w->looks_for_jump = false;
    keep(w);
    ms_echo_jump_begin(w->jump);
}

static int32_t look_for_jump(ms_echo_window *w, const int16_t *near) {
    float expected[MAX_BLOCK], came[MAX_BLOCK];
    ms_kalman_kept_echo(w->filter, expected);
    for (int32_t i = 0; i < w->block; i++)
        came[i] = (float)near[i] - PRE_EMPHASIS * (i > 0 ? (float)near[i - 1] : w->near_before);
    return ms_echo_jump_process(w->jump, came, expected);
}

static int16_t rounded(float value) {
    return (int16_t)lrintf(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

void ms_echo_window_cancel(ms_echo_window *w, const int16_t *far, const int16_t *near, int16_t *cleaned, float *echo) {
    float left[MAX_BLOCK];
    int32_t later = 0;
    for (int32_t at = 0; at < BLOCKS * w->block; at += w->block) {
        ms_kalman_process(w->filter, far + at, near + at, left, echo + at);
        for (int32_t i = 0; i < w->block; i++) cleaned[at + i] = rounded(left[i]);
        if (w->looks_for_jump && later == 0) later = look_for_jump(w, near + at);
        w->near_before = near[at + w->block - 1];
    }
    if (later != 0) jump(w, later);
}

/* ---- how well the filter does ------------------------------------------------------------------------------------ */

/* Keeps a filter that works; looks for a jump for a while when one fails, then leaves it to learn. */
static void watch(ms_echo_window *w) {
    w->since_kept++;
    if (works(w) && w->since_kept > KEEP_EVERY) keep(w);
    if (w->pause > 0) w->pause--;
    if (ms_echo_jump_is_over(w->jump)) w->pause = PAUSE_FRAMES;
    if (works(w) || ms_echo_jump_is_over(w->jump)) ms_echo_jump_begin(w->jump);
    w->looks_for_jump = w->kept && fails(w) && w->pause == 0;
}

bool ms_echo_window_judge(ms_echo_window *w, float far, float near, float cleaned) {
    if (far > QUIET_POWER) {
        w->near_lately += LATELY * (near - w->near_lately);
        w->out_lately += LATELY * (cleaned - w->out_lately);
        watch(w);
    }
    w->adding = cleaned > ADDS * near && cleaned > AUDIBLE_POWER ? w->adding + 1 : 0;
    if (w->adding < ADDING_FRAMES) return false;
    w->adding = 0;
    begin_anew(w);
    return true;
}
