/* Puts packets back in order: holds one only while an earlier one is missing, and never longer than `hold_ns`.
 *
 * Not a jitter buffer. In a network that keeps order every packet passes at once; the ears wait for nothing that
 * is not missing. Two bounds: time, and MS_REORDER_SLOTS packets. */
#ifndef MS_REORDER_H
#define MS_REORDER_H

#include "ms_types.h"

#define MS_REORDER_SLOTS 16

typedef struct ms_reorder_packet {
    int64_t sequence, received_ns;
    uint32_t timestamp;
    uint16_t n;
    uint8_t payload_type;
    bool held;
    uint8_t *payload;
} ms_reorder_packet;

typedef struct ms_reorder {
    int64_t next;         /* extended sequence number to deliver */
    int64_t hold_ns;
    uint64_t delivered;   /* bit k: next - 1 - k was delivered, not skipped */
    uint32_t count;       /* packets held */
    uint16_t octets;      /* of the longest payload */
    ms_reorder_packet slots[MS_REORDER_SLOTS];
} ms_reorder;

enum ms_reorder_verdict { MS_REORDER_TAKEN = 0, MS_REORDER_DUPLICATE = 1, MS_REORDER_LATE = 2, MS_REORDER_FAR = 3 };

/* `payloads`: MS_REORDER_SLOTS times `octets` */
void ms_reorder_init(ms_reorder *r, int64_t hold_ns, uint8_t *payloads, uint16_t octets);
/* Begins anew at `sequence`; what is held is dropped. */
void ms_reorder_restart(ms_reorder *r, int64_t sequence);
/* Copies the packet in, no more of it than `octets`. FAR: no slot so far ahead; ms_reorder_skip makes room, then put again. */
enum ms_reorder_verdict ms_reorder_put(ms_reorder *r, const ms_reorder_packet *header, const uint8_t *payload);
/* The next packet whose turn it is at `now_ns`, or NULL; valid until the next call. `*lost` counts the packets
 * given up before it. */
const ms_reorder_packet *ms_reorder_take(ms_reorder *r, int64_t now_ns, uint32_t *lost);
/* Gives up the missing packets before the first one held; with none held, all before `sequence`. Returns how many. */
uint32_t ms_reorder_skip(ms_reorder *r, int64_t sequence);
/* When the wait for a missing packet ends; INT64_MAX when none is missing. */
int64_t ms_reorder_deadline(const ms_reorder *r);

#endif
