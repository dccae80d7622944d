#include "vec.h"

#include <math.h>
#include <string.h>

bool vec_quantise(const float *v, size_t dim, int8_t *out)
{
	float top = 0, x;
	size_t i;

	for (i = 0; i < dim; i++) {
		if (!isfinite(v[i]))
			return false;
		x = fabsf(v[i]);
		top = x > top ? x : top;
	}
	for (i = 0; i < dim; i++)
		out[i] = top > 0 ? (int8_t)lrintf(v[i] / top * 127) : 0;
	return true;
}

float vec_inverse(const int8_t *v, size_t dim)
{
	int64_t square = 0;
	size_t i;

	for (i = 0; i < dim; i++)
		square += (int64_t)v[i] * v[i];
	return square > 0 ? (float)(1 / sqrt((double)square)) : 0;
}

/* ---- dot products --------------------------------------------------------- */

static int32_t dot_plain(const int8_t *a, const int8_t *b, size_t stride)
{
	int32_t sum = 0;
	size_t i;

	for (i = 0; i < stride; i++)
		sum += (int32_t)a[i] * b[i];
	return sum;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* maddubs wants one side without signs, so b takes over the signs of a; two
 * products of at most 127 * 127 stay below 32,767. */
__attribute__((target("avx2")))
static int32_t dot_avx2(const int8_t *a, const int8_t *b, size_t stride)
{
	const __m256i ones = _mm256_set1_epi16(1);
	__m256i sum = _mm256_setzero_si256(), x, y, pairs;
	__m128i half;
	size_t i;

	for (i = 0; i < stride; i += 32) {
		x = _mm256_loadu_si256((const __m256i *)(const void *)(a + i));
		y = _mm256_loadu_si256((const __m256i *)(const void *)(b + i));
		pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x),
					     _mm256_sign_epi8(y, x));
		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
	}
	half = _mm_add_epi32(_mm256_castsi256_si128(sum),
			     _mm256_extracti128_si256(sum, 1));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
	return _mm_cvtsi128_si32(half);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define dot_avx2 dot_plain
static bool has_avx2(void)
{
	return false;
}
#endif

typedef int32_t dot_fn(const int8_t *a, const int8_t *b, size_t stride);

static dot_fn *chosen;

void vec_use(const char *path)
{
	bool plain = path != NULL && strcmp(path, "plain") == 0;

	__atomic_store_n(&chosen, !plain && has_avx2() ? dot_avx2 : dot_plain,
			 __ATOMIC_RELAXED);
}

static dot_fn *dot(void)
{
	dot_fn *f = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

	if (f == NULL) {
		vec_use(NULL);
		f = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
	}
	return f;
}

const char *vec_path(void)
{
	return dot() == dot_plain ? "plain" : "avx2";
}

int32_t vec_dot(const int8_t *a, const int8_t *b, size_t stride)
{
	return dot()(a, b, stride);
}

/* ---- the best k ------------------------------------------------------------ */

static bool worse(const struct vec_hit *a, const struct vec_hit *b)
{
	return a->score < b->score || (a->score == b->score && a->at > b->at);
}

/* hits[0..n) is a heap with the worst on top; let the one at i sink. */
static void sink(struct vec_hit *hits, size_t n, size_t i)
{
	struct vec_hit moving = hits[i];
	size_t child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && worse(&hits[child + 1], &hits[child]))
			child++;
		if (!worse(&hits[child], &moving))
			break;
		hits[i] = hits[child];
		i = child;
	}
	hits[i] = moving;
}

static void rise(struct vec_hit *hits, size_t i)
{
	struct vec_hit moving = hits[i];

	while (i > 0 && worse(&moving, &hits[(i - 1) / 2])) {
		hits[i] = hits[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	hits[i] = moving;
}

size_t vec_best(struct vec_hit *kept, size_t n, size_t k, struct vec_hit h)
{
	if (n < k) {
		kept[n] = h;
		rise(kept, n);
		return n + 1;
	}
	if (k > 0 && worse(&kept[0], &h)) {
		kept[0] = h;
		sink(kept, n, 0);
	}
	return n;
}

void vec_best_first(struct vec_hit *kept, size_t n)
{
	struct vec_hit last;

	while (n > 1) {
		last = kept[--n];
		kept[n] = kept[0];
		kept[0] = last;
		sink(kept, n, 0);
	}
}

size_t vec_top(const int8_t *arena, const float *inverse, size_t n,
	       size_t stride, const int8_t *query, const uint64_t *mask,
	       struct vec_hit *hits, size_t k)
{
	float scale = vec_inverse(query, stride);
	dot_fn *f = dot();
	size_t i, count = 0;

	for (i = 0; i < n && k > 0; i++) {
		struct vec_hit h;

		if (mask != NULL && !(mask[i / 64] >> (i % 64) & 1))
			continue;
		h.at = i;
		h.score = (float)f(arena + i * stride, query, stride) *
			inverse[i] * scale;
		count = vec_best(hits, count, k, h);
	}
	vec_best_first(hits, count);
	return count;
}
