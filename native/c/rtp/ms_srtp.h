/* SRTP and SRTCP (RFC 3711, RFC 7714): packets protected on their way out, and believed on their way in.
 *
 * Why not libsrtp. Debian's is built over NSS, which makes its cipher contexts anew for each packet: 14 allocations
 * and a lock each way with AES-CM, 5 with AES-GCM, and more when a sender appears. A tick may do neither. So framing,
 * packet indices and replay lists stand here, over libcrypto's ciphers, and libsrtp is what the tests compare with.
 *
 * Indices. A packet's place in the key stream is its sequence number and a roll-over counter that is never sent: both
 * sides count it (3.3.1, appendix A). The first packet of a source is taken to be in its first round.
 *
 * Sources. The SSRC is part of the nonce and each has its replay list; those that have authenticated are kept in a
 * fixed table, and the one that was longest silent makes room for a new one. What is forged never gets a place. A
 * recording of a source that MS_SRTP_SOURCES others have followed under one key would be believed again.
 *
 * New keys. Indices go on where they were (3.3.1; for SRTCP 3.4 says so in capitals), so that a receiver who lost a
 * packet at the seam still knows the round. Some senders begin at round 0 again all the same: until the first
 * packet under new keys has authenticated, both are tried.
 *
 * Left out: MKI, key derivation rates, unencrypted SRTCP (RFC 4568 must name each before it may be used). */
#ifndef MS_SRTP_H
#define MS_SRTP_H

#include "ms_types.h"

#define MS_SRTP_MAX_KEYING 46   /* octets of master key and salt */
#define MS_SRTP_MAX_OVERHEAD 20 /* octets a packet grows by: tag, and SRTCP's index */
#define MS_SRTP_WINDOW 128      /* packets that a replay list looks back on */
#define MS_SRTP_SOURCES 16

enum ms_srtp_profile {          /* RFC 5764 4.1.2, RFC 7714 14.2 */
    MS_SRTP_NONE = 0,
    MS_SRTP_AES128_CM_SHA1_80 = 1,
    MS_SRTP_AES128_CM_SHA1_32 = 2,
    MS_SRTP_AEAD_AES_128_GCM = 7,
    MS_SRTP_AEAD_AES_256_GCM = 8
};

enum ms_srtp_verdict {
    MS_SRTP_OK = 0,
    MS_SRTP_FORGED = 1,         /* not made with our keys, or changed on the way */
    MS_SRTP_REPLAYED = 2,       /* seen before, or so old that it cannot be told */
    MS_SRTP_MALFORMED = 3       /* no SRTP packet at all */
};

typedef struct ms_srtp_keys {
    uint8_t profile;            /* enum ms_srtp_profile; NONE: not protected */
    uint8_t send[MS_SRTP_MAX_KEYING], receive[MS_SRTP_MAX_KEYING]; /* master key, then master salt */
} ms_srtp_keys;

/* Octets of master key and salt that a profile wants; 0: no such profile. */
size_t ms_srtp_keying_octets(uint8_t profile);
size_t ms_srtp_bytes(void);     /* what ms_srtp_new takes, the library's part estimated */

typedef struct ms_srtp ms_srtp;
/* [any thread] Allocates; NULL and a status when it cannot be. Packets may be sent for one SSRC. */
ms_srtp *ms_srtp_new(const ms_srtp_keys *keys, uint32_t send_ssrc, int *status);
void ms_srtp_free(ms_srtp *srtp); /* NULL is in order; what was secret is wiped */
/* Goes on with the indices of earlier keys: once, before the first packet. */
void ms_srtp_continue(ms_srtp *srtp, const ms_srtp *earlier);

/* In place. Returns the octets to send, MS_E_ARGUMENT (no RTP or RTCP of ours), MS_E_FULL (no room within `capacity`)
 * or MS_E_STATE (2^48 or 2^31 packets: the key is used up, 9.2). RTP goes out in the order of its sequence. */
int ms_srtp_protect(ms_srtp *srtp, uint8_t *packet, size_t n, size_t capacity);
int ms_srtp_protect_rtcp(ms_srtp *srtp, uint8_t *packet, size_t n, size_t capacity);
/* The plain packet into `plain`, which has room for `n` octets and is not `packet`; its length in `*plain_n`, unless
 * the verdict is bad. A bad packet changes nothing but what is in `plain`. */
enum ms_srtp_verdict ms_srtp_unprotect(ms_srtp *srtp, const uint8_t *packet, size_t n, uint8_t *plain, size_t *plain_n);
enum ms_srtp_verdict ms_srtp_unprotect_rtcp(ms_srtp *srtp, const uint8_t *packet, size_t n, uint8_t *plain,
                                            size_t *plain_n);

#endif
