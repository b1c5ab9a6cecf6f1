/* How a thread that keeps time is scheduled, best first:
 *
 *   FIFO    real time: runs when it is due. Needs CAP_SYS_NICE or RLIMIT_RTPRIO. RESET_ON_FORK: no child inherits it.
 *   SLICE   ordinary, with a 100 us slice (EEVDF, Linux 6.12): the scheduler lets it in early. Needs no privilege.
 *   NORMAL  ordinary: milliseconds late beside busy neighbours. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ms_engine_state.h"

#define SLICE_NS 100000

typedef struct sched_attribute { /* struct sched_attr of the kernel, which glibc 2.36 does not declare */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} sched_attribute;

void ms_policy_pin(int cpu)
{
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static bool apply_fifo(int priority)
{
    struct sched_param parameter = {.sched_priority = priority};
    return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) == 0;
}

/* An older kernel accepts the call and ignores the slice: what it says afterwards is what counts. */
static bool apply_slice(void)
{
    sched_attribute attribute = {.size = sizeof attribute, .policy = SCHED_OTHER, .runtime_ns = SLICE_NS};
    if (syscall(SYS_sched_setattr, 0, &attribute, 0) != 0)
        return false;
    memset(&attribute, 0, sizeof attribute);
    return syscall(SYS_sched_getattr, 0, &attribute, sizeof attribute, 0) == 0 && attribute.runtime_ns == SLICE_NS;
}

int ms_policy_apply(int wanted, int priority)
{
    if (wanted >= MS_POLICY_FIFO && apply_fifo(priority))
        return MS_POLICY_FIFO;
    if (wanted >= MS_POLICY_SLICE && apply_slice())
        return MS_POLICY_SLICE;
    return MS_POLICY_NORMAL;
}

typedef struct trial {
    int wanted, priority, got;
} trial;

static void *try_it(void *argument)
{
    trial *t = argument;
    t->got = ms_policy_apply(t->wanted, t->priority);
    return NULL;
}

int ms_engine_try_policy(int wanted, int priority)
{
    trial t = {.wanted = wanted, .priority = priority, .got = MS_POLICY_NORMAL};
    pthread_t thread;
    if (pthread_create(&thread, NULL, try_it, &t) != 0)
        return MS_E_SYSTEM;
    pthread_join(thread, NULL);
    return t.got;
}
