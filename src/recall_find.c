/* recall_find.c -- which rows a search may see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recall_inside.h"

int recall_no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory to search");
}

static bool kind_fits(const struct recall *r, uint32_t kind)
{
	size_t i;

	for (i = 0; i < r->q->kinds_n; i++)
		if (r->wanted.kinds[i] == kind && kind != 0)
			return true;
	return r->q->kinds_n == 0;
}

/* The working layer is a run's own. */
static bool layer_fits(const struct recall *r, const struct card *c)
{
	if (r->q->layer != 0 && r->q->layer != c->layer)
		return false;
	return c->layer != MEMORY_WORKING || r->q->run == 0 ||
	       (r->wanted.run != 0 && r->wanted.run == c->session);
}

bool recall_sees(const void *recall, size_t at)
{
	const struct recall *r = recall;
	const struct card *c = &r->shelf->cards[at];
	const struct recall_wanted *w = &r->wanted;
	const struct memory_query *q = r->q;

	return !c->gone && c->from <= r->as_of && c->to > r->as_of &&
	       c->expires > q->now_ms && layer_fits(r, c) &&
	       (!q->trust.p || (w->trust && w->trust == c->trust)) &&
	       (!q->session.p || (w->session && w->session == c->session)) &&
	       (!q->speaker.p || (w->speaker && w->speaker == c->speaker)) &&
	       (!q->since || c->from >= q->since) &&
	       (!q->until || c->from < q->until) && kind_fits(r, c->kind) &&
	       (r->mask == NULL || r->mask[at / 64] >> (at % 64) & 1);
}

static uint32_t numbered(const struct recall *r, struct span s)
{
	return s.p != NULL ? names_find(&r->m->names, s.p, s.n) : 0;
}

/* ---- fields and patterns ------------------------------------------------ */

struct marking {
	const struct shelf *shelf;
	uint64_t *mask;
};

static inline void set_bit(uint64_t *mask, size_t at)
{
	mask[at / 64] |= (uint64_t)1 << (at % 64);
}

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

static void narrow(struct recall *r, const uint64_t *mask, size_t cells)
{
	size_t i;

	for (i = 0; i < cells; i++)
		r->mask[i] &= mask[i];
}

/* Rows with every field and one of the allowed patterns. */
static int mark_all(struct recall *r, struct db *db, struct err *e)
{
	const struct memory_query *q = r->q;
	size_t cells = r->shelf->n / 64 + 1, bytes = cells * sizeof(*r->mask), i;
	struct marking m = { r->shelf, NULL };
	int rc = 0;

	if ((r->mask = malloc(bytes)) == NULL || (m.mask = malloc(bytes)) == NULL)
		return recall_no_memory(e);
	memset(r->mask, 0xff, bytes);
	for (i = 0; i < q->fields_n && rc == 0; i++) {
		memset(m.mask, 0, bytes);
		rc = store_memory_having(db, r->shelf->number, &q->fields[i],
					 mark, &m, e);
		narrow(r, m.mask, cells);
	}
	memset(m.mask, q->allow_n == 0 ? 0xff : 0, bytes);
	for (i = 0; i < q->allow_n && rc == 0; i++) {
		if (every(q->allow[i]))
			memset(m.mask, 0xff, bytes);
		else if (whole_kind(q->allow[i]))
			mark_kind(r, q->allow[i], m.mask);
		else
			rc = mark_fitting(r, db, q->allow[i], &m, e);
	}
	narrow(r, m.mask, cells);
	free(m.mask);
	return rc;
}

/* What stands around a turn of speech says more of it than the rest of a thread
 * says of a letter: measured on conversations and on an office's papers. */
static double context_weight(const struct shelf *s)
{
	return s->texts > 0 && s->words_n < RECALL_SPEECH * (int64_t)s->texts
		? 0.6 : 0.2;
}

static int tune(struct recall *r, struct err *e)
{
	const struct memory_query *q = r->q;
	size_t i;

	r->tunings = malloc((q->tuned_n + 1) * sizeof(*r->tunings));
	r->tuning = malloc((r->m->names.n + 1) * sizeof(*r->tuning));
	if (r->tunings == NULL || r->tuning == NULL)
		return recall_no_memory(e);
	r->tunings[0] = q->usual;
	memcpy(r->tunings + 1, q->tuned, q->tuned_n * sizeof(*q->tuned));
	for (i = 0; i <= q->tuned_n; i++)
		if (r->tunings[i].weights.part[SCORE_CONTEXT] < 0)
			r->tunings[i].weights.part[SCORE_CONTEXT] =
				context_weight(r->shelf);
	for (i = 0; i <= r->m->names.n; i++)
		r->tuning[i] = r->tunings;
	for (i = 1; i <= q->tuned_n; i++)
		r->tuning[numbered(r, r->tunings[i].kind)] = &r->tunings[i];
	r->tuning[0] = r->tunings;
	return 0;
}

int recall_prepare(struct recall *r, struct db *db, struct err *e)
{
	const struct memory_query *q = r->q;
	struct recall_wanted *w = &r->wanted;
	char run[32];
	size_t i, n;
	int rc;
	bool any = q->allow_n == 0;

	if ((rc = tune(r, e)) != 0)
		return rc;
	for (i = 0; i < q->kinds_n; i++)
		w->kinds[i] = numbered(r, q->kinds[i]);
	w->trust = numbered(r, q->trust);
	w->session = numbered(r, q->session);
	w->speaker = numbered(r, q->speaker);
	n = (size_t)snprintf(run, sizeof(run), "run:%lld", (long long)q->run);
	w->run = names_find(&r->m->names, run, n);
	for (i = 0; i < q->allow_n; i++)
		any = any || every(q->allow[i]);
	return q->fields_n > 0 || !any ? mark_all(r, db, e) : 0;
}
