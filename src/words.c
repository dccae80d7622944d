/* The table's bytes (all little endian; see vendor/vectors/README.md):
 *
 *   0   "KEELVEC1"
 *   8   u32 version = 1, u32 words, u32 dimensions, u32 bytes of text
 *   24  zeros up to 64
 *   64  words * dimensions   int8, one word after the other
 *       words * float        weight / length of the int8 vector; 0: stop word
 *       (words + 1) * u32    where each word begins in the text
 *       text                 the words, ascending by bytes, nothing between */
#include "words.h"

#include <math.h>
#include <string.h>

#include "token.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the table of word vectors is little endian, and so are we for now"
#endif

#define HEAD 64

__asm__(".section .rodata\n"
	".balign 64\n"
	"words_table: .incbin \"vendor/vectors/words-50k-100d.bin\"\n"
	".balign 4\n"
	".previous\n");
extern const unsigned char words_table[] __attribute__((visibility("hidden")));

static uint32_t number_at(size_t at)
{
	uint32_t v;

	memcpy(&v, words_table + at, sizeof(v));
	return v;
}

size_t words_count(void)
{
	return number_at(12);
}

static size_t scales_at(void)
{
	return HEAD + words_count() * WORDS_DIM;
}

static size_t offsets_at(void)
{
	return scales_at() + 4 * words_count();
}

static int compare(const char *word, size_t n, size_t index)
{
	size_t offsets = offsets_at() + 4 * index;
	size_t from = number_at(offsets), to = number_at(offsets + 4);
	const unsigned char *text = words_table + offsets_at() +
		4 * (words_count() + 1);
	size_t m = to - from;
	int order = memcmp(word, text + from, n < m ? n : m);

	return order ? order : (n > m) - (n < m);
}

int32_t words_find(const char *word, size_t n)
{
	size_t low = 0, high = words_count();

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = compare(word, n, mid);

		if (order == 0)
			return (int32_t)mid;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -1;
}

const int8_t *words_vector(int32_t index, float *scale)
{
	memcpy(scale, words_table + scales_at() + 4 * (size_t)index,
	       sizeof(*scale));
	return (const int8_t *)words_table + HEAD + (size_t)index * WORDS_DIM;
}

const char *words_text(int32_t index, size_t *n)
{
	size_t offsets = offsets_at() + 4 * (size_t)index;
	size_t from = number_at(offsets), to = number_at(offsets + 4);

	*n = to - from;
	return (const char *)words_table + offsets_at() +
		4 * (words_count() + 1) + from;
}

bool words_stop(const char *word, size_t n)
{
	int32_t index;
	float scale;

	if (n == 1)	/* the table begins at two letters */
		return *word == 'a' || *word == 'i';
	index = words_find(word, n);
	if (index < 0)
		return false;
	words_vector(index, &scale);
	return scale == 0;
}

size_t words_embed(const void *text, size_t n, float out[WORDS_DIM])
{
	struct token_reader r;
	struct token t;
	float sum[WORDS_DIM] = { 0 }, scale;
	double square = 0;
	size_t i, known = 0;

	token_read(&r, text, n);
	while (token_next(&r, &t)) {
		int32_t index = words_find(t.word, t.n);
		const int8_t *v;

		if (index < 0)
			continue;
		v = words_vector(index, &scale);
		if (scale == 0)
			continue;
		for (i = 0; i < WORDS_DIM; i++)
			sum[i] += scale * (float)v[i];
		known++;
	}
	for (i = 0; i < WORDS_DIM; i++)
		square += (double)sum[i] * sum[i];
	for (i = 0; i < WORDS_DIM; i++)
		out[i] = square > 0 ? (float)(sum[i] / sqrt(square)) : 0;
	return square > 0 ? known : 0;
}

double words_similarity(const void *a, size_t a_len, const void *b,
			size_t b_len)
{
	float x[WORDS_DIM], y[WORDS_DIM];
	double sum = 0;
	size_t i;

	if (words_embed(a, a_len, x) == 0 || words_embed(b, b_len, y) == 0)
		return 0;
	for (i = 0; i < WORDS_DIM; i++)
		sum += (double)x[i] * y[i];
	return sum > 1 ? 1 : sum < -1 ? -1 : sum;
}
