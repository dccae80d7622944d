/* recall.c -- one search: which rows may be seen, which are near, and why.
 *
 *   shelf in step -> mask of allowed rows -> words of the question -> BM25
 *                                         -> vector scan
 *   candidates = best of both, and what stands next to the best of the first
 *   reasons of each -> score.h -> the k best are read from the store */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "memory_inside.h"
#include "token.h"
#include "vec.h"
#include "words.h"

#define TEXT_FEW 200		/* candidates by full text, at least     */
#define VECTOR_FEW 100		/* candidates by vectors, at least       */
#define NEAR_TOP 40		/* best texts whose neighbours are asked */
#define SHORT_TEXT 40		/* words: below, texts are like speech   */

struct found {			/* a row in which words of the question occur */
	size_t at;
	unsigned char counts[MEMORY_TERMS];
};

struct recall {
	struct memory *m;
	const struct memory_query *q;
	struct memory_hits *out;
	struct shelf *shelf;
	int64_t as_of;

	uint64_t *mask;
	int8_t *query;			/* padded to the stride */
	float query_inverse;

	struct token_reader reader;
	struct token token[MEMORY_TERMS];
	struct span terms[MEMORY_TERMS];
	size_t terms_n;
	struct found *found;
	size_t found_n, found_cap;
	double best_text;

	size_t *at;			/* candidates, ascending           */
	size_t at_n, at_cap;
	struct score_item *items;
};

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory to search");
}

/* ---- what may be seen ----------------------------------------------------------- */

static bool test_bit(const uint64_t *mask, size_t at)
{
	return mask[at / 64] >> (at % 64) & 1;
}

static void set_bit(uint64_t *mask, size_t at)
{
	mask[at / 64] |= (uint64_t)1 << (at % 64);
}

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

