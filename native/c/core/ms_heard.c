#include "ms_heard.h"

#include <string.h>

void ms_heard_init(ms_heard *h, int64_t delay_ns) {
    memset(h, 0, sizeof *h);
    h->delay_ns = delay_ns;
}

void ms_heard_sent(ms_heard *h, uint32_t generation, int64_t due_ns, int64_t from, int64_t to) {
    h->ticks[h->count++ % MS_HEARD_TICKS] =
        (ms_heard_tick){.due_ns = due_ns, .from = from, .to = to, .generation = generation};
}

int64_t ms_heard_at(const ms_heard *h, uint32_t generation, int64_t now_ns) {
    uint64_t known = h->count < MS_HEARD_TICKS ? h->count : MS_HEARD_TICKS;
    for (uint64_t back = 1; back <= known; back++) {
        const ms_heard_tick *tick = &h->ticks[(h->count - back) % MS_HEARD_TICKS];
        if (tick->generation != generation) break;
        int64_t age_ns = now_ns - tick->due_ns - h->delay_ns;
        if (age_ns < 0) continue;
        if (age_ns >= MS_FRAME_NS) return tick->to;
        return tick->from + (tick->to - tick->from) * age_ns / MS_FRAME_NS;
    }
    return 0;
}
