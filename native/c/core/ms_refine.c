#include "ms_refine.h"

#include <string.h>

enum { NS_USUAL = 50, NS_MOST = 100, ALIGNMENT = MS_CORE_ALIGNMENT };

bool ms_refine_is_valid(const ms_config *c) {
    return c->ns_percent <= NS_MOST && (c->agc_dbfs == 0 || (c->agc_dbfs >= -40 && c->agc_dbfs <= -6));
}

static size_t residual_size(const ms_config *c) {
    size_t n = c->aec ? ms_residual_size(c->hear_hz) : 0;
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t ms_refine_size(const ms_config *c) {
    return residual_size(c) + (c->ns ? ms_noise_size(c->hear_hz) : 0);
}

int ms_refine_init(ms_refine *r, const ms_config *c, void *memory) {
    memset(r, 0, sizeof *r);
    int status = MS_OK;
    if (c->aec) {
        r->residual = memory;
        status = ms_residual_init(r->residual, c->hear_hz);
    }
    if (status == MS_OK && c->ns) {
        r->noise = (ms_noise *)((uint8_t *)memory + residual_size(c));
        status = ms_noise_init(r->noise, c->hear_hz, (float)(c->ns_percent ? c->ns_percent : NS_USUAL) / NS_MOST);
    }
    r->has_high_pass = c->high_pass;
    if (status == MS_OK && r->has_high_pass) status = ms_high_pass_init(&r->high_pass, c->hear_hz);
    r->has_agc = c->agc_dbfs != 0;
    if (status == MS_OK && r->has_agc) status = ms_agc_init(&r->agc, c->hear_hz, c->agc_dbfs);
    return status;
}

void ms_refine_before(ms_refine *r, int16_t *pcm, size_t n) {
    if (r->has_high_pass) ms_high_pass_process(&r->high_pass, pcm, n);
}

/* The suppressor of echo runs on silence, too, since it gives each frame late; that of noise would take silence of
 * ours for the line's own quiet, and learn it. */
void ms_refine_after(ms_refine *r, int16_t *pcm, size_t n, const float *echo, bool heard, bool speech) {
    if (r->residual) ms_residual_process(r->residual, pcm, echo, n);
    if (r->noise && heard) ms_noise_process(r->noise, pcm, n);
    if (r->has_agc) ms_agc_process(&r->agc, pcm, n, speech);
}
