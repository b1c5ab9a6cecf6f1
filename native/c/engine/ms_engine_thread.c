/* The engine thread, which keeps the time, and its witness.
 *
 * The thread sleeps to the next slot by the absolute clock, so lateness never adds up. It looks at `stopping` each
 * slot, hence a stop takes 2 ms and cannot hang. After a delay the missed slots run one behind the other, each
 * once: a stream gets its tick late rather than twice, and one that is more than 60 ms late is skipped.
 *
 * The witness is a second thread that does nothing but sleep, on the same processor and a step above the engine.
 * When it is late in the same instant as the engine, something took the processor from both: the machine stalled
 * (a hypervisor, another real-time thread), not we. With the NORMAL policy it could not tell a stall from a busy
 * neighbour, and does not run. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "ms_engine_state.h"

#define WITNESS_NS (5 * MS_NS_PER_MS)
#define BEFORE_SLOT_NS (250 * 1000) /* a few packets take as long */
#define LATENESS_OF_NOTE_NS MS_NS_PER_MS

static void sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / MS_NS_PER_S, .tv_nsec = at_ns % MS_NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static bool stopping(ms_engine *engine) { return atomic_load_explicit(&engine->stopping, memory_order_acquire); }

/* ---- the engine ------------------------------------------------------------------------------------------ */

static void note_for_witness(ms_witness *witness, int64_t due_ns, int64_t now_ns)
{
    if (now_ns - due_ns < LATENESS_OF_NOTE_NS)
        return;
    atomic_store_explicit(&witness->engine_late_from_ns, due_ns, memory_order_relaxed);
    atomic_store_explicit(&witness->engine_late_until_ns, now_ns, memory_order_release);
}

static void note_work(ms_engine *engine, int64_t work_ns)
{
    if (work_ns > engine->slot_ns)
        engine->tally.overruns++;
    if (work_ns > engine->tally.slot_work_max_ns)
        engine->tally.slot_work_max_ns = work_ns;
}

/* A burst that found no time before the ticks is worked off after them, up to shortly before the next slot. */
static void use_what_is_left(ms_engine *engine, int64_t until_ns)
{
    if (engine->more_to_receive && ms_monotonic_ns() < until_ns)
        ms_net_receive(engine, until_ns);
}

static void *run(void *argument)
{
    ms_engine *engine = argument;
    pthread_setname_np(pthread_self(), "media");
    ms_policy_pin(engine->config.cpu);
    atomic_store(&engine->policy, ms_policy_apply(engine->config.policy, engine->config.priority));
    engine->due_ns = (ms_monotonic_ns() / engine->slot_ns + 1) * engine->slot_ns;
    sem_post(&engine->begun);
    while (!stopping(engine)) {
        int64_t due_ns = engine->due_ns, now_ns = ms_monotonic_ns();
        if (now_ns < due_ns) {
            sleep_until(due_ns);
            now_ns = ms_monotonic_ns();
            engine->tally.wakeups++;
        }
        note_for_witness(&engine->witness, due_ns, now_ns);
        ms_run_slot(engine, now_ns);
        use_what_is_left(engine, due_ns + engine->slot_ns - BEFORE_SLOT_NS);
        note_work(engine, ms_monotonic_ns() - now_ns);
    }
    ms_run_publish_tally(engine);
    return NULL;
}

/* ---- the witness ----------------------------------------------------------------------------------------- */

/* Asked 5 ms after the event, when the engine has long written down its own lateness. */
static void compare(ms_witness *witness, int64_t late_from_ns, int64_t late_until_ns)
{
    int64_t until_ns = atomic_load_explicit(&witness->engine_late_until_ns, memory_order_acquire);
    int64_t from_ns = atomic_load_explicit(&witness->engine_late_from_ns, memory_order_relaxed);
    if (from_ns >= late_until_ns || until_ns <= late_from_ns)
        return;
    atomic_fetch_add_explicit(&witness->stalls, 1, memory_order_relaxed);
    if (late_until_ns - late_from_ns > atomic_load_explicit(&witness->stall_max_ns, memory_order_relaxed))
        atomic_store_explicit(&witness->stall_max_ns, late_until_ns - late_from_ns, memory_order_relaxed);
}

static void *watch(void *argument)
{
    ms_engine *engine = argument;
    pthread_setname_np(pthread_self(), "media-witness");
    ms_policy_pin(engine->config.cpu);
    ms_policy_apply(atomic_load(&engine->policy), engine->config.priority + 1);
    int64_t due_ns = ms_monotonic_ns(), late_from_ns = 0, late_until_ns = 0;
    while (!stopping(engine)) {
        due_ns += WITNESS_NS;
        sleep_until(due_ns);
        int64_t now_ns = ms_monotonic_ns();
        if (late_until_ns > 0)
            compare(&engine->witness, late_from_ns, late_until_ns);
        late_until_ns = 0;
        if (now_ns - due_ns >= LATENESS_OF_NOTE_NS) {
            late_from_ns = due_ns;
            late_until_ns = now_ns;
            due_ns = now_ns;
        }
    }
    return NULL;
}

/* ---- start and stop -------------------------------------------------------------------------------------- */

/* Signals are for Python's main thread: ours begin with all of them blocked. */
static int spawn(pthread_t *thread, void *(*body)(void *), ms_engine *engine)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, body, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return MS_OK;
    errno = error;
    return MS_E_SYSTEM;
}

int ms_engine_start(ms_engine *engine)
{
    if (engine->config.manual || engine->started || stopping(engine))
        return MS_E_STATE;
    int status = spawn(&engine->thread, run, engine);
    if (status != MS_OK)
        return status;
    engine->started = true;
    while (sem_wait(&engine->begun) != 0)
        ;
    if (atomic_load(&engine->policy) != MS_POLICY_NORMAL) /* without a witness stalls are not told apart, no more */
        engine->witness.running = spawn(&engine->witness.thread, watch, engine) == MS_OK;
    return MS_OK;
}

void ms_engine_stop(ms_engine *engine)
{
    atomic_store_explicit(&engine->stopping, true, memory_order_release);
    if (engine->started)
        pthread_join(engine->thread, NULL);
    if (engine->witness.running)
        pthread_join(engine->witness.thread, NULL);
    engine->started = engine->witness.running = false;
    if (engine->recorder.running != NULL) {
        ms_run_close_recordings(engine);
        ms_recorder_stop(&engine->recorder);
    }
}
