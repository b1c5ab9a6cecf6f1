/* What the residual echo suppressor must know of the canceller, and nobody else. */
#ifndef MS_ECHO_STATE_H
#define MS_ECHO_STATE_H

#include "ms_kernels.h"

#include <speex/speex_echo.h>

SpeexEchoState *ms_echo_speex(ms_echo *e);
bool ms_echo_resting(const ms_echo *e);  /* the last frame was passed through: nothing was sent that could echo */

#endif
