/* What every file here agrees on: units, limits, status codes, addresses.
 *
 * Times are int64 nanoseconds on the monotonic clock. Audio is int16 mono. `rate_hz` is the codec's clock.
 * Everything is caller-owned memory; nothing in this folder allocates after a stream has been set up,
 * takes a lock, logs, or knows of Python. */
#ifndef MS_TYPES_H
#define MS_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#define MS_NS_PER_MS 1000000LL
#define MS_NS_PER_S 1000000000LL
#define MS_FRAME_MS 20
#define MS_FRAME_NS (MS_FRAME_MS * MS_NS_PER_MS)
#define MS_MAX_RATE_HZ 48000
#define MS_MAX_FRAME (MS_MAX_RATE_HZ / 1000 * MS_FRAME_MS) /* samples in 20 ms */
#define MS_EARS_RATE_HZ 16000
#define MS_EARS_FRAME (MS_EARS_RATE_HZ / 1000 * MS_FRAME_MS)
#define MS_MAX_PACKET 1500     /* bytes of UDP payload; longer ones are dropped and counted */
#define MS_MAX_PAYLOAD (MS_MAX_PACKET - 12)
#define MS_MAX_PTIME_MS 60     /* longest packet we accept */

enum ms_status {
    MS_OK = 0,
    MS_URGENT = 1,        /* done, and something cannot wait for the tick */
    MS_E_ARGUMENT = -1,   /* out of range: our own mistake */
    MS_E_MEMORY = -2,     /* no memory at set-up */
    MS_E_FULL = -3,       /* a bounded queue or the pool is full */
    MS_E_STALE = -4,      /* handle, generation or hold of an earlier life */
    MS_E_SYSTEM = -5,     /* the operating system said no; errno tells */
    MS_E_STATE = -6       /* not now */
};

/* A hot loop, compiled twice and chosen at load: for processors with AVX2 and FMA, and for all. (Named by level: gcc
 * takes "arch=haswell" for that one make of processor and no other.) Sanitizers start after the choice is made and do
 * without it. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MS_SIMD __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define MS_SIMD
#endif

/* An IPv4 or IPv6 end point. IPv4 stands in the first four bytes of `ip`; unused bytes are zero, so two
 * addresses are equal when all their bytes are. Port in host order. */
typedef struct ms_address {
    uint8_t ip[16];
    uint16_t port;
    uint8_t family; /* 0 none, 4, 6 */
    uint8_t reserved;
} ms_address;

#endif
