#include "vec_bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "vec.h"

#define DIRECTIONS 1000
#define BLOCK 256

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Nearly normal: the sum of four bytes' worth of dice, twice a call. */
static void noise(uint64_t state, size_t dim, float *out)
{
	size_t i, j;

	for (i = 0; i < dim; i += 2) {
		uint64_t r = next(&state);

		for (j = i; j < i + 2 && j < dim; j++, r >>= 32)
			out[j] = (float)((r & 0xff) + (r >> 8 & 0xff) +
					 (r >> 16 & 0xff) + (r >> 24 & 0xff)) -
				 510;
	}
}

void vec_bench_row(uint64_t i, size_t dim, float *out)
{
	float own[VEC_DIM_MAX];
	uint64_t state = i * 0x632be59bd9b4e019u;
	size_t j;

	noise(next(&state) % DIRECTIONS * 0x2545f4914f6cdd1du, dim, out);
	noise(state, dim, own);
	for (j = 0; j < dim; j++)
		out[j] += own[j];
}

static float cosine(const float *a, const float *b, size_t dim)
{
	float dot = 0, square = 0;
	size_t i;

	for (i = 0; i < dim; i++) {
		dot += a[i] * b[i];
		square += b[i] * b[i];
	}
	return square > 0 ? dot / sqrtf(square) : 0;
}

int vec_bench_nearest(uint64_t query, size_t n, size_t dim, size_t k,
		      uint64_t *best)
{
	struct vec_hit *kept = malloc((k + 1) * sizeof(*kept)), h;
	float *q = malloc(2 * dim * sizeof(*q)), *row;
	size_t count = 0, i;

	if (kept == NULL || q == NULL) {
		free(kept);
		free(q);
		return -1;
	}
	row = q + dim;
	vec_bench_row(query, dim, q);
	for (i = 0; i < n; i++) {
		vec_bench_row(i, dim, row);
		h = (struct vec_hit){ i, cosine(q, row, dim) };
		count = vec_best(kept, count, k, h);
	}
	vec_best_first(kept, count);
	for (i = 0; i < count; i++)
		best[i] = kept[i].at;
	free(kept);
	free(q);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void scan_once(const int8_t *rows, const float *inverse, size_t n,
		      size_t stride, const int8_t *query)
{
	struct vec_hit best[10];
	int32_t dots[BLOCK];
	size_t count = 0, i, j, block;

	for (i = 0; i < n; i += block) {
		block = n - i < BLOCK ? n - i : BLOCK;
		vec_dots(rows + i * stride, block, stride, query, dots);
		for (j = 0; j < block; j++) {
			struct vec_hit h = { i + j, (float)dots[j] *
					     inverse[i + j] };

			if (count < 10 || h.score > best[0].score)
				count = vec_best(best, count, 10, h);
		}
	}
}

double vec_bench_scan(size_t n, size_t dim, int times)
{
	size_t stride = vec_stride(dim), i;
	int8_t *rows = calloc(n + 1, stride);
	float *inverse = malloc((n + 1) * sizeof(*inverse)), v[VEC_DIM_MAX];
	double *took = malloc((size_t)times * sizeof(*took)), median = -1;

	for (i = 0; rows != NULL && inverse != NULL && i <= n; i++) {
		vec_bench_row(i, dim, v);
		vec_quantise(v, dim, rows + i * stride);
		inverse[i] = vec_inverse(rows + i * stride, dim);
	}
	for (i = 0; rows && inverse && took && i < (size_t)times; i++) {
		int64_t began = clock_mono_us();

		scan_once(rows, inverse, n, stride, rows + n * stride);
		took[i] = (double)(clock_mono_us() - began) / 1000;
	}
	if (rows != NULL && inverse != NULL && took != NULL) {
		qsort(took, (size_t)times, sizeof(*took), by_size);
		median = took[times / 2];
	}
	free(rows);
	free(inverse);
	free(took);
	return median;
}
