/* vec_bench.h -- invented vectors in any number, and what a search of them costs when
 * nothing but the search is there. Used by `keel bench memory`. */
#ifndef KEEL_VEC_BENCH_H
#define KEEL_VEC_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* The i-th vector: one of a thousand directions, and noise as large. The same i and
 * dim give the same numbers. */
void vec_bench_row(uint64_t i, size_t dim, float *out);

/* The k rows among the first n that are nearest to row `query` by the cosine of the
 * floats, best first. 0, or -1 when memory is short. */
int vec_bench_nearest(uint64_t query, size_t n, size_t dim, size_t k,
		      uint64_t *best);

/* Milliseconds that a bare scan of n int8 rows takes, the median of `times`: dot
 * products and the ten greatest. Below zero when memory is short. */
double vec_bench_scan(size_t n, size_t dim, int times);

#endif
