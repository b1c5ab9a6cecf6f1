/* What is done to what the caller says beside taking our echo off it: rumble before, residual echo, noise and level
 * after. The gate listens in between: what comes after gives each frame 10 to 30 ms late, so long would an
 * interruption go unnoticed; and a level that is changed would be the gate's own doing. */
#ifndef MS_REFINE_H
#define MS_REFINE_H

#include "ms_core.h"
#include "ms_kernels.h"
#include "ms_level.h"
#include "ms_residual.h"

typedef struct ms_refine {
    ms_residual *residual;         /* NULL: no echo canceller */
    ms_noise *noise;               /* NULL: off */
    bool has_high_pass, has_agc;
    ms_high_pass high_pass;
    ms_agc agc;
} ms_refine;

bool ms_refine_is_valid(const ms_config *config);
size_t ms_refine_size(const ms_config *config);        /* of `memory` */
int ms_refine_init(ms_refine *r, const ms_config *config, void *memory);
/* 20 ms in place, as they came */
void ms_refine_before(ms_refine *r, int16_t *pcm, size_t n);
/* and without their echo; `echo`: what was taken off, NULL: nothing; `heard`: not all of it is silence of ours */
void ms_refine_after(ms_refine *r, int16_t *pcm, size_t n, const float *echo, bool heard, bool speech);

#endif
