/* vec.h -- exact nearest neighbours among int8 vectors.
 *
 * Vectors lie one behind the other, each padded with zeros to a stride that is a
 * multiple of 32. Numbers are -127..127 (never -128, so that a product and its
 * neighbour always fit). The score is the cosine; a vector of zeros scores 0.
 *
 * The scan is chosen once, by what the processor can do: AVX2, or plain C. Both
 * give the same bits. */
#ifndef KEEL_VEC_H
#define KEEL_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEC_DIM_MAX 4096

struct vec_hit {
	size_t at;		/* position in the arena */
	float score;		/* cosine                */
};

/* Bytes from one vector to the next. */
static inline size_t vec_stride(size_t dim)
{
	return (dim + 31) / 32 * 32;
}

/* Scale to the full range and round; false when a number is not finite. An
 * all-zero vector stays so. */
bool vec_quantise(const float *v, size_t dim, int8_t *out);

/* 1 / length, or 0 for a vector of zeros. */
float vec_inverse(const int8_t *v, size_t dim);

/* Dot product over a stride's bytes. */
int32_t vec_dot(const int8_t *a, const int8_t *b, size_t stride);

/* Dot products of `query` with n vectors, one behind the other. */
void vec_dots(const int8_t *arena, size_t n, size_t stride, const int8_t *query,
	      int32_t *dots);

/* The k nearest to `query` (padded like the arena; inverse[i] as vec_inverse)
 * among the n vectors, best first, equal ones in the order of their positions.
 * When keep is not NULL it is asked for each that would be among the best so far.
 * Returns how many hits were written, at most k. */
size_t vec_top(const int8_t *arena, const float *inverse, size_t n,
	       size_t stride, const int8_t *query,
	       bool (*keep)(const void *arg, size_t at), const void *arg,
	       struct vec_hit *hits, size_t k);

/* The same, of vectors that are so many that reading them all takes long. `signs`
 * has a bit a number (vec_signs), which is an eighth of the bytes: the VEC_NEAR
 * that are next by them are looked at exactly. Not exact, but nearly: measured by
 * `keel bench memory`. */
struct vec_arena {
	const int8_t *rows;
	const float *inverse;
	const uint64_t *signs;
	size_t n, stride;
};

#define VEC_NEAR 4000		/* at least; a two hundredth of all when that is more */

size_t vec_near(const struct vec_arena *a, const int8_t *query,
		bool (*keep)(const void *arg, size_t at), const void *arg,
		struct vec_hit *hits, size_t k);

/* Words of the signs of a vector. */
static inline size_t vec_sign_words(size_t stride)
{
	return (stride + 63) / 64;
}
void vec_signs(const int8_t *v, size_t stride, uint64_t *out);

/* Keep the best k of many: add one to the n that are kept, return the new n; at
 * the end put them in order, best first. */
size_t vec_best(struct vec_hit *kept, size_t n, size_t k, struct vec_hit h);
void vec_best_first(struct vec_hit *kept, size_t n);

/* "avx2" or "plain"; and, for tests, choose "plain" (or NULL: the best again). */
const char *vec_path(void);
void vec_use(const char *path);

#endif
