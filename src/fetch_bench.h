/* fetch_bench.h -- a bare client: libcurl's multi interface on the loop and nothing else.
 * What `keel bench model` compares itself with. */
#ifndef KEEL_FETCH_BENCH_H
#define KEEL_FETCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct fetch_bench {
	const char *url;
	const char *const *headers;	/* lines */
	size_t header_count;
	const void *body;
	size_t len;
	int concurrency, calls;
};

/* POST the body `calls` times, `concurrency` at once, each next one when one ended.
 * us[i] is what the i-th that ended took, less what the server said that
 * it held it back; wall_us what all took. Errors: ERR_NETWORK when one fails. */
int fetch_bench(const struct fetch_bench *b, int64_t *us, int64_t *wall_us,
		struct err *e);

#endif
