#include "vec.h"

#include <math.h>
#include <stdlib.h>
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

static void dots_plain(const int8_t *arena, size_t n, size_t stride,
		       const int8_t *query, int32_t *dots)
{
	size_t i;

	for (i = 0; i < n; i++)
		dots[i] = dot_plain(arena + i * stride, query, stride);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* maddubs wants one side without signs, so the row takes over the query's; two
 * products of at most 127 * 127 stay below 32,767. */
__attribute__((target("avx2")))
static inline __m256i dot_step(const int8_t *row, const int8_t *query)
{
	const __m256i q = _mm256_loadu_si256((const __m256i *)(const void *)query);
	const __m256i r = _mm256_loadu_si256((const __m256i *)(const void *)row);

	return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(q),
						      _mm256_sign_epi8(r, q)),
				 _mm256_set1_epi16(1));
}

__attribute__((target("avx2")))
static inline int32_t sum_of(__m256i sum)
{
	__m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum),
				     _mm256_extracti128_si256(sum, 1));

	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
	return _mm_cvtsi128_si32(half);
}

__attribute__((target("avx2")))
static int32_t dot_avx2(const int8_t *a, const int8_t *b, size_t stride)
{
	__m256i sum = _mm256_setzero_si256();
	size_t i;

	for (i = 0; i < stride; i += 32)
		sum = _mm256_add_epi32(sum, dot_step(a + i, b + i));
	return sum_of(sum);
}

/* Four rows at a time: their sums do not wait for one another. */
__attribute__((target("avx2")))
static void dots_avx2(const int8_t *arena, size_t n, size_t stride,
		      const int8_t *query, int32_t *dots)
{
	size_t i, j;

	for (i = 0; i + 4 <= n; i += 4, arena += 4 * stride) {
		__m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;

		for (j = 0; j < stride; j += 32) {
			a = _mm256_add_epi32(a, dot_step(arena + j, query + j));
			b = _mm256_add_epi32(b, dot_step(arena + stride + j,
							 query + j));
			c = _mm256_add_epi32(c, dot_step(arena + 2 * stride + j,
							 query + j));
			d = _mm256_add_epi32(d, dot_step(arena + 3 * stride + j,
							 query + j));
		}
		dots[i] = sum_of(a);
		dots[i + 1] = sum_of(b);
		dots[i + 2] = sum_of(c);
		dots[i + 3] = sum_of(d);
	}
	for (; i < n; i++, arena += stride)
		dots[i] = dot_avx2(arena, query, stride);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define dot_avx2 dot_plain
#define dots_avx2 dots_plain
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

void vec_dots(const int8_t *arena, size_t n, size_t stride, const int8_t *query,
	      int32_t *dots)
{
	if (dot() == dot_plain)
		dots_plain(arena, n, stride, query, dots);
	else
		dots_avx2(arena, n, stride, query, dots);
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

#define BLOCK 256

size_t vec_top(const int8_t *arena, const float *inverse, size_t n,
	       size_t stride, const int8_t *query,
	       bool (*keep)(const void *arg, size_t at), const void *arg,
	       struct vec_hit *hits, size_t k)
{
	float scale = vec_inverse(query, stride);
	int32_t dots[BLOCK];
	size_t i, j, count = 0, block;

	for (i = 0; i < n && k > 0; i += block) {
		block = n - i < BLOCK ? n - i : BLOCK;
		vec_dots(arena + i * stride, block, stride, query, dots);
		for (j = 0; j < block; j++) {
			struct vec_hit h = { i + j, (float)dots[j] *
					     inverse[i + j] * scale };

			if (count == k && h.score <= hits[0].score)
				continue;
			if (keep == NULL || keep(arg, h.at))
				count = vec_best(hits, count, k, h);
		}
	}
	vec_best_first(hits, count);
	return count;
}

/* ---- by signs first ---------------------------------------------------------- */

void vec_signs(const int8_t *v, size_t stride, uint64_t *out)
{
	size_t i;

	memset(out, 0, vec_sign_words(stride) * sizeof(*out));
	for (i = 0; i < stride; i++)
		out[i / 64] |= (uint64_t)(v[i] < 0) << (i % 64);
}

typedef void differ_fn(const uint64_t *signs, size_t n, size_t words,
		       const uint64_t *query, uint16_t *out);

static void differ_plain(const uint64_t *signs, size_t n, size_t words,
			 const uint64_t *query, uint16_t *out)
{
	size_t i, j;

	for (i = 0; i < n; i++, signs += words) {
		int sum = 0;

		for (j = 0; j < words; j++)
			sum += __builtin_popcountll(signs[j] ^ query[j]);
		out[i] = (uint16_t)sum;
	}
}

#if defined(__x86_64__)
__attribute__((target("popcnt")))
static void differ_popcnt(const uint64_t *signs, size_t n, size_t words,
			  const uint64_t *query, uint16_t *out)
{
	size_t i, j;

	for (i = 0; i < n; i++, signs += words) {
		long long sum = 0;

		for (j = 0; j < words; j++)
			sum += __builtin_popcountll(signs[j] ^ query[j]);
		out[i] = (uint16_t)sum;
	}
}

static differ_fn *differ(void)
{
	return dot() != dot_plain && __builtin_cpu_supports("popcnt")
		? differ_popcnt : differ_plain;
}
#else
static differ_fn *differ(void)
{
	return differ_plain;
}
#endif

#define DIFFERENCES (VEC_DIM_MAX + 64)

/* The difference below which `want` of the vectors lie, about. */
static uint16_t limit_of(const uint16_t *differs, size_t n, size_t want)
{
	uint32_t count[DIFFERENCES] = { 0 };
	size_t i, sum = 0;

	for (i = 0; i < n; i++)
		count[differs[i]]++;
	for (i = 0; i < DIFFERENCES - 1 && sum < want; i++)
		sum += count[i];
	return (uint16_t)i;
}

size_t vec_near(const struct vec_arena *a, const int8_t *query,
		bool (*keep)(const void *arg, size_t at), const void *arg,
		struct vec_hit *hits, size_t k)
{
	size_t words = vec_sign_words(a->stride), count = 0, want, i;
	uint64_t signs[VEC_DIM_MAX / 64 + 1];
	uint16_t *differs = malloc((a->n + 1) * sizeof(*differs)), limit;
	float scale = vec_inverse(query, a->stride);
	dot_fn *f = dot();

	if (differs == NULL)	/* slower, and as good */
		return vec_top(a->rows, a->inverse, a->n, a->stride, query, keep,
			       arg, hits, k);
	vec_signs(query, a->stride, signs);
	differ()(a->signs, a->n, words, signs, differs);
	want = a->n / 200 > VEC_NEAR ? a->n / 200 : VEC_NEAR;
	limit = limit_of(differs, a->n, want);
	for (i = 0; i < a->n; i++) {
		struct vec_hit h = { i, 0 };

		if (differs[i] >= limit)
			continue;
		h.score = (float)f(a->rows + i * a->stride, query, a->stride) *
			a->inverse[i] * scale;
		if (count == k && h.score <= hits[0].score)
			continue;
		if (keep == NULL || keep(arg, i))
			count = vec_best(hits, count, k, h);
	}
	free(differs);
	vec_best_first(hits, count);
	return count;
}
