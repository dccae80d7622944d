#include "digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

/* Fetching an algorithm by name takes longer than hashing a step, so it is done
 * once a thread. */
static _Thread_local EVP_MD *sha256;
static _Thread_local EVP_MD_CTX *context;

void digest_sha256(const void *p, size_t n, unsigned char out[DIGEST_BYTES])
{
	if (sha256 == NULL) {
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
		context = EVP_MD_CTX_new();
		if (sha256 == NULL || context == NULL)
			abort();	/* no digest, no promise */
	}
	EVP_DigestInit_ex2(context, sha256, NULL);
	EVP_DigestUpdate(context, p, n);
	EVP_DigestFinal_ex(context, out, NULL);
}

void digest_thread_ends(void)
{
	EVP_MD_CTX_free(context);
	EVP_MD_free(sha256);
	context = NULL;
	sha256 = NULL;
}

void digest_hmac(const void *key, size_t key_len, const void *p, size_t n,
		 unsigned char out[DIGEST_BYTES])
{
	unsigned int len = DIGEST_BYTES;

	if (HMAC(EVP_sha256(), key, (int)key_len, p, n, out, &len) == NULL)
		abort();
}

void digest_hex(const unsigned char *p, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = hex[p[i] >> 4];
		out[2 * i + 1] = hex[p[i] & 15];
	}
	out[2 * n] = 0;
}
