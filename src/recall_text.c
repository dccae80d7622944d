/* recall_text.c -- the words of a question, and BM25 over the texts that hold them.
 *
 * Statistics are those of the namespace alone: what is rare in the world may be
 * common here. Source of the formula: Robertson and Zaragoza, "The Probabilistic
 * Relevance Framework: BM25 and Beyond" (2009), with the idf of Lucene, which is
 * never below zero. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"
#include "recall_inside.h"
#include "words.h"

#define NORMS 512
#define NEAR_WEIGHT 0.1f	/* of a word near to one that is asked for */
#define NEAR_WORDS 16		/* of a question have neighbours           */

/* ---- the question ------------------------------------------------------- */

/* Names, too, that stand in no text. */
bool recall_asks_for(const struct recall *r, const struct token *t)
{
	uint64_t h = token_word_hash(t);
	size_t i;

	for (i = 0; i < r->asked_n; i++)
		if (r->asked[i] == h)
			return true;
	return false;
}

static double idf_of(const struct recall *r, uint32_t stem)
{
	double have = r->shelf->words.list[stem].texts;
	double n = (double)r->shelf->texts;

	/* Texts that are gone are in the list still. */
	n = have > n ? have : n;
	return log(1 + (n - have + 0.5) / (have + 0.5));
}

/* A whole mail may be the question: then the rarest of its words are. */
static void add_term(struct recall *r, uint32_t stem, float weight)
{
	double idf = idf_of(r, stem);
	size_t i, least = 0;

	for (i = 0; i < r->terms_n; i++) {
		if (r->term[i].stem == stem) {
			if (r->term[i].weight < weight)
				r->term[i].weight = weight;
			return;
		}
		if (r->term[i].idf < r->term[least].idf)
			least = i;
	}
	if (r->terms_n < RECALL_TERMS)
		least = r->terms_n++;
	else if (idf <= r->term[least].idf)
		return;
	r->term[least] = (struct recall_term){ stem, weight, idf };
}

/* Words that are near in meaning to one that is asked for count for less. */
static void add_near(struct recall *r, const struct token *t)
{
	int32_t index = words_find(t->word, t->n);
	struct near_word near[NEAR_MOST];
	size_t i, n = index < 0 ? 0 : near_of(r->m->near, index, near), len;

	for (i = 0; i < n; i++) {
		const char *word = words_text(near[i].index, &len);
		uint32_t stem = postings_stem(&r->shelf->words, word, len);

		if (stem != 0)
			add_term(r, stem, NEAR_WEIGHT * near[i].likeness);
	}
}

/* False when the question has no such words; it may have some that nobody wrote. */
static bool choose_terms(struct recall *r, bool stop_words)
{
	struct token_reader reader;
	bool any = false;
	struct token t;
	uint32_t stem;

	token_read(&reader, r->q->text.p, r->q->text.n);
	while (token_next(&reader, &t)) {
		if (words_stop(t.word, t.n) != stop_words)
			continue;
		any = true;
		if (r->asked_n < RECALL_TERMS)
			r->asked[r->asked_n++] = token_word_hash(&t);
		stem = postings_stem(&r->shelf->words, t.word, t.n);
		if (stem != 0)
			add_term(r, stem, 1);
		/* A mail as a question says enough itself. */
		if (!stop_words && r->asked_n < NEAR_WORDS)
			add_near(r, &t);
	}
	return any;
}

/* ---- rating ------------------------------------------------------------- */

struct rating {
	double k1, b, mean;
	float norm[NORMS];	/* of texts of so many words */
};

static void make_rating(const struct recall *r, const struct memory_tuning *t,
			struct rating *out)
{
	const struct shelf *s = r->shelf;
	size_t i;

	out->mean = s->texts > 0 ? (double)s->words_n / (double)s->texts : 1;
	out->k1 = t->k1;
	out->b = t->b;
	if (t->k1 <= 0) {
		out->k1 = out->mean < RECALL_SPEECH ? 0.9 : 1.2;
		out->b = out->mean < RECALL_SPEECH ? 0.4 : 0.75;
	}
	for (i = 0; i < NORMS; i++)
		out->norm[i] = (float)(out->k1 * (1 - out->b + out->b *
						  (double)i / out->mean));
}

static float norm_of(const struct rating *x, uint32_t words)
{
	return words < NORMS ? x->norm[words]
		: (float)(x->k1 * (1 - x->b + x->b * words / x->mean));
}

static int meet(struct recall *r, uint32_t text, struct err *e)
{
	size_t cap = r->found_cap ? 2 * r->found_cap : 1024;
	uint32_t *grown;

	if (r->found_n == r->found_cap) {
		grown = realloc(r->found, cap * sizeof(*grown));
		if (grown == NULL)
			return recall_no_memory(e);
		r->found = grown;
		r->found_cap = cap;
	}
	r->found[r->found_n++] = text;
	return 0;
}

