/* Reads the weights out of a safetensors file: eight bytes with the length of a JSON header (little-endian), the header,
 * and the numbers. The header names each tensor's type, shape and place:
 *
 *     "conv1.bias":{"dtype":"F32","shape":[128],"data_offsets":[462336,462848]}
 *
 * It is not parsed as JSON: what is looked for is the name of each tensor we need and these three entries after it, in
 * any order. A file that says them otherwise is refused, and whatever it says, nothing is read outside of it. */
#include "ms_silero_weights.h"

#include <math.h>
#include <string.h>

enum { LENGTH_BYTES = 8, DIMENSIONS = 3 };

/* With weights up to this no sum of the network comes near to overflowing: (387 * 10^3)^5 is 10^28. Those of the
 * release lie below 40. */
static const float LARGEST_WEIGHT = 1000;

typedef struct text {
    const char *at, *end;
} text;

typedef struct tensors {
    text header;
    const uint8_t *data;
    uint64_t data_bytes;
} tensors;

/* ---- the header ------------------------------------------------------------------------------------------------ */

static void skip_space(text *t) {
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t' || *t->at == '\r')) t->at++;
}

static bool take(text *t, const char *word) {
    size_t n = strlen(word);
    skip_space(t);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0) return false;
    t->at += n;
    return true;
}

static bool take_number(text *t, uint64_t *number) {
    int digits = 0;
    skip_space(t);
    for (*number = 0; t->at < t->end && *t->at >= '0' && *t->at <= '9' && digits < 15; t->at++, digits++)
        *number = *number * 10 + (uint64_t)(*t->at - '0');
    return digits > 0;
}

/* `[1,2,3]`, of no more than DIMENSIONS numbers; how many, or -1 */
static int take_list(text *t, uint64_t list[DIMENSIONS]) {
    int n = 0;
    if (!take(t, "[")) return -1;
    do {
        if (n == DIMENSIONS || !take_number(t, &list[n++])) return -1;
    } while (take(t, ","));
    return take(t, "]") ? n : -1;
}

typedef struct place {
    uint64_t shape[DIMENSIONS], offsets[DIMENSIONS];
    int dimensions;
} place;

static bool take_place(text *t, place *p) {
    bool typed = false, shaped = false, placed = false;
    if (!take(t, ":") || !take(t, "{")) return false;
    do {
        if (take(t, "\"dtype\"")) {
            typed = take(t, ":") && take(t, "\"F32\"");
            if (!typed) return false;
        } else if (take(t, "\"shape\"")) {
            shaped = take(t, ":") && (p->dimensions = take_list(t, p->shape)) > 0;
            if (!shaped) return false;
        } else if (take(t, "\"data_offsets\"")) {
            placed = take(t, ":") && take_list(t, p->offsets) == 2;
            if (!placed) return false;
        } else {
            return false;
        }
    } while (take(t, ","));
    return typed && shaped && placed && take(t, "}");
}

static bool find_place(text header, const char *name, place *p) {
    for (; header.at < header.end; header.at++) {
        text here = header;
        if (*here.at == '"' && take(&here, "\"") && take(&here, name) && take(&here, "\"")) return take_place(&here, p);
    }
    return false;
}

/* ---- the numbers ----------------------------------------------------------------------------------------------- */

