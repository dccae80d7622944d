/* recall.c -- one search: which rows may be seen, which are near, and why.
 *
 *   shelf in step -> words of the question -> BM25
 *                 -> vector scan
 *   candidates = best of both, and what stands next to the best of the first
 *   reasons of each -> score.h -> the k best are read from the store */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "recall_inside.h"
#include "vec.h"
#include "words.h"

#define BESIDE_MOST 8		/* rows are looked at for a neighbour    */
#define NEAR_TOP 40		/* best texts whose neighbours are asked */

/* ---- vectors ------------------------------------------------------------ */

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
		return recall_no_memory(e);
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

/* ---- candidates --------------------------------------------------------- */

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
			return recall_no_memory(e);
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
		    recall_sees(r, i))
			rc = add(r, i, e);
	return rc;
}

static int add_texts(struct recall *r, size_t few, struct err *e)
{
	struct vec_hit *top = malloc(few * sizeof(*top)), h;
	size_t i, n = 0;
	int rc = 0;

	if (top == NULL)
		return recall_no_memory(e);
	for (i = 0; i < r->found_n; i++) {
		h.at = r->found[i];
		h.score = r->shelf->text[h.at];
		if ((n < few || h.score > top[0].score) &&
		    recall_sees(r, h.at))
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

/* Whether rows are hidden that a plain question would see. */
static bool filtered(const struct recall *r)
{
	const struct memory_query *q = r->q;

	return r->mask != NULL || q->kinds_n > 0 || q->layer != 0 || q->trust.p ||
	       q->session.p || q->speaker.p || q->since || q->until || q->as_of;
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
		return recall_no_memory(e);
	if (r->found_n > 0 && s->signs != NULL && !filtered(r))
		n = vec_near(&(struct vec_arena){ s->rows, s->inverse, s->signs,
						 s->n, s->stride }, r->query,
			     recall_sees, r, top, few);
	else
		n = vec_top(s->rows, s->inverse, s->n, s->stride, r->query,
			    recall_sees, r, top, few);
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
		if (recall_sees(r, i - 1)) {
			rc = add(r, i - 1, e);
			few--;
		}
	return rc;
}

static int gather(struct recall *r, struct err *e)
{
	size_t k = r->q->k, i, n = 0;
	int rc = add_texts(r, RECALL_TEXTS(k), e);

	if (rc == 0)
		rc = add_vectors(r, RECALL_VECTORS(k), e);
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

/* ---- reasons ------------------------------------------------------------ */

/* The nth row of the same session before (step -1) or behind (1), or -1. Sessions
 * that go on at once lie mixed; a row far off says nothing of this one. */
static ptrdiff_t beside(const struct recall *r, size_t at, int step, int nth)
{
	const struct shelf *s = r->shelf;
	ptrdiff_t i = (ptrdiff_t)at;
	int tries;

	for (tries = 0; tries < BESIDE_MOST; tries++) {
		i += step;
		if (i < 0 || (size_t)i >= s->n)
			return -1;
		if (s->cards[i].session == s->cards[at].session && --nth == 0)
			return i;
	}
	return -1;
}

/* What was said right before and after: an answer stands behind its question. */
static double said_nearby(const struct recall *r, size_t at)
{
	static const struct {
		int step, nth;
		double share;
	} near[] = { { -1, 1, 0.55 }, { 1, 1, 0.35 }, { -1, 2, 0.15 },
		     { 1, 2, 0.15 } };
	double sum = 0;
	ptrdiff_t i;
	size_t k;

	if (r->shelf->cards[at].session == 0)
		return 0;
	for (k = 0; k < sizeof(near) / sizeof(*near); k++)
		if ((i = beside(r, at, near[k].step, near[k].nth)) >= 0)
			sum += near[k].share * r->shelf->text[i];
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
		if (recall_asks_for(r, &t))
			return true;
	return false;
}

static double context(const struct recall *r, size_t at)
{
	double sum = named(r, at) ? 0.5 : 0;

	if (r->best_text > 0)
		sum += said_nearby(r, at) + 0.75 * said_in_session(r, at);
	return sum;
}

static int rank(struct recall *r, struct err *e)
{
	const struct shelf *s = r->shelf;
	size_t i;

	r->items = calloc(r->at_n + 1, sizeof(*r->items));
	if (r->items == NULL)
		return recall_no_memory(e);
	for (i = 0; i < r->at_n; i++) {
		size_t at = r->at[i];
		struct score_item *x = &r->items[i];
		const struct card *c = &s->cards[at];

		x->id = s->ids[at];
		x->time = c->from;
		x->raw[SCORE_TEXT] = s->text[at];
		x->raw[SCORE_VECTOR] = similarity(r, at);
		x->weights = &recall_tuning(r, at)->weights;
		x->raw[SCORE_RECENCY] =
			score_recency(r->as_of - c->from,
				      recall_tuning(r, at)->half_life_ms);
		x->raw[SCORE_TIME] = recall_in_time(r, at);
		x->raw[SCORE_IMPORTANCE] = c->importance;
		x->raw[SCORE_CONTEXT] = context(r, at);
	}
	score_rank(r->items, r->at_n);
	return 0;
}

/* ---- the rows of the best ----------------------------------------------- */

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

static struct span text_of(const struct buf *rows, size_t at)
{
	struct span text = { NULL, 0 };
	struct codec_reader reader;
	struct codec_item it;

	if (codec_member(rows->data + at, rows->len - at, "text", &reader) == 0 &&
	    codec_next(&reader, &it) == 0 && it.type == CODEC_STRING)
		text = (struct span){ (const char *)it.bytes, it.len };
	return text;
}

static int take_twin(struct recall *r, const struct score_item *item, size_t at,
		     bool *taken, struct err *e)
{
	struct memory_hit *h;
	ptrdiff_t twin;
	int rc = recall_twin(r, text_of(&r->out->rows, at), &twin, e);

	*taken = rc == 0 && twin >= 0;
	if (!*taken)
		return rc;
	h = &r->out->hit[twin];
	if (h->also_n < MEMORY_ALSO)
		h->also[h->also_n++] = item->id;
	return 0;
}

/* The verb gives a list of one row, or none when it went in this moment. */
static int take_row(struct recall *r, const struct score_item *item,
		    size_t from, struct err *e)
{
	struct buf *rows = &r->out->rows;
	struct memory_hit *h = &r->out->hit[r->out->n];
	struct codec_reader reader;
	struct codec_item head;
	bool taken = false;
	int rc = 0;

	codec_read(&reader, rows->data + from, rows->len - from);
	if (codec_next(&reader, &head) != 0 || head.type != CODEC_ARRAY)
		return err_set(e, ERR_DAMAGED, "a memory could not be read");
	if (head.len == 0)
		return 0;
	h->at = (size_t)(reader.p - rows->data);
	if (r->q->distinct)
		rc = take_twin(r, item, h->at, &taken, e);
	if (rc != 0 || taken)
		return rc;
	h->score = *item;
	h->similarity = item->raw[SCORE_VECTOR];
	h->len = rows->len - h->at;
	r->out->n++;
	return 0;
}

/* Of many that say the same, the search for others ends somewhere. */
#define FETCH_MOST(k) (4 * (k) + 20)

static int fetch(struct recall *r, struct db *db, struct err *e)
{
	size_t k = r->q->k, i, from;
	struct buf args;
	int rc = 0;

	r->out->hit = calloc(k + 1, sizeof(*r->out->hit));
	if (r->out->hit == NULL)
		return recall_no_memory(e);
	if (r->q->distinct)
		rc = recall_remember_words(r, k, e);
	buf_init(&args, 256);
	for (i = 0; i < r->at_n && i < FETCH_MOST(k) && r->out->n < k &&
	     rc == 0; i++) {
		from = r->out->rows.len;
		rc = read_row(db, r->items[i].id, &args, &r->out->rows, e);
		if (rc == 0)
			rc = take_row(r, &r->items[i], from, e);
	}
	buf_release(&args);
	recall_forget_words(r, r->out->n);
	return rc;
}

/* ---- a search ----------------------------------------------------------- */

static int run(struct recall *r, struct db *db, struct err *e)
{
	int rc;

	if ((rc = memory_shelf(r->m, r->q->ns, &r->shelf, e)) != 0 ||
	    (rc = shelf_model(r->shelf, model_of(r->q), e)) != 0 ||
	    (rc = shelf_sync(r->shelf, db, e)) != 0 ||
	    (rc = recall_prepare(r, db, e)) != 0 ||
	    (rc = recall_texts(r, e)) != 0 ||
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
		r->shelf->text[r->found[i]] = 0;
	free(r->tunings);
	free(r->tuning);
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
	if (!codec_utf8((const unsigned char *)q->text.p, q->text.n))
		return err_set(e, ERR_INPUT, "the question is not UTF-8");
	if (q->k < 1 || q->k > MEMORY_K_MAX)
		return err_set(e, ERR_LIMIT, "k is 1 to %d", MEMORY_K_MAX);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return recall_no_memory(e);
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
