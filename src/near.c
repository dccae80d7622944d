#include "near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec.h"
#include "words.h"

#define KEPT 1024		/* words whose neighbours are kept */

struct kept {
	int32_t index;		/* -1: free */
	uint32_t n;
	struct near_word word[NEAR_MOST];
};

struct near {
	float *inverse;		/* [word] of vec.h; 0: a stop word */
	struct kept kept[KEPT];
};

struct near *near_new(void)
{
	struct near *n = calloc(1, sizeof(*n));
	size_t i;

	for (i = 0; n != NULL && i < KEPT; i++)
		n->kept[i].index = -1;
	return n;
}

void near_free(struct near *n)
{
	if (n == NULL)
		return;
	free(n->inverse);
	free(n);
}

static int measure(struct near *n)
{
	size_t count = words_count(), i;

	if (n->inverse != NULL)
		return 0;
	if ((n->inverse = malloc(count * sizeof(*n->inverse))) == NULL)
		return -1;
	for (i = 0; i < count; i++) {
		float scale;
		const int8_t *v = words_vector((int32_t)i, &scale);

		n->inverse[i] = scale == 0 ? 0 : vec_inverse(v, WORDS_DIM);
	}
	return 0;
}

static size_t keep_best(struct near_word *best, size_t n, struct near_word x)
{
	size_t i;

	if (n == NEAR_MOST && x.likeness <= best[n - 1].likeness)
		return n;
	for (i = n < NEAR_MOST ? n++ : n - 1;
	     i > 0 && best[i - 1].likeness < x.likeness; i--)
		best[i] = best[i - 1];
	best[i] = x;
	return n;
}

/* The query is padded with zeros to whole steps of vec_dot, so what it reads behind
 * a row, which is the next row or what follows the last, counts nothing. */
static void look(const struct near *n, struct kept *k, int32_t index)
{
	int8_t query[(WORDS_DIM + 31) / 32 * 32] = { 0 };
	size_t count = words_count(), i;
	float scale, own = n->inverse[index];

	k->index = index;
	k->n = 0;
	memcpy(query, words_vector(index, &scale), WORDS_DIM);
	for (i = 0; i < count && own > 0; i++) {
		const int8_t *v = words_vector((int32_t)i, &scale);
		struct near_word x = { (int32_t)i, 0 };

		if (n->inverse[i] == 0 || x.index == index)
			continue;
		x.likeness = (float)vec_dot(v, query, sizeof(query)) * own *
			n->inverse[i];
		if (x.likeness >= NEAR_LEAST)
			k->n = (uint32_t)keep_best(k->word, k->n, x);
	}
}

size_t near_of(struct near *n, int32_t index, struct near_word out[NEAR_MOST])
{
	struct kept *k = &n->kept[(uint32_t)index % KEPT];

	if (k->index != index) {
		if (measure(n) != 0)
			return 0;
		look(n, k, index);
	}
	memcpy(out, k->word, k->n * sizeof(*out));
	return k->n;
}
