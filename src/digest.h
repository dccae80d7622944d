/* digest.h -- SHA-256 and HMAC-SHA-256, from libcrypto. */
#ifndef KEEL_DIGEST_H
#define KEEL_DIGEST_H

#include <stddef.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX (2 * DIGEST_BYTES)

void digest_sha256(const void *p, size_t n, unsigned char out[DIGEST_BYTES]);
void digest_hmac(const void *key, size_t key_len, const void *p, size_t n,
		 unsigned char out[DIGEST_BYTES]);

/* Called by a thread that ends, when it may have made digests: frees what it kept. */
void digest_thread_ends(void);

/* Lower-case hex of n bytes, with a NUL: out holds 2n + 1. */
void digest_hex(const unsigned char *p, size_t n, char *out);

#endif
