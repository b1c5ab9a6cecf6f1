#include "ms_mix.h"

#include <string.h>

#include "ms_bridge.h"
#include "ms_engine_state.h"

static uint32_t samples_in(uint32_t ms, int32_t rate_hz) { return ms * (uint32_t)rate_hz / 1000; }

int ms_rate_index(int32_t rate_hz)
{
    static const int32_t rates_hz[MS_RATES] = {8000, 16000, 24000, 48000};
    for (int i = 0; i < MS_RATES; i++)
        if (rates_hz[i] == rate_hz)
            return i;
    return -1;
}

void ms_mix_init(ms_mix *mix) { memset(mix, 0, sizeof *mix); }

/* ---- connections ----------------------------------------------------------------------------------------- */

static ms_connection *find(ms_mix *mix, const ms_stream *source, uint8_t what)
{
    for (uint32_t i = 0; i < mix->count; i++)
        if (mix->connections[i].source == source && mix->connections[i].what == what)
            return &mix->connections[i];
    return NULL;
}

static void drop(ms_mix *mix, uint32_t at)
{
    mix->connections[at] = mix->connections[--mix->count];
}

/* One that is ending gives way to one that begins. */
static ms_connection *place_for(ms_mix *mix)
{
    for (uint32_t i = 0; mix->count == MS_CONNECTIONS && i < mix->count; i++)
        if (mix->connections[i].ending)
            drop(mix, i);
    return mix->count < MS_CONNECTIONS ? &mix->connections[mix->count++] : NULL;
}

bool ms_mix_connect(ms_mix *mix, ms_stream *listener, ms_stream *source, uint8_t what, float gain)
{
    ms_connection *connection = find(mix, source, what);
    if (connection == NULL) {
        connection = place_for(mix);
        if (connection == NULL)
            return false;
        *connection = (ms_connection){.source = source, .what = what};
        ms_gain_init(&connection->gain, 0);
    }
    connection->ending = false;
    ms_gain_set(&connection->gain, gain, samples_in(MS_GAIN_RAMP_MS, ms_say_hz(listener->core)));
    return true;
}

void ms_mix_disconnect(ms_mix *mix, ms_stream *listener, const ms_stream *source, uint8_t what)
{
    ms_connection *connection = find(mix, source, what);
    if (connection == NULL)
        return;
    connection->ending = true;
    ms_gain_set(&connection->gain, 0, samples_in(MS_GAIN_RAMP_MS, ms_say_hz(listener->core)));
}

void ms_mix_forget(ms_mix *mix, const ms_stream *source)
{
    for (uint32_t i = mix->count; i-- > 0;)
        if (mix->connections[i].source == source)
            drop(mix, i);
}

/* What it said, at the rate asked for; ten listeners at one rate cost one resampler. */
static const int16_t *said(ms_stream *source, int64_t due_ns, int32_t rate_hz)
{
    const int16_t *pcm = ms_said(source->core);
    int32_t say_hz = ms_say_hz(source->core);
    if (say_hz == rate_hz)
        return pcm;
    ms_said_at *copy = source->said_at[ms_rate_index(rate_hz)];
    if (copy != NULL && copy->due_ns != due_ns) {
        if (copy->due_ns != due_ns - MS_FRAME_NS) /* nobody listened meanwhile: what its filter remembers is past */
            ms_resampler_init(&copy->resampler, say_hz, rate_hz);
        copy->due_ns = due_ns;
        ms_resampler_process(&copy->resampler, pcm, samples_in(MS_FRAME_MS, say_hz), copy->pcm);
    }
    return copy == NULL ? NULL : copy->pcm;
}

static void gather_connections(ms_mix *mix, ms_core *listener, int64_t due_ns)
{
    int32_t rate_hz = ms_say_hz(listener);
    for (uint32_t i = mix->count; i-- > 0;) {
        ms_connection *connection = &mix->connections[i];
        const int16_t *pcm = connection->what == MS_LISTEN_SAID
                                 ? said(connection->source, due_ns, rate_hz)
                                 : ms_bridge_frame(connection->source->core, due_ns, rate_hz);
        if (pcm != NULL)
            ms_mix_in(listener, pcm, &connection->gain);
        if (connection->ending && (pcm == NULL || ms_gain_is_silent(&connection->gain)))
            drop(mix, i);
    }
}

/* ---- the clip behind it all ------------------------------------------------------------------------------- */

static bool is_at_work(const ms_clip_player *player) { return player->clip.pcm != NULL; }

uint32_t ms_mix_done(const ms_mix *mix)
{
    if (is_at_work(&mix->fading))
        return mix->fading.clip.id - 1;
    return is_at_work(&mix->playing) ? mix->playing.clip.id - 1 : mix->newest;
}

/* A third clip within one fade cuts the first short. */
void ms_mix_background(ms_mix *mix, int32_t rate_hz, const ms_clip *clip)
{
    mix->newest = clip->id;
    if (is_at_work(&mix->playing)) {
        mix->fading = mix->playing;
        ms_gain_set(&mix->fading.gain, 0, samples_in(mix->fading.clip.fade_ms, rate_hz));
    }
    mix->playing = (ms_clip_player){.clip = *clip};
    ms_gain_init(&mix->playing.gain, 0);
    ms_gain_set(&mix->playing.gain, clip->gain, samples_in(clip->fade_ms, rate_hz));
}

/* The next 20 ms; past the end of a clip that does not loop there is silence. */
static void read_clip(ms_clip_player *player, int16_t *out, uint32_t n)
{
    const ms_clip *clip = &player->clip;
    uint32_t done = 0;
    while (done < n && player->at < clip->samples) {
        uint32_t piece = clip->samples - player->at < n - done ? clip->samples - player->at : n - done;
        memcpy(out + done, clip->pcm + player->at, piece * sizeof *out);
        done += piece;
        player->at += piece;
        if (player->at == clip->samples && clip->loop)
            player->at = 0;
    }
    memset(out + done, 0, (n - done) * sizeof *out);
}

static void gather_clip(ms_mix *mix, ms_clip_player *player, ms_core *listener)
{
    int16_t pcm[MS_MAX_FRAME];
    if (!is_at_work(player))
        return;
    read_clip(player, pcm, samples_in(MS_FRAME_MS, ms_say_hz(listener)));
    ms_mix_in(listener, pcm, &player->gain);
    if (player->at == player->clip.samples || (player == &mix->fading && ms_gain_is_silent(&player->gain)))
        player->clip.pcm = NULL;
}

void ms_mix_gather(ms_stream *listener, int64_t due_ns)
{
    ms_mix *mix = &listener->mix;
    gather_connections(mix, listener->core, due_ns);
    gather_clip(mix, &mix->fading, listener->core);
    gather_clip(mix, &mix->playing, listener->core);
}
