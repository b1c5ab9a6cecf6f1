/* One direction and one kind of SRTP traffic: session keys out of a master key, a cipher, a tag.
 *
 * libcrypto does the arithmetic. Its cipher contexts are allocated here once, with their keys; a packet only gives them
 * another IV. HMAC-SHA1 keeps its two keyed states as plain structs and copies them, for libcrypto's own HMAC
 * allocates at each message. */
#ifndef MS_SRTP_TRANSFORM_H
#define MS_SRTP_TRANSFORM_H

#include "ms_types.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* SHA1_* on a struct of ours: what replaces them allocates */
#include <openssl/evp.h>
#include <openssl/sha.h>

#define MS_SRTP_SALT 14

typedef struct ms_srtp_suite {   /* what a protection profile stands for */
    uint8_t profile;             /* enum ms_srtp_profile */
    uint8_t key, salt;           /* octets of the master key and salt */
    uint8_t rtp_tag, rtcp_tag;   /* octets of authentication */
    bool aead;
} ms_srtp_suite;

typedef struct ms_srtp_transform {
    EVP_CIPHER_CTX *cipher;
    SHA_CTX inner, outer;        /* HMAC-SHA1 (RFC 2104), its key taken in; not with an AEAD */
    uint8_t salt[MS_SRTP_SALT];
    uint8_t tag;                 /* octets */
    bool aead;
} ms_srtp_transform;

enum ms_srtp_labels { MS_SRTP_RTP_LABELS = 0, MS_SRTP_RTCP_LABELS = 3 }; /* RFC 3711 4.3.1, 4.3.2 */

/* `keying`: master key, then master salt. Allocates; MS_OK or MS_E_MEMORY. */
int ms_srtp_transform_init(ms_srtp_transform *t, const ms_srtp_suite *suite, const uint8_t *keying,
                           enum ms_srtp_labels labels, bool to_send);
void ms_srtp_transform_release(ms_srtp_transform *t);

/* The IV of AES-CM (RFC 3711 4.1.1): `index` counts packets, 48 bits. */
void ms_srtp_counter_iv(const ms_srtp_transform *t, uint32_t ssrc, uint64_t index, uint8_t iv[16]);
/* The IV of AES-GCM (RFC 7714 8.1, 9.1); SRTCP's index stands where SRTP has ROC and sequence number. */
void ms_srtp_gcm_iv(const ms_srtp_transform *t, uint32_t ssrc, uint64_t index, uint8_t iv[12]);

/* Both ways the same. False: libcrypto failed. */
bool ms_srtp_counter(ms_srtp_transform *t, const uint8_t iv[16], const uint8_t *in, size_t n, uint8_t *out);
/* The first `t->tag` octets of HMAC-SHA1 over `n` octets and `more_n` others. */
void ms_srtp_mac(const ms_srtp_transform *t, const uint8_t *data, size_t n, const uint8_t *more, size_t more_n,
                 uint8_t *tag);

typedef struct ms_srtp_associated {  /* what an AEAD authenticates besides; two pieces, either may be empty */
    const uint8_t *first, *second;
    size_t first_n, second_n;
} ms_srtp_associated;

bool ms_srtp_seal(ms_srtp_transform *t, const uint8_t iv[12], const ms_srtp_associated *associated, const uint8_t *in,
                  size_t n, uint8_t *out, uint8_t *tag);
/* False: not authentic; what is in `out` then is worth nothing. */
bool ms_srtp_open(ms_srtp_transform *t, const uint8_t iv[12], const ms_srtp_associated *associated, const uint8_t *in,
                  size_t n, const uint8_t *tag, uint8_t *out);

#endif
