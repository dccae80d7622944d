/* recall_alike.c -- hits that say the same, nearly word for word.
 *
 * Two texts are alike when nine tenths of the different words of both are in both,
 * and no word that is in one alone has a digit: "room 4" is not "room 5". */
#include <stdlib.h>
#include <string.h>

#include "recall_inside.h"

#define LEAST 5			/* words: shorter texts are left alone */
#define MOST 400		/* words of a text that are compared   */
#define ALIKE 0.9

struct recall_words {
	uint64_t *word;		/* ascending; the lowest bit: has a digit */
	size_t n;
};

static uint64_t word_of(const struct token *t)
{
	bool digit = false;
	size_t i;

	for (i = 0; i < t->n; i++)
		digit = digit || (t->word[i] >= '0' && t->word[i] <= '9');
	return (token_word_hash(t) & ~(uint64_t)1) | digit;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int words_of(struct span text, struct recall_words *out, struct err *e)
{
	struct token_reader r;
	struct token t;
	size_t i, n = 0;

	out->n = 0;
	out->word = malloc(MOST * sizeof(*out->word));
	if (out->word == NULL)
		return recall_no_memory(e);
	token_read(&r, text.p, text.n);
	while (out->n < MOST && token_next(&r, &t))
		out->word[out->n++] = word_of(&t);
	qsort(out->word, out->n, sizeof(*out->word), by_value);
	for (i = 0; i < out->n; i++)
		if (i == 0 || out->word[i] != out->word[i - 1])
			out->word[n++] = out->word[i];
	out->n = n;
	return 0;
}

static bool alike(const struct recall_words *a, const struct recall_words *b)
{
	size_t i = 0, j = 0, both = 0;
	uint64_t alone;

	if (a->n < LEAST || b->n < LEAST || (double)a->n < ALIKE * (double)b->n ||
	    (double)b->n < ALIKE * (double)a->n)
		return false;
	while (i < a->n || j < b->n) {
		if (i < a->n && j < b->n && a->word[i] == b->word[j]) {
			both++;
			i++;
			j++;
			continue;
		}
		alone = j == b->n || (i < a->n && a->word[i] < b->word[j])
			? a->word[i++] : b->word[j++];
		if (alone & 1)
			return false;
	}
	return (double)both >= ALIKE * (double)(a->n + b->n - both);
}

int recall_twin(struct recall *r, struct span text, ptrdiff_t *twin,
		struct err *e)
{
	struct recall_words w;
	size_t i;
	int rc = words_of(text, &w, e);

	*twin = -1;
	if (rc != 0)
		return rc;
	for (i = 0; i < r->out->n && *twin < 0; i++)
		if (alike(&r->kept[i], &w))
			*twin = (ptrdiff_t)i;
	if (*twin >= 0)
		free(w.word);
	else
		r->kept[r->out->n] = w;
	return 0;
}

void recall_forget_words(struct recall *r, size_t n)
{
	size_t i;

	for (i = 0; r->kept != NULL && i < n; i++)
		free(r->kept[i].word);
	free(r->kept);
	r->kept = NULL;
}

int recall_remember_words(struct recall *r, size_t k, struct err *e)
{
	r->kept = calloc(k + 1, sizeof(*r->kept));
	return r->kept != NULL ? 0 : recall_no_memory(e);
}
