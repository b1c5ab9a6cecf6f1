#include "ms_reorder.h"

#include <string.h>

#define REMEMBERED 64 /* packets whose delivery is known, so that a late one can be told from a double */

static ms_reorder_packet *slot_of(ms_reorder *r, int64_t sequence) {
    return &r->slots[(uint64_t)sequence % MS_REORDER_SLOTS];
}

void ms_reorder_init(ms_reorder *r, int64_t hold_ns, uint8_t *payloads, uint16_t octets) {
    memset(r, 0, sizeof *r);
    r->hold_ns = hold_ns;
    r->octets = octets;
    for (int i = 0; i < MS_REORDER_SLOTS; i++) r->slots[i].payload = payloads + i * octets;
}

void ms_reorder_restart(ms_reorder *r, int64_t sequence) {
    for (int i = 0; i < MS_REORDER_SLOTS; i++) r->slots[i].held = false;
    r->next = sequence;
    r->delivered = 0;
    r->count = 0;
}

static void step(ms_reorder *r, bool was_delivered) {
    r->delivered = r->delivered << 1 | was_delivered;
    r->next++;
}

enum ms_reorder_verdict ms_reorder_put(ms_reorder *r, const ms_reorder_packet *header, const uint8_t *payload) {
    int64_t ahead = header->sequence - r->next;
    if (ahead < 0) {
        bool known = -ahead <= REMEMBERED && r->delivered >> (-ahead - 1) & 1;
        return known ? MS_REORDER_DUPLICATE : MS_REORDER_LATE;
    }
    if (ahead >= MS_REORDER_SLOTS) return MS_REORDER_FAR;
    ms_reorder_packet *slot = slot_of(r, header->sequence);
    if (slot->held) return MS_REORDER_DUPLICATE;
    slot->sequence = header->sequence;
    slot->received_ns = header->received_ns;
    slot->timestamp = header->timestamp;
    slot->payload_type = header->payload_type;
    slot->n = header->n < r->octets ? header->n : r->octets;
    slot->held = true;
    memcpy(slot->payload, payload, slot->n);
    r->count++;
    return MS_REORDER_TAKEN;
}

uint32_t ms_reorder_skip(ms_reorder *r, int64_t sequence) {
    uint32_t lost = 0;
    if (r->count == 0) {
        if (sequence <= r->next) return 0;
        lost = (uint32_t)(sequence - r->next);
        r->delivered = lost < REMEMBERED ? r->delivered << lost : 0;
        r->next = sequence;
        return lost;
    }
    for (; !slot_of(r, r->next)->held; lost++) step(r, false);
    return lost;
}

int64_t ms_reorder_deadline(const ms_reorder *r) {
    int64_t earliest = INT64_MAX;
    if (r->count == 0) return earliest;
    for (int i = 0; i < MS_REORDER_SLOTS; i++)
        if (r->slots[i].held && r->slots[i].received_ns < earliest) earliest = r->slots[i].received_ns;
    return earliest + r->hold_ns;
}

const ms_reorder_packet *ms_reorder_take(ms_reorder *r, int64_t now_ns, uint32_t *lost) {
    *lost = 0;
    if (r->count == 0) return NULL;
    ms_reorder_packet *slot = slot_of(r, r->next);
    if (!slot->held) {
        if (now_ns < ms_reorder_deadline(r)) return NULL;
        *lost = ms_reorder_skip(r, r->next);
        slot = slot_of(r, r->next);
    }
    slot->held = false;
    r->count--;
    step(r, true);
    return slot;
}