static float rate_of(const struct recall *r, const struct recall_term *t,
		     const struct rating *ratings, const struct posting *at)
{
	const struct rating *x = r->q->tuned_n == 0
		? ratings : &ratings[recall_tuning(r, at->text) - r->tunings];
	float tf = (float)at->times;

	return (float)(t->weight * t->idf * (x->k1 + 1)) * tf /
		(tf + norm_of(x, r->shelf->length[at->text]));
}

static int rate_term(struct recall *r, const struct recall_term *t,
		     const struct rating *ratings, struct err *e)
{
	struct shelf *s = r->shelf;
	struct posting at;
	int rc;

	postings_read(&s->words.list[t->stem], &at);
	while (postings_next(&at)) {
		if (s->text[at.text] == 0 && (rc = meet(r, at.text, e)) != 0)
			return rc;
		s->text[at.text] += rate_of(r, t, ratings, &at);
	}
	return 0;
}

/* The word adds to the texts that were found already, and finds no other. */
static void add_to_found(struct recall *r, const struct recall_term *t,
			 const struct rating *ratings)
{
	const struct posting_list *l = &r->shelf->words.list[t->stem];
	struct posting at;
	size_t i;

	postings_read(l, &at);
	if (r->found_n > l->texts / 8) {
		while (postings_next(&at))
			if (r->shelf->text[at.text] > 0)
				r->shelf->text[at.text] +=
					rate_of(r, t, ratings, &at);
		return;
	}
	if (!postings_next(&at))
		return;
	for (i = 0; i < r->found_n; i++) {
		if (at.text < r->found[i] &&
		    !postings_leap(l, &at, r->found[i]))
			return;
		if (at.text == r->found[i])
			r->shelf->text[at.text] += rate_of(r, t, ratings, &at);
	}
}

static int by_rarity(const void *a, const void *b)
{
	const struct recall_term *x = a, *y = b;

	if (x->idf != y->idf)
		return x->idf < y->idf ? 1 : -1;
	return (x->stem > y->stem) - (x->stem < y->stem);
}

static int by_text(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* What the terms from the i-th on can add to a text, at most. */
static double most_left(const struct recall *r, size_t i,
			const struct rating *ratings)
{
	double k1 = ratings[0].k1, sum = 0;
	size_t j;

	for (j = 0; j < r->q->tuned_n; j++)
		k1 = ratings[j + 1].k1 > k1 ? ratings[j + 1].k1 : k1;
	for (; i < r->terms_n; i++)
		sum += r->term[i].weight * r->term[i].idf * (k1 + 1);
	return sum;
}

/* Whether texts that only the terms from the i-th on would find cannot be among the
 * best any more: so many have more already (Turtle and Flood's MaxScore, 1995). */
static bool enough(const struct recall *r, size_t i,
		   const struct rating *ratings)
{
	float least = (float)most_left(r, i, ratings);
	size_t n = 0, j;

	for (j = 0; j < r->found_n && n < RECALL_TEXTS(r->q->k); j++)
		n += r->shelf->text[r->found[j]] > least &&
			recall_sees(r, r->found[j]);
	return n >= RECALL_TEXTS(r->q->k);
}

static int rate_terms(struct recall *r, const struct rating *ratings,
		      struct err *e)
{
	bool done = false;
	size_t i;
	int rc = 0;

	qsort(r->term, r->terms_n, sizeof(*r->term), by_rarity);
	for (i = 0; i < r->terms_n && rc == 0; i++) {
		uint32_t texts = r->shelf->words.list[r->term[i].stem].texts;

		if (!done && texts > 4096 && enough(r, i, ratings)) {
			done = true;
			qsort(r->found, r->found_n, sizeof(*r->found), by_text);
		}
		if (done)
			add_to_found(r, &r->term[i], ratings);
		else
			rc = rate_term(r, &r->term[i], ratings, e);
	}
	return rc;
}

int recall_texts(struct recall *r, struct err *e)
{
	struct rating *ratings;
	size_t i;
	int rc;

	if (!choose_terms(r, false))
		choose_terms(r, true);
	if (r->terms_n == 0)
		return 0;
	if ((ratings = malloc((r->q->tuned_n + 1) * sizeof(*ratings))) == NULL)
		return recall_no_memory(e);
	for (i = 0; i <= r->q->tuned_n; i++)
		make_rating(r, &r->tunings[i], &ratings[i]);
	rc = rate_terms(r, ratings, e);
	free(ratings);
	for (i = 0; i < r->found_n; i++)
		if (r->shelf->text[r->found[i]] > r->best_text &&
		    recall_sees(r, r->found[i]))
			r->best_text = r->shelf->text[r->found[i]];
	return rc;
}
