/* The border's side of listening: who hears whom, what plays behind the voice, what is recorded. */
#include <errno.h>

#include "ms_bridge.h"
#include "ms_engine_state.h"

/* ---- connections ----------------------------------------------------------------------------------------- */

static ms_link *find_link(ms_stream *listener, ms_handle source, uint8_t what)
{
    for (uint32_t i = 0; i < listener->link_count; i++)
        if (listener->links[i].source == source && listener->links[i].what == what)
            return &listener->links[i];
    return NULL;
}

static void drop_link(ms_stream *listener, ms_link *link)
{
    *link = listener->links[--listener->link_count];
}

void ms_links_forget(ms_engine *engine, const ms_stream *gone)
{
    for (uint32_t i = 0; i < engine->config.capacity; i++) {
        ms_stream *listener = &engine->pool[i];
        if (listener->life != MS_LIFE_LIVE || listener->group != gone->group)
            continue;
        for (uint32_t k = listener->link_count; k-- > 0;)
            if (listener->links[k].source == gone->handle)
                drop_link(listener, &listener->links[k]);
    }
}

/* Whether it listens to another stream, or another to it. */
bool ms_is_linked(const ms_engine *engine, const ms_stream *stream)
{
    if (stream->link_count > 0)
        return true;
    for (uint32_t i = 0; i < engine->config.capacity; i++)
        for (uint32_t k = 0; engine->pool[i].life == MS_LIFE_LIVE && k < engine->pool[i].link_count; k++)
            if (engine->pool[i].links[k].source == stream->handle)
                return true;
    return false;
}

/* A voice that is asked for at another rate than its own gets a resampler, once, until its stream is gone. */
static int prepare_said(ms_stream *source, int32_t rate_hz)
{
    int32_t say_hz = ms_say_hz(source->core);
    ms_said_at **copy = &source->said_at[ms_rate_index(rate_hz)];
    if (say_hz == rate_hz || *copy != NULL)
        return MS_OK;
    ms_said_at *made = calloc(1, sizeof *made);
    if (made == NULL || ms_resampler_init(&made->resampler, say_hz, rate_hz) != MS_OK) {
        free(made);
        return MS_E_MEMORY;
    }
    made->due_ns = -1;
    *copy = made;
    return MS_OK;
}

int ms_engine_connect(ms_engine *engine, ms_handle listener_handle, ms_handle source_handle, enum ms_listen what,
                      float gain)
{
    ms_stream *listener = ms_live_stream(engine, listener_handle), *source = ms_live_stream(engine, source_handle);
    if (listener == NULL || source == NULL)
        return MS_E_STALE;
    if (listener == source || listener->group != source->group || what > MS_LISTEN_SAID ||
        !(gain >= 0 && gain <= MS_GAIN_MAX))
        return MS_E_ARGUMENT;
    if (what == MS_LISTEN_HEARD && !source->has_bridge)
        return MS_E_STATE;
    ms_link *link = find_link(listener, source_handle, what);
    if (link == NULL && listener->link_count == MS_CONNECTIONS)
        return MS_E_FULL;
    int status = what == MS_LISTEN_SAID ? prepare_said(source, ms_say_hz(listener->core)) : MS_OK;
    ms_order order = {.stream = listener_handle, .kind = MS_ORDER_CONNECT,
                      .connection = {.source = (uint32_t)source_handle, .what = what, .gain = gain}};
    if (status == MS_OK)
        status = ms_give_order(engine, &order);
    if (status == MS_OK && link == NULL)
        listener->links[listener->link_count++] = (ms_link){.source = source_handle, .what = what};
    return status;
}

int ms_engine_disconnect(ms_engine *engine, ms_handle listener_handle, ms_handle source_handle, enum ms_listen what)
{
    ms_stream *listener = ms_live_stream(engine, listener_handle);
    ms_link *link = listener == NULL ? NULL : find_link(listener, source_handle, what);
    if (link == NULL)
        return MS_E_STALE;
    ms_order order = {.stream = listener_handle, .kind = MS_ORDER_DISCONNECT,
                      .connection = {.source = (uint32_t)source_handle, .what = what}};
    int status = ms_give_order(engine, &order);
    if (status == MS_OK)
        drop_link(listener, link);
    return status;
}

int ms_engine_background(ms_engine *engine, ms_handle handle, const ms_clip *clip)
{
    bool is_sound = clip->pcm != NULL;
    if (ms_live_stream(engine, handle) == NULL)
        return MS_E_STALE;
    if ((is_sound && clip->samples == 0) || clip->id == 0 || !(clip->gain >= 0 && clip->gain <= MS_GAIN_MAX) ||
        clip->fade_ms < MS_CLIP_FADE_MIN_MS || clip->fade_ms > MS_CLIP_FADE_MAX_MS)
        return MS_E_ARGUMENT;
    ms_order order = {.stream = handle, .kind = MS_ORDER_BACKGROUND, .clip = *clip};
    return ms_give_order(engine, &order);
}

/* ---- recordings ------------------------------------------------------------------------------------------ */

int ms_engine_record(ms_engine *engine, ms_handle handle, const ms_record_config *config)
{
    int status;
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL)
        return MS_E_STALE;
    if (stream->recording_id != 0)
        return MS_E_STATE;
    if (config->id == 0)
        return MS_E_ARGUMENT;
    ms_recording *recording = ms_recording_new(config, handle, ms_say_hz(stream->core), &status);
    if (recording == NULL)
        return status;
    status = engine->config.manual ? MS_OK : ms_recorder_start(&engine->recorder);
    ms_order order = {.stream = handle, .kind = MS_ORDER_RECORD, .recording = recording};
    if (status == MS_OK && engine->recorder.given == engine->recorder.capacity)
        status = MS_E_FULL;
    if (status == MS_OK)
        status = ms_give_order(engine, &order);
    if (status != MS_OK) {
        ms_recording_free(recording);
        return status;
    }
    ms_recorder_give(&engine->recorder, recording);
    stream->recording_id = config->id;
    return MS_OK;
}

int ms_engine_record_control(ms_engine *engine, ms_handle handle, uint32_t id, const ms_record_control *control)
{
    ms_stream *stream = ms_live_stream(engine, handle);
    if (stream == NULL || stream->recording_id == 0 || stream->recording_id != id)
        return MS_E_STALE;
    if (control->pause > MS_RECORD_CUT || control->masked > (MS_RECORD_HEARD | MS_RECORD_SAID))
        return MS_E_ARGUMENT;
    ms_order order = {.stream = handle, .kind = MS_ORDER_RECORD_CONTROL, .control = *control};
    return ms_give_order(engine, &order);
}

/* Recordings that are over come back here, and end here. */
bool ms_recording_over(ms_engine *engine, ms_engine_event *out)
{
    ms_recording *recording = ms_recorder_take(&engine->recorder);
    if (recording == NULL)
        return false;
    *out = (ms_engine_event){.stream = recording->stream};
    out->event = (ms_event){
        .kind = MS_EVENT_RECORDING, .name = recording->config.id, .code = (uint16_t)recording->file.error,
        .reason = recording->file.error != 0 ? MS_RECORD_FAILED : MS_RECORD_STOPPED,
        .arg = (int64_t)recording->file.frames, .rtp_extended = (int64_t)recording->tape.lost,
        .at_ns = ms_monotonic_ns()};
    ms_stream *stream = ms_live_stream(engine, recording->stream);
    if (stream != NULL)
        stream->recording_id = 0;
    ms_recording_free(recording);
    return true;
}
