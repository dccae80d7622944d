/* recall_find.c -- which rows a search may see, and what words are in them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recall_inside.h"
#include "words.h"

#define SHORT_TEXT 40		/* words: below, texts are like speech   */

int recall_no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory to search");
}

/* ---- what may be seen --------------------------------------------------- */

struct wanted {			/* the question's names, as numbers */
	uint32_t kinds[MEMORY_FEW], trust, session, speaker;
};

static bool kind_fits(const struct recall *r, const struct wanted *w,
		      uint32_t kind)
{
	size_t i;

	for (i = 0; i < r->q->kinds_n; i++)
		if (w->kinds[i] == kind && kind != 0)
			return true;
	return r->q->kinds_n == 0;
}

static bool visible(const struct recall *r, const struct wanted *w,
		    const struct card *c)
{
	const struct memory_query *q = r->q;

	return !c->gone && c->from <= r->as_of && c->to > r->as_of &&
	       c->expires > q->now_ms && (!q->layer || q->layer == c->layer) &&
	       (!q->trust.p || (w->trust && w->trust == c->trust)) &&
	       (!q->session.p || (w->session && w->session == c->session)) &&
	       (!q->speaker.p || (w->speaker && w->speaker == c->speaker)) &&
	       (!q->since || c->from >= q->since) &&
	       (!q->until || c->from < q->until) && kind_fits(r, w, c->kind);
}

static uint32_t numbered(const struct recall *r, struct span s)
{
	return names_find(&r->m->names, s.p, s.n);
}

int recall_mask(struct recall *r, struct err *e)
{
	struct wanted w = {
		.trust = numbered(r, r->q->trust),
		.session = numbered(r, r->q->session),
		.speaker = numbered(r, r->q->speaker)
	};
	size_t i;

	for (i = 0; i < r->q->kinds_n; i++)
		w.kinds[i] = numbered(r, r->q->kinds[i]);
	r->mask = calloc(r->shelf->n / 64 + 1, sizeof(*r->mask));
	if (r->mask == NULL)
		return recall_no_memory(e);
	for (i = 0; i < r->shelf->n; i++)
		if (visible(r, &w, &r->shelf->cards[i]))
			set_bit(r->mask, i);
	return 0;
}

struct marking {
	const struct shelf *shelf;
	uint64_t *mask;
};

static int mark(void *arg, int64_t id, struct err *e)
{
	struct marking *m = arg;
	ptrdiff_t at = shelf_find(m->shelf, id);

	(void)e;
	if (at >= 0)
		set_bit(m->mask, (size_t)at);
	return 0;
}

/* In our patterns only * is special; GLOB knows ? and [ besides. */
static int add_pattern(struct buf *b, struct span pattern, struct err *e)
{
	size_t i;

	for (i = 0; i < pattern.n; i++)
		if (pattern.p[i] == '[' || pattern.p[i] == '?')
			buf_fmt(b, "[%c]", pattern.p[i]);
		else
			buf_byte(b, (unsigned char)pattern.p[i]);
	return buf_err(b, e, "a pattern");
}

/* "kind/" and any key: what the cards can answer. */
static bool whole_kind(struct span pattern)
{
	const char *slash = memchr(pattern.p, '/', pattern.n);

	return slash != NULL && slash + 2 == pattern.p + pattern.n &&
	       slash[1] == '*' &&
	       memchr(pattern.p, '*', (size_t)(slash - pattern.p)) == NULL;
}

static void mark_kind(struct recall *r, struct span pattern, uint64_t *mask)
{
	uint32_t kind = names_find(&r->m->names, pattern.p, pattern.n - 2);
	size_t i;

	for (i = 0; i < r->shelf->n && kind != 0; i++)
		if (r->shelf->cards[i].kind == kind)
			set_bit(mask, i);
}

static int mark_fitting(struct recall *r, struct db *db, struct span pattern,
			struct marking *m, struct err *e)
{
	struct span text;
	struct buf b;
	int rc;

	buf_init(&b, 4096);
	if ((rc = add_pattern(&b, pattern, e)) == 0) {
		text = (struct span){ b.len ? (char *)b.data : "", b.len };
		rc = store_memory_fitting(db, r->shelf->number, text, mark, m,
					  e);
	}
	buf_release(&b);
	return rc;
}

static bool every(struct span pattern)
{
	return pattern.n == 1 && *pattern.p == '*';
}

/* Narrow the mask to rows with every tag and one of the allowed patterns. */
int recall_narrow(struct recall *r, struct db *db, struct err *e)
{
	const struct memory_query *q = r->q;
	size_t cells = r->shelf->n / 64 + 1, i, k;
	struct marking m = { r->shelf, NULL };
	int rc = 0;

	if (q->tags_n == 0 && q->allow_n == 0)
		return 0;
	if ((m.mask = malloc(cells * sizeof(*m.mask))) == NULL)
		return recall_no_memory(e);
	for (i = 0; i < q->tags_n && rc == 0; i++) {
		memset(m.mask, 0, cells * sizeof(*m.mask));
		rc = store_memory_tagged(db, r->shelf->number, q->tags[i], mark,
					 &m, e);
		for (k = 0; k < cells; k++)
			r->mask[k] &= m.mask[k];
	}
	memset(m.mask, q->allow_n == 0 ? 0xff : 0, cells * sizeof(*m.mask));
	for (i = 0; i < q->allow_n && rc == 0; i++) {
		if (every(q->allow[i]))
			memset(m.mask, 0xff, cells * sizeof(*m.mask));
		else if (whole_kind(q->allow[i]))
			mark_kind(r, q->allow[i], m.mask);
		else
			rc = mark_fitting(r, db, q->allow[i], &m, e);
	}
	for (k = 0; k < cells; k++)
		r->mask[k] &= m.mask[k];
	free(m.mask);
	return rc;
}