static int make_mask(struct recall *r, struct err *e)
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
		return no_memory(e);
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
static int narrow(struct recall *r, struct db *db, struct err *e)
{
	const struct memory_query *q = r->q;
	size_t cells = r->shelf->n / 64 + 1, i, k;
	struct marking m = { r->shelf, NULL };
	int rc = 0;

	if (q->tags_n == 0 && q->allow_n == 0)
		return 0;
	if ((m.mask = malloc(cells * sizeof(*m.mask))) == NULL)
		return no_memory(e);
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

/* ---- words ---------------------------------------------------------------------- */

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

static bool known_term(const struct recall *r, const struct token *t)
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
		if ((w == 0) != stop_words || known_term(r, &t))
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
			return no_memory(e);
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

static int match_texts(struct recall *r, struct db *db, struct err *e)
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

/* ---- vectors --------------------------------------------------------------------- */

static struct span model_of(const struct memory_query *q)
{
	return q->vector.p != NULL ? q->model
		: (struct span){ WORDS_MODEL, sizeof(WORDS_MODEL) - 1 };
}

static int make_query_vector(struct recall *r, struct err *e)
{
	const struct memory_query *q = r->q;
	float v[WORDS_DIM];

	if (r->shelf->dim == 0)
		return 0;
	if ((r->query = calloc(1, r->shelf->stride)) == NULL)
		return no_memory(e);
	if (q->vector.p != NULL) {
		if (q->vector.n != r->shelf->dim)
			return err_set(e, ERR_INPUT, "the question's vector has "
				       "%zu numbers, memory's have %zu",
				       q->vector.n, r->shelf->dim);
		memcpy(r->query, q->vector.p, q->vector.n);
	} else if (words_embed(q->text.p, q->text.n, v) > 0) {
		vec_quantise(v, WORDS_DIM, r->query);
	}
	r->query_inverse = vec_inverse(r->query, r->shelf->stride);
	return 0;
}

static double similarity(const struct recall *r, size_t at)
{
	const struct shelf *s = r->shelf;

	if (r->query == NULL)
		return 0;
	return (double)vec_dot(s->rows + at * s->stride, r->query, s->stride) *
		s->inverse[at] * r->query_inverse;
}

/* ---- candidates -------------------------------------------------------------------- */

static int by_position(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

static int add(struct recall *r, size_t at, struct err *e)
{
	size_t cap = r->at_cap ? 2 * r->at_cap : 512, *grown;

	if (r->at_n == r->at_cap) {
		grown = realloc(r->at, cap * sizeof(*grown));
		if (grown == NULL)
			return no_memory(e);
		r->at = grown;
		r->at_cap = cap;
	}
	r->at[r->at_n++] = at;
	return 0;
}

/* What was said right before and after, in the same session. */
static int add_neighbours(struct recall *r, size_t at, struct err *e)
{
	const struct shelf *s = r->shelf;
	size_t from = at > 2 ? at - 2 : 0, to = at + 2, i;
	int rc = 0;

	for (i = from; i <= to && i < s->n && rc == 0; i++)
		if (i != at && s->cards[at].session != 0 &&
		    s->cards[i].session == s->cards[at].session &&
		    test_bit(r->mask, i))
			rc = add(r, i, e);
	return rc;
}

static int add_texts(struct recall *r, size_t few, struct err *e)
{
	struct vec_hit *top = malloc(few * sizeof(*top)), h;
	size_t i, n = 0;
	int rc = 0;

	if (top == NULL)
		return no_memory(e);
	for (i = 0; i < r->found_n; i++) {
		h.at = r->found[i].at;
		h.score = r->shelf->text[h.at];
		if (h.score > 0)
			n = vec_best(top, n, few, h);
	}
	vec_best_first(top, n);
	for (i = 0; i < n && rc == 0; i++) {
		rc = add(r, top[i].at, e);
		if (rc == 0 && i < NEAR_TOP)
			rc = add_neighbours(r, top[i].at, e);
	}
	free(top);
	return rc;
}

static int add_vectors(struct recall *r, size_t few, struct err *e)
{
	struct shelf *s = r->shelf;
	struct vec_hit *top;
	size_t i, n;
	int rc = 0;

	if (r->query == NULL || r->query_inverse == 0)
		return 0;
	if ((top = malloc(few * sizeof(*top))) == NULL)
		return no_memory(e);
	n = vec_top(s->rows, s->inverse, s->n, s->stride, r->query, r->mask, top,
		    few);
	for (i = 0; i < n && rc == 0; i++)
		if (top[i].score > 0)
			rc = add(r, top[i].at, e);
	free(top);
	return rc;
}

/* A question without words, or none that is known: the newest. */
static int add_newest(struct recall *r, size_t few, struct err *e)
{
	size_t i;
	int rc = 0;

	for (i = r->shelf->n; i > 0 && few > 0 && rc == 0; i--)
		if (test_bit(r->mask, i - 1)) {
			rc = add(r, i - 1, e);
			few--;
		}
	return rc;
}

static int gather(struct recall *r, struct err *e)
{
	size_t k = r->q->k, i, n = 0;
	int rc = add_texts(r, 4 * k > TEXT_FEW ? 4 * k : TEXT_FEW, e);

	if (rc == 0)
		rc = add_vectors(r, 2 * k > VECTOR_FEW ? 2 * k : VECTOR_FEW, e);
	if (rc == 0 && r->terms_n == 0 && r->query_inverse == 0)
		rc = add_newest(r, 4 * k, e);
	if (rc != 0 || r->at_n == 0)
		return rc;
	qsort(r->at, r->at_n, sizeof(*r->at), by_position);
	for (i = 0; i < r->at_n; i++)
		if (i == 0 || r->at[i] != r->at[i - 1])
			r->at[n++] = r->at[i];
	r->at_n = n;
	return 0;
}

/* ---- reasons ------------------------------------------------------------------------ */

static double said_nearby(const struct recall *r, size_t at)
{
	static const double share[] = { 0, 0.5, 0.25 };
	const struct shelf *s = r->shelf;
	double sum = 0;
	size_t d;

	if (s->cards[at].session == 0)
		return 0;
	for (d = 1; d <= 2; d++) {
		if (at >= d && s->cards[at - d].session == s->cards[at].session)
			sum += share[d] * s->text[at - d];
		if (at + d < s->n &&
		    s->cards[at + d].session == s->cards[at].session)
			sum += share[d] * s->text[at + d];
	}
	return sum / r->best_text;
}

/* How much the rest of the session speaks of it: 0..1. */
static double said_in_session(const struct recall *r, size_t at)
{
	const struct shelf *s = r->shelf;
	uint32_t session = s->cards[at].session;
	double sum = 0;
	size_t i;

	if (session == 0)
		return 0;
	for (i = 0; i < r->at_n; i++)
		if (r->at[i] != at && s->cards[r->at[i]].session == session)
			sum += s->text[r->at[i]];
	sum /= r->best_text;
	return sum / (sum + 2);
}

/* Whether the question names who said it. */
static bool named(const struct recall *r, size_t at)
{
	uint32_t speaker = r->shelf->cards[at].speaker;
	const struct name_entry *name;
	struct token_reader reader;
	struct token t;

	if (speaker == 0)
		return false;
	name = &r->m->names.entry[speaker];
	token_read(&reader, name->text, name->len);
	while (token_next(&reader, &t))
		if (known_term(r, &t))
			return true;
	return false;
}

static double context(const struct recall *r, size_t at)
{
	double sum = named(r, at) ? 0.5 : 0;

	if (r->best_text > 0)
		sum += said_nearby(r, at) + 0.5 * said_in_session(r, at);
	return sum;
}

static int rank(struct recall *r, struct err *e)
{
	const struct shelf *s = r->shelf;
	size_t i;

	r->items = calloc(r->at_n + 1, sizeof(*r->items));
	if (r->items == NULL)
		return no_memory(e);
	for (i = 0; i < r->at_n; i++) {
		size_t at = r->at[i];
		struct score_item *x = &r->items[i];
		const struct card *c = &s->cards[at];

		x->id = s->ids[at];
		x->time = c->from;
		x->raw[SCORE_TEXT] = s->text[at];
		x->raw[SCORE_VECTOR] = similarity(r, at);
		x->raw[SCORE_RECENCY] = score_recency(r->as_of - c->from,
						      r->q->half_life_ms);
		x->raw[SCORE_IMPORTANCE] = c->importance;
		x->raw[SCORE_CONTEXT] = context(r, at);
	}
	score_rank(r->items, r->at_n, &r->q->weights);
	return 0;
}

/* ---- the rows of the best ------------------------------------------------------------- */

static int read_row(struct db *db, int64_t id, struct buf *args,
		    struct buf *rows, struct err *e)
{
	buf_reset(args);
	codec_object(args, 1);
	codec_key(args, "row", 3);
	codec_int(args, id);
	return db->driver->verb(db, "memory.row", args->data, args->len, rows,
				e);
}

/* The verb gives a list of one row, or none when it went in this moment. */
static int take_row(struct recall *r, const struct score_item *item,
		    size_t from, struct err *e)
{
	struct buf *rows = &r->out->rows;
	struct memory_hit *h = &r->out->hit[r->out->n];
	struct codec_reader reader;
	struct codec_item head;

	codec_read(&reader, rows->data + from, rows->len - from);
	if (codec_next(&reader, &head) != 0 || head.type != CODEC_ARRAY)
		return err_set(e, ERR_DAMAGED, "a memory could not be read");
	if (head.len == 0)
		return 0;
	h->score = *item;
	h->similarity = item->raw[SCORE_VECTOR];
	h->at = (size_t)(reader.p - rows->data);
	h->len = rows->len - h->at;
	r->out->n++;
	return 0;
}

static int fetch(struct recall *r, struct db *db, struct err *e)
{
	struct buf args;
	size_t i, from;
	int rc = 0;

	r->out->hit = calloc(r->q->k + 1, sizeof(*r->out->hit));
	if (r->out->hit == NULL)
		return no_memory(e);
	buf_init(&args, 256);
	for (i = 0; i < r->at_n && r->out->n < r->q->k && rc == 0; i++) {
		from = r->out->rows.len;
		rc = read_row(db, r->items[i].id, &args, &r->out->rows, e);
		if (rc == 0)
			rc = take_row(r, &r->items[i], from, e);
	}
	buf_release(&args);
	return rc;
}

/* ---- a search ---------------------------------------------------------------------------- */

static int run(struct recall *r, struct db *db, struct err *e)
{
	int rc;

	if ((rc = memory_shelf(r->m, r->q->ns, &r->shelf, e)) != 0 ||
	    (rc = shelf_model(r->shelf, model_of(r->q), e)) != 0 ||
	    (rc = shelf_sync(r->shelf, db, e)) != 0 ||
	    (rc = make_mask(r, e)) != 0 || (rc = narrow(r, db, e)) != 0 ||
	    (rc = match_texts(r, db, e)) != 0 ||
	    (rc = make_query_vector(r, e)) != 0 || (rc = gather(r, e)) != 0 ||
	    (rc = rank(r, e)) != 0)
		return rc;
	return fetch(r, db, e);
}

/* The scratch column of the shelf is all zero between searches. */
static void wipe(struct recall *r)
{
	size_t i;

	for (i = 0; i < r->found_n; i++)
		r->shelf->text[r->found[i].at] = 0;
	free(r->mask);
	free(r->query);
	free(r->found);
	free(r->at);
	free(r->items);
}

struct search_op {
	struct op op;
	struct recall r;
};

static int search_apply(struct db *db, struct op *op, struct err *e)
{
	return run(&((struct search_op *)op)->r, db, e);
}

int memory_search(struct memory *m, const struct memory_query *q,
		  struct memory_hits *out, struct err *e)
{
	struct memory_hits hits = { NULL, 0, { 0 } };
	struct search_op *s;
	int rc;

	if (q->ns.n == 0)
		return err_set(e, ERR_INPUT, "a search needs a namespace");
	if (q->k < 1 || q->k > MEMORY_K_MAX)
		return err_set(e, ERR_LIMIT, "k is 1 to %d", MEMORY_K_MAX);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return no_memory(e);
	buf_init(&hits.rows, CODEC_BYTES);
	s->op.apply = search_apply;
	s->r.m = m;
	s->r.q = q;
	s->r.out = &hits;
	s->r.as_of = q->as_of ? q->as_of : q->now_ms;
	pthread_mutex_lock(&m->lock);
	rc = store_look(m->store, &s->op, e);
	wipe(&s->r);
	pthread_mutex_unlock(&m->lock);
	free(s);
	if (rc != 0)
		memory_hits_release(&hits);
	else
		*out = hits;
	return rc;
}

void memory_hits_release(struct memory_hits *h)
{
	free(h->hit);
	buf_release(&h->rows);
	h->hit = NULL;
	h->n = 0;
}
