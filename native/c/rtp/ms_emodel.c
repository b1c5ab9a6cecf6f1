#include "ms_emodel.h"

#include <math.h>

/* Basic signal-to-noise ratio and simultaneous impairments, G.107 clauses 7.2 and 7.3 at default values. */
#define RO 94.7688
#define IS 1.4136
#define NO (-61.1792)     /* dBm0p: all noise, 7.2 */
#define RO_WIDE 129.0     /* G.107.1, 7.1 */
#define WIDE_SCALE 1.29
#define MOST_DELAY_MS 2000.0
#define MOST_BURST 10.0

typedef struct trait {
    double ie, bpl;       /* equipment impairment, robustness against loss */
    bool wide;
} trait;

/* G.711: G.113 appendix I (2007), tables I.1 and I.2. G.722 at 64 kbit/s: Ie,wb of G.113 appendix IV; L16: nothing is taken
 * away. No Bpl is published for what conceals them here, which is what conceals G.711: its figure is taken.
 * Opus: Al-Ahmadi, Pocta and Melvin (2021), wide band at 13 kbit/s, variable; what we send is richer, so this errs
 * on the side of caution. */
static const trait traits[] = {
    [MS_EMODEL_G711] = {0, 25.1, false},
    [MS_EMODEL_G711_BARE] = {0, 4.3, false},
    [MS_EMODEL_G722] = {13, 25.1, true},
    [MS_EMODEL_L16] = {0, 25.1, true},
    [MS_EMODEL_OPUS] = {19.96, 19.5, true},
};

/* NaN is not above `low`. */
static double within(double value, double low, double high) {
    return value > low ? (value < high ? value : high) : low;
}

/* 7.5: with R below 0 and above 100 the polynomial is not asked. */
static double mos(double r) {
    r = within(r, 0, 100);
    double value = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
    return within(value, 1, 4.5);
}

/* 7.4: talker echo at TELR 65 dB, listener echo at WEPL 110 dB, and the delay itself. */
static double delay_impairment(double ms) {
    double telr = 65, stmr_free_re = 80 + 2.5 * (telr - 40 * log10((1 + ms / 10) / (1 + ms / 150)) +
                                                 6 * exp(-0.3 * ms * ms) - 14);
    double roe = -1.5 * (NO - 2); /* RLR 2 dB */
    double half = (roe - stmr_free_re) / 2;
    double talker = (half + sqrt(half * half + 100) - 1) * (1 - exp(-ms));
    double rle = 10.5 * (110 + 7) * pow(2 * ms + 1, -0.25);
    half = (RO - rle) / 2;
    double listener = half + sqrt(half * half + 169);
    double absolute = 0;
    if (ms > 100) {
        double x = log2(ms / 100);
        absolute = 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
    }
    return talker + listener + absolute;
}

static double effective_impairment(const trait *t, double loss_percent, double burst) {
    return t->ie + (95 - t->ie) * loss_percent / (loss_percent / burst + t->bpl);
}

ms_emodel_rating ms_emodel_rate(const ms_emodel_call *call) {
    const trait *t = &traits[call->codec < sizeof traits / sizeof *traits ? call->codec : MS_EMODEL_G711];
    double loss = within(call->loss, 0, 1), burst = within(call->burst_ratio, 1, MOST_BURST);
    double best = t->wide ? RO_WIDE : RO - IS, scale = t->wide ? WIDE_SCALE : 1;
    double heard = best - effective_impairment(t, 100 * loss, burst);
    double listening = (heard - delay_impairment(0)) / scale;
    double conversing = (heard - delay_impairment(within(call->one_way_ms, 0, MOST_DELAY_MS))) / scale;
    return (ms_emodel_rating){.r = (float)within(conversing, 0, 100), .listening_mos = (float)mos(listening),
                              .conversational_mos = (float)mos(conversing)};
}