static float number_at(const uint8_t *octets) {
    uint32_t bits = (uint32_t)octets[0] | (uint32_t)octets[1] << 8 | (uint32_t)octets[2] << 16 | (uint32_t)octets[3] << 24;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* A tensor of outputs x inputs x taps (trailing ones may be missing); NULL when it is not there, or not so. */
static const uint8_t *find(const tensors *f, const char *name, uint32_t outputs, uint32_t inputs, uint32_t taps) {
    const uint64_t wanted[DIMENSIONS] = {outputs, inputs, taps};
    uint64_t count = (uint64_t)outputs * inputs * taps;
    place p;
    if (!find_place(f->header, name, &p)) return NULL;
    for (int i = 0; i < DIMENSIONS; i++)
        if ((i < p.dimensions ? p.shape[i] : 1) != wanted[i]) return NULL;
    if (p.offsets[0] > p.offsets[1] || p.offsets[1] > f->data_bytes) return NULL;
    if (p.offsets[1] - p.offsets[0] != count * sizeof(float)) return NULL;
    const uint8_t *numbers = f->data + p.offsets[0];
    for (uint64_t i = 0; i < count; i++)
        if (!(fabsf(number_at(numbers + i * sizeof(float))) <= LARGEST_WEIGHT)) return NULL;
    return numbers;
}

/* Where weights go: `row` inputs a block, the tensor's beginning at input `first` of them. */
typedef struct packing {
    float *to;
    uint32_t row, first;
} packing;

static bool pack(const tensors *f, const char *name, uint32_t outputs, uint32_t inputs, uint32_t taps, packing p) {
    const uint8_t *numbers = find(f, name, outputs, inputs, taps);
    if (!numbers) return false;
    for (uint32_t o = 0; o < outputs; o++)
        for (uint32_t i = 0; i < inputs; i++)
            for (uint32_t k = 0; k < taps; k++) {
                size_t input = (size_t)(o / SILERO_BLOCK) * p.row + p.first + k * inputs + i;
                size_t from = ((size_t)o * inputs + i) * taps + k;
                p.to[input * SILERO_BLOCK + o % SILERO_BLOCK] = number_at(numbers + from * sizeof(float));
            }
    return true;
}

/* Adds, since an LSTM has two biases that are only ever used together. */
static bool add(const tensors *f, const char *name, uint32_t n, float *to) {
    const uint8_t *numbers = find(f, name, n, 1, 1);
    if (!numbers) return false;
    for (uint32_t i = 0; i < n; i++) to[i] += number_at(numbers + i * sizeof(float));
    return true;
}

static bool pack_transform(const tensors *f, ms_silero_weights *w) {
    packing p = {w->transform, SILERO_WINDOW, 0};
    return pack(f, "stft_conv.weight", 2 * SILERO_BINS, 1, SILERO_WINDOW, p);
}

static bool pack_encoder(const tensors *f, ms_silero_weights *w) {
    const struct {
        const char *weight, *bias;
        uint32_t outputs, inputs;
        float *to, *to_bias;
    } layers[] = {
        {"conv1.weight", "conv1.bias", SILERO_WIDE, SILERO_BINS, w->encoder1, w->encoder1_bias},
        {"conv2.weight", "conv2.bias", SILERO_NARROW, SILERO_WIDE, w->encoder2, w->encoder2_bias},
        {"conv3.weight", "conv3.bias", SILERO_NARROW, SILERO_NARROW, w->encoder3, w->encoder3_bias},
        {"conv4.weight", "conv4.bias", SILERO_WIDE, SILERO_NARROW, w->encoder4, w->encoder4_bias},
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        packing p = {layers[i].to, SILERO_TAPS * layers[i].inputs, 0};
        if (!pack(f, layers[i].weight, layers[i].outputs, layers[i].inputs, SILERO_TAPS, p)) return false;
        if (!add(f, layers[i].bias, layers[i].outputs, layers[i].to_bias)) return false;
    }
    return true;
}

static bool pack_cells(const tensors *f, ms_silero_weights *w) {
    packing input = {w->cells, 2 * MS_SILERO_CELLS, 0}, hidden = {w->cells, 2 * MS_SILERO_CELLS, MS_SILERO_CELLS};
    return pack(f, "lstm_cell.weight_ih", SILERO_GATES, MS_SILERO_CELLS, 1, input) &&
           pack(f, "lstm_cell.weight_hh", SILERO_GATES, MS_SILERO_CELLS, 1, hidden) &&
           add(f, "lstm_cell.bias_ih", SILERO_GATES, w->cells_bias) &&
           add(f, "lstm_cell.bias_hh", SILERO_GATES, w->cells_bias);
}

static bool pack_decoder(const tensors *f, ms_silero_weights *w) {
    const uint8_t *numbers = find(f, "final_conv.weight", 1, MS_SILERO_CELLS, 1);
    if (!numbers) return false;
    for (int i = 0; i < MS_SILERO_CELLS; i++) w->decoder[i] = number_at(numbers + (size_t)i * sizeof(float));
    return add(f, "final_conv.bias", 1, &w->decoder_bias);
}

size_t ms_silero_weights_size(void) { return sizeof(ms_silero_weights); }

int ms_silero_weights_load(ms_silero_weights *w, const void *file, size_t n) {
    const uint8_t *octets = file;
    uint64_t header = 0;
    memset(w, 0, sizeof *w);
    if (n < LENGTH_BYTES) return MS_E_ARGUMENT;
    for (int i = 0; i < LENGTH_BYTES; i++) header |= (uint64_t)octets[i] << 8 * i;
    if (header > n - LENGTH_BYTES) return MS_E_ARGUMENT;
    const char *begin = (const char *)octets + LENGTH_BYTES;
    tensors f = {
        .header = {begin, begin + header},
        .data = octets + LENGTH_BYTES + header,
        .data_bytes = n - LENGTH_BYTES - header,
    };
    bool ok = pack_transform(&f, w) && pack_encoder(&f, w) && pack_cells(&f, w) && pack_decoder(&f, w);
    return ok ? MS_OK : MS_E_ARGUMENT;
}
