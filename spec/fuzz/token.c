/* token.c -- any bytes have words inside of them, in order, each within its bounds. */
#include "fuzz.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *last = p;
	struct token_reader r;
	struct token t;
	size_t words = 0;

	token_read(&r, p, n);
	while (token_next(&r, &t)) {
		expect(t.at >= last && t.len > 0 && t.at + t.len <= p + n);
		expect(t.n > 0 && t.n <= TOKEN_MAX);
		expect(++words <= n);
		last = t.at + t.len;
	}
	expect(token_hash(p, n) == token_hash(p, n));
	expect(token_hash(p, n) >= 0);
	return 0;
}
