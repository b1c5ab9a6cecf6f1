/* SRTP around the stream. Keys live in four places, and each pointer has one owner at a time:
 *
 *     offered -> now -> before -> spent
 *
 * The border's thread puts new keys into `offered` and frees what it finds there still, and in `spent`. The engine's
 * thread moves them along: MS_OP_KEYS from `offered` to `now`, what was there to `before`; and when the time of
 * `before` is over, or others follow it, to `spent`. Two exchanges of a pointer are the whole border. */
#include "ms_core_state.h"

#define GRACE_NS (2 * MS_NS_PER_S) /* RFC 4568 7.1.4: what was protected before the answer came may still be on its way */

static ms_srtp *take(_Atomic(ms_srtp *) *from) { return atomic_exchange_explicit(from, NULL, memory_order_acq_rel); }

/* ---- life -------------------------------------------------------------------------------------------------------- */

int ms_core_secure_init(ms_core *core, const ms_srtp_keys *keys) {
    int status = MS_OK;
    if (keys->profile != MS_SRTP_NONE) core->secure.now = ms_srtp_new(keys, core->config.ssrc, &status);
    return status;
}

bool ms_core_awaits_keys(const ms_core *core) { return core->config.keying != MS_KEYING_GIVEN && !core->secure.now; }

void ms_core_secure_release(ms_core *core) {
    ms_srtp_free(core->secure.now);
    ms_srtp_free(core->secure.before);
    ms_srtp_free(take(&core->secure.offered));
    ms_srtp_free(take(&core->secure.spent));
    core->secure.now = core->secure.before = NULL;
}

int ms_offer_keys(ms_core *core, const ms_srtp_keys *keys) {
    int status = MS_OK;
    ms_srtp *made = ms_srtp_new(keys, core->config.ssrc, &status);
    if (!made) return status;
    ms_srtp_free(atomic_exchange_explicit(&core->secure.offered, made, memory_order_acq_rel));
    ms_srtp_free(take(&core->secure.spent)); /* not earlier: those that came before `made` may only just be in force */
    return MS_OK;
}

/* ---- the engine's side ------------------------------------------------------------------------------------------- */

/* False: the last ones were not fetched yet. */
static bool give_back(ms_secure *secure) {
    if (!secure->before) return true;
    ms_srtp *none = NULL;
    if (!atomic_compare_exchange_strong_explicit(&secure->spent, &none, secure->before, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    secure->before = NULL;
    return true;
}

void ms_core_retire_keys(ms_core *core) {
    if (core->secure.before && core->playout.now_ns >= core->secure.before_until_ns) give_back(&core->secure);
}

int ms_core_take_keys(ms_core *core) {
    ms_secure *secure = &core->secure;
    if (!atomic_load_explicit(&secure->offered, memory_order_relaxed)) return MS_E_STALE;
    if (!give_back(secure)) return MS_E_FULL;
    ms_srtp *next = take(&secure->offered);
    if (secure->now) ms_srtp_continue(next, secure->now);
    secure->before = secure->now;
    secure->before_until_ns = core->playout.now_ns + GRACE_NS;
    secure->now = next;
    return MS_OK;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

static enum ms_srtp_verdict open_with(ms_srtp *keys, enum ms_channel channel, const uint8_t *data, size_t n,
                                      uint8_t *plain, size_t *plain_n) {
    return channel == MS_CHANNEL_RTCP ? ms_srtp_unprotect_rtcp(keys, data, n, plain, plain_n)
                                      : ms_srtp_unprotect(keys, data, n, plain, plain_n);
}

bool ms_core_unprotect(ms_core *core, enum ms_channel channel, const uint8_t *data, size_t n, uint8_t *plain,
                       size_t *plain_n) {
    ms_secure *secure = &core->secure;
    enum ms_srtp_verdict verdict = open_with(secure->now, channel, data, n, plain, plain_n);
    if (verdict == MS_SRTP_FORGED && secure->before && core->playout.now_ns < secure->before_until_ns)
        verdict = open_with(secure->before, channel, data, n, plain, plain_n);
    core->statistics.srtp_forged += verdict == MS_SRTP_FORGED;
    core->statistics.srtp_replayed += verdict == MS_SRTP_REPLAYED;
    core->statistics.malformed += verdict == MS_SRTP_MALFORMED;
    return verdict == MS_SRTP_OK;
}

bool ms_core_protect(ms_core *core, ms_packet *packet) {
    if (!core->secure.now) return !ms_core_awaits_keys(core);
    int n = packet->channel == MS_CHANNEL_RTCP
                ? ms_srtp_protect_rtcp(core->secure.now, packet->data, packet->n, sizeof packet->data)
                : ms_srtp_protect(core->secure.now, packet->data, packet->n, sizeof packet->data);
    if (n > 0) packet->n = (uint16_t)n;
    return n > 0;
}