/* ---- words -------------------------------------------------------------- */

/* How much a word tells: 0 for stop words, 1 for words nobody knows. */
static float telling(const struct token *t)
{
	int32_t index = words_find(t->word, t->n);
	float scale;
	double square = 0;
	const int8_t *v;
	size_t i;

	if (index < 0)
		return words_stop(t->word, t->n) ? 0 : 1;
	v = words_vector(index, &scale);
	for (i = 0; i < WORDS_DIM; i++)
		square += (double)v[i] * v[i];
	return (float)(scale * sqrt(square));
}

bool recall_asks_for(const struct recall *r, const struct token *t)
{
	size_t i;

	for (i = 0; i < r->terms_n; i++)
		if (r->token[i].n == t->n &&
		    memcmp(r->token[i].word, t->word, t->n) == 0)
			return true;
	return false;
}

/* The most telling words of the question: a whole mail may be one. */
static void choose_terms(struct recall *r, bool stop_words)
{
	float weight[MEMORY_TERMS], w;
	struct token t;
	size_t i, least;

	r->terms_n = 0;
	token_read(&r->reader, r->q->text.p, r->q->text.n);
	while (token_next(&r->reader, &t)) {
		w = telling(&t);
		if ((w == 0) != stop_words || recall_asks_for(r, &t))
			continue;
		least = 0;
		for (i = 1; i < r->terms_n; i++)
			least = weight[i] < weight[least] ? i : least;
		if (r->terms_n < MEMORY_TERMS)
			least = r->terms_n++;
		else if (w <= weight[least])
			continue;
		r->token[least] = t;
		weight[least] = w;
	}
	for (i = 0; i < r->terms_n; i++)
		r->terms[i] = (struct span){ (const char *)r->token[i].at,
					     r->token[i].len };
}

static int meet(void *arg, int64_t id, const unsigned char *counts,
		struct err *e)
{
	struct recall *r = arg;
	ptrdiff_t at = shelf_find(r->shelf, id);
	size_t cap = r->found_cap ? 2 * r->found_cap : 256;
	struct found *grown;

	if (at < 0 || r->shelf->cards[at].gone)
		return 0;
	if (r->found_n == r->found_cap) {
		grown = realloc(r->found, cap * sizeof(*grown));
		if (grown == NULL)
			return recall_no_memory(e);
		r->found = grown;
		r->found_cap = cap;
	}
	r->found[r->found_n].at = (size_t)at;
	memcpy(r->found[r->found_n++].counts, counts, MEMORY_TERMS);
	return 0;
}

static void inverse_frequencies(const struct recall *r, double *idf)
{
	double n = (double)r->shelf->texts, have[MEMORY_TERMS] = { 0 };
	size_t i, t;

	for (i = 0; i < r->found_n; i++)
		for (t = 0; t < r->terms_n; t++)
			have[t] += r->found[i].counts[t] > 0;
	for (t = 0; t < r->terms_n; t++)
		idf[t] = log(1 + (n - have[t] + 0.5) / (have[t] + 0.5));
}

/* BM25 over the namespace alone. Short turns of speech want flatter constants
 * than abstracts do: measured, k1 0.9 and b 0.4. */
static void rate_texts(struct recall *r)
{
	struct shelf *s = r->shelf;
	double idf[MEMORY_TERMS], mean, k1 = r->q->k1, b = r->q->b, sum, tf;
	size_t i, t;

	inverse_frequencies(r, idf);
	mean = s->texts > 0 ? (double)s->words / (double)s->texts : 1;
	if (k1 <= 0) {
		k1 = mean < SHORT_TEXT ? 0.9 : 1.2;
		b = mean < SHORT_TEXT ? 0.4 : 0.75;
	}
	for (i = 0; i < r->found_n; i++) {
		const struct found *f = &r->found[i];
		double length = k1 * (1 - b + b * s->cards[f->at].words / mean);

		if (!test_bit(r->mask, f->at))
			continue;
		for (sum = 0, t = 0; t < r->terms_n; t++) {
			tf = f->counts[t];
			sum += idf[t] * tf * (k1 + 1) / (tf + length);
		}
		s->text[f->at] = (float)sum;
		r->best_text = sum > r->best_text ? sum : r->best_text;
	}
}

int recall_texts(struct recall *r, struct db *db, struct err *e)
{
	/* A namespace that is most of the store is matched without the test
	 * of the namespace: the shelf knows its rows. */
	bool whole = r->shelf->newest < 2 * (int64_t)r->shelf->n;
	int rc;

	choose_terms(r, false);
	if (r->terms_n == 0)
		choose_terms(r, true);
	if (r->terms_n == 0)
		return 0;
	rc = store_memory_match(db, r->shelf->number, whole, r->terms,
				r->terms_n, meet, r, e);
	if (rc == 0)
		rate_texts(r);
	return rc;
}
