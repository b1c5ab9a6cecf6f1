#include "ms_srtp_transform.h"

#include <string.h>

#define HMAC_BLOCK 64
#define MAC_KEY 20   /* n_a of RFC 3711 5.2 */
#define MAX_KEY 32
#define GCM_IV 12

/* ---- session keys ------------------------------------------------------------------------------------------------ */

/* RFC 3711 4.3.3, and RFC 7714 11 for its 96-bit salts: AES-CM of zeros under the master key; the IV is the master
 * salt with the label in its eighth octet. Keys are derived once (a key derivation rate of 0). */
static bool derive(EVP_CIPHER_CTX *prf, const ms_srtp_suite *suite, const uint8_t *keying, uint8_t label, uint8_t *out,
                   size_t n) {
    uint8_t iv[16] = {0};
    const EVP_CIPHER *cipher = suite->key == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
    int written;
    memcpy(iv, keying + suite->key, suite->salt);
    iv[7] ^= label;
    memset(out, 0, n);
    return EVP_EncryptInit_ex(prf, cipher, NULL, keying, iv) == 1 &&
           EVP_EncryptUpdate(prf, out, &written, out, (int)n) == 1;
}

static void key_mac(ms_srtp_transform *t, const uint8_t key[MAC_KEY]) {
    uint8_t inner[HMAC_BLOCK], outer[HMAC_BLOCK];
    for (int i = 0; i < HMAC_BLOCK; i++) {
        uint8_t octet = i < MAC_KEY ? key[i] : 0;
        inner[i] = octet ^ 0x36;
        outer[i] = octet ^ 0x5c;
    }
    SHA1_Init(&t->inner);
    SHA1_Update(&t->inner, inner, sizeof inner);
    SHA1_Init(&t->outer);
    SHA1_Update(&t->outer, outer, sizeof outer);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
}

static const EVP_CIPHER *cipher_of(const ms_srtp_suite *suite) {
    if (!suite->aead) return EVP_aes_128_ctr();
    return suite->key == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
}

static bool key_all(ms_srtp_transform *t, EVP_CIPHER_CTX *prf, const ms_srtp_suite *suite, const uint8_t *keying,
                    uint8_t labels, bool to_send) {
    uint8_t key[MAX_KEY], mac_key[MAC_KEY];
    bool encrypts = to_send || !suite->aead; /* counter mode has one direction only */
    bool done = derive(prf, suite, keying, labels, key, suite->key) &&
                derive(prf, suite, keying, labels + 1, mac_key, sizeof mac_key) &&
                derive(prf, suite, keying, labels + 2, t->salt, suite->salt) &&
                EVP_CipherInit_ex(t->cipher, cipher_of(suite), NULL, key, NULL, encrypts) == 1;
    if (done && !suite->aead) key_mac(t, mac_key);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(mac_key, sizeof mac_key);
    return done;
}

int ms_srtp_transform_init(ms_srtp_transform *t, const ms_srtp_suite *suite, const uint8_t *keying,
                           enum ms_srtp_labels labels, bool to_send) {
    memset(t, 0, sizeof *t);
    t->aead = suite->aead;
    t->tag = labels == MS_SRTP_RTP_LABELS ? suite->rtp_tag : suite->rtcp_tag;
    t->cipher = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX *prf = EVP_CIPHER_CTX_new();
    bool done = t->cipher && prf && key_all(t, prf, suite, keying, (uint8_t)labels, to_send);
    EVP_CIPHER_CTX_free(prf);
    if (done) return MS_OK;
    ms_srtp_transform_release(t);
    return MS_E_MEMORY;
}

void ms_srtp_transform_release(ms_srtp_transform *t) {
    EVP_CIPHER_CTX_free(t->cipher);
    OPENSSL_cleanse(t, sizeof *t);
}

/* ---- initialisation vectors --------------------------------------------------------------------------------------- */

static void xor_big_endian(uint8_t *at, uint64_t value, int octets) {
    for (int i = octets - 1; i >= 0; i--, value >>= 8) at[i] ^= (uint8_t)value;
}

void ms_srtp_counter_iv(const ms_srtp_transform *t, uint32_t ssrc, uint64_t index, uint8_t iv[16]) {
    memcpy(iv, t->salt, MS_SRTP_SALT);
    iv[14] = iv[15] = 0;
    xor_big_endian(iv + 4, ssrc, 4);
    xor_big_endian(iv + 8, index, 6);
}

void ms_srtp_gcm_iv(const ms_srtp_transform *t, uint32_t ssrc, uint64_t index, uint8_t iv[GCM_IV]) {
    memcpy(iv, t->salt, GCM_IV);
    xor_big_endian(iv + 2, ssrc, 4);
    xor_big_endian(iv + 6, index, 6);
}

/* ---- AES-CM and HMAC-SHA1 ----------------------------------------------------------------------------------------- */

bool ms_srtp_counter(ms_srtp_transform *t, const uint8_t iv[16], const uint8_t *in, size_t n, uint8_t *out) {
    int written;
    return EVP_EncryptInit_ex(t->cipher, NULL, NULL, NULL, iv) == 1 &&
           EVP_EncryptUpdate(t->cipher, out, &written, in, (int)n) == 1;
}

void ms_srtp_mac(const ms_srtp_transform *t, const uint8_t *data, size_t n, const uint8_t *more, size_t more_n,
                 uint8_t *tag) {
    uint8_t digest[SHA_DIGEST_LENGTH];
    SHA_CTX inner = t->inner, outer = t->outer;
    SHA1_Update(&inner, data, n);
    SHA1_Update(&inner, more, more_n);
    SHA1_Final(digest, &inner);
    SHA1_Update(&outer, digest, sizeof digest);
    SHA1_Final(digest, &outer);
    memcpy(tag, digest, t->tag);
}

/* ---- AES-GCM ------------------------------------------------------------------------------------------------------ */

static bool begin(ms_srtp_transform *t, const uint8_t *iv, const ms_srtp_associated *associated) {
    int written;
    return EVP_CipherInit_ex(t->cipher, NULL, NULL, NULL, iv, -1) == 1 &&
           EVP_CipherUpdate(t->cipher, NULL, &written, associated->first, (int)associated->first_n) == 1 &&
           (associated->second_n == 0 ||
            EVP_CipherUpdate(t->cipher, NULL, &written, associated->second, (int)associated->second_n) == 1);
}

bool ms_srtp_seal(ms_srtp_transform *t, const uint8_t iv[GCM_IV], const ms_srtp_associated *associated,
                  const uint8_t *in, size_t n, uint8_t *out, uint8_t *tag) {
    int written;
    return begin(t, iv, associated) && EVP_CipherUpdate(t->cipher, out, &written, in, (int)n) == 1 &&
           EVP_CipherFinal_ex(t->cipher, out + n, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(t->cipher, EVP_CTRL_AEAD_GET_TAG, t->tag, tag) == 1;
}

bool ms_srtp_open(ms_srtp_transform *t, const uint8_t iv[GCM_IV], const ms_srtp_associated *associated,
                  const uint8_t *in, size_t n, const uint8_t *tag, uint8_t *out) {
    int written;
    return begin(t, iv, associated) && EVP_CipherUpdate(t->cipher, out, &written, in, (int)n) == 1 &&
           EVP_CIPHER_CTX_ctrl(t->cipher, EVP_CTRL_AEAD_SET_TAG, t->tag, (void *)tag) == 1 &&
           EVP_CipherFinal_ex(t->cipher, out + n, &written) == 1;
}
