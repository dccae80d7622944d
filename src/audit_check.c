/* audit_check.c -- what is wrong with an audit trail, and where.
 *
 * A row is whole when its hash is that of its content, its number and the hash it
 * says was before it; it stands right when that one is the hash of the row before.
 * Rows may have been given other numbers: then theirs is looked for among those
 * around, and `shift` says by how much the rows have moved. What a row says was
 * before it tells whether rows were put between (it is found further back) or taken
 * out (it is found nowhere). */
#include "audit_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACK 64			/* rows that may stand between two that fit     */
#define AROUND 64		/* how far a row's own number is looked for      */
#define TRIES 200000		/* hashes made in looking, in all               */
#define ROW_BYTES ((size_t)1 << 30)

struct seen {
	int64_t id, own;		/* where it lies; the number it was written with */
	unsigned char hash[DIGEST_BYTES], made[DIGEST_BYTES];
	bool bad, moved;
	int problem;			/* its own, or -1                              */
};

/* Rows whose words were taken, and who vouches for them. */
struct scrub {
	int64_t id, order;
	char left[DIGEST_HEX];
};

struct scrubs {
	struct scrub *list;
	size_t n, room;
};

struct audit_check {
	struct audit_anchors anchors;
	struct seen back[BACK];
	int64_t n;			/* of rows; back[n % BACK] is the last        */
	int64_t last_own, last_id, shift, count, count_at_anchor, good_anchor;
	int64_t gap_from, gap_to;	/* numbers that were missed last             */
	int gap_problem, tries;
	size_t anchor;			/* the next one                               */
	bool off;			/* the anchors do not fit any more             */
	bool last_unmade;		/* the last row has no mark of ours            */
	struct scrubs scrubbed, vouched;
	int64_t anchored;		/* as the store says                          */
	struct audit_begun begun[AUDIT_BEGUN];
	size_t begun_n;
	struct buf scratch;
	struct audit_problem list[AUDIT_MOST];
	size_t listed;
};

/* ---- telling ------------------------------------------------------------------ */

static int tell(struct audit_check *c, const char *kind, int64_t id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int tell(struct audit_check *c, const char *kind, int64_t id, const char *fmt, ...)
{
	struct audit_problem *p;
	va_list ap;

	c->count++;
	if (c->listed == AUDIT_MOST)
		return -1;
	p = &c->list[c->listed++];
	p->kind = kind;
	p->id = id;
	va_start(ap, fmt);
	vsnprintf(p->what, sizeof(p->what), fmt, ap);
	va_end(ap);
	return (int)c->listed - 1;
}

static void retell(struct audit_check *c, int problem, const char *kind, int64_t id,
		   const char *what)
{
	if (problem < 0)
		return;
	c->list[problem].kind = kind;
	c->list[problem].id = id;
	snprintf(c->list[problem].what, sizeof(c->list[problem].what), "%s", what);
}

/* ---- opening ------------------------------------------------------------------- */

struct audit_check *audit_check_open(struct audit_anchors *anchors, int64_t anchored)
{
	struct audit_check *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->anchors = *anchors;
	*anchors = (struct audit_anchors){ NULL, 0, 0 };
	c->anchored = anchored;
	c->gap_problem = -1;
	c->back[0].problem = -1;
	buf_init(&c->scratch, ROW_BYTES);
	if (c->anchors.bad != 0)
		tell(c, "anchor", (int64_t)c->anchors.bad, "line %zu of the anchors"
		     " is none", c->anchors.bad);
	c->count_at_anchor = c->count;
	return c;
}

void audit_check_close(struct audit_check *c)
{
	if (c == NULL)
		return;
	audit_anchors_release(&c->anchors);
	buf_release(&c->scratch);
	free(c->scrubbed.list);
	free(c->vouched.list);
	free(c);
}

/* ---- one row ---------------------------------------------------------------------- */

static struct seen *back(struct audit_check *c, int k)
{
	return &c->back[(c->n - k) % BACK];
}

static bool hashes_to(struct audit_check *c, const struct audit_row *row, int64_t id,
		      const unsigned char *before, const unsigned char *want)
{
	unsigned char made[DIGEST_BYTES];

	return audit_link(row, id, before, &c->scratch, made) == 0 &&
	       memcmp(made, want, DIGEST_BYTES) == 0;
}

static bool tries(struct audit_check *c, const struct audit_row *row, int64_t id)
{
	const unsigned char *chain = row->chain.p;

	return c->tries < TRIES && c->tries++ >= 0 &&
	       hashes_to(c, row, id, chain, chain + DIGEST_BYTES);
}

/* The number that the row was written with; false when it is not one of ours. */
static bool own_number(struct audit_check *c, const struct audit_row *row, int64_t *own)
{
	int64_t want = row->id - c->shift, i;

	if (hashes_to(c, row, want, row->chain.p,
		      (const unsigned char *)row->chain.p + DIGEST_BYTES))
		return *own = want, true;
	if (tries(c, row, c->last_own + 1))
		return *own = c->last_own + 1, true;
	for (i = 1; i <= AROUND; i++) {
		if (tries(c, row, want - i))
			return *own = want - i, true;
		if (tries(c, row, want + i))
			return *own = want + i, true;
	}
	for (i = c->gap_from; i <= c->gap_to && i < c->gap_from + AROUND; i++)
		if (c->gap_from > 0 && tries(c, row, i))
			return *own = i, true;
	return false;
}

/* How many rows stand between this one and the one that it follows; -1: it follows
 * none that there is. */
static int between(struct audit_check *c, const unsigned char *before)
{
	int k;

	for (k = 0; k < BACK && k <= c->n; k++)
		if (memcmp(back(c, k)->hash, before, DIGEST_BYTES) == 0 ||
		    (back(c, k)->bad &&
		     memcmp(back(c, k)->made, before, DIGEST_BYTES) == 0))
			return k;
	return -1;
}

static void missing(struct audit_check *c, int64_t from, int64_t to, int64_t at)
{
	c->gap_from = from;
	c->gap_to = to;
	c->gap_problem = from == to
		? tell(c, "missing", from, "a row is missing before row %" PRId64, at)
		: tell(c, "missing", from, "%" PRId64 " rows are missing before row %"
		       PRId64, to - from + 1, at);
}

static void inserted(struct audit_check *c, int k)
{
	int i;

	for (i = k - 1; i >= 0; i--) {
		struct seen *s = back(c, i);

		if (s->moved)
			continue;
		if (s->problem >= 0)
			retell(c, s->problem, "inserted", s->id, "nobody of ours wrote this row");
		else
			s->problem = tell(c, "inserted", s->id, "nobody of ours wrote this row");
	}
}

/* A row that is whole: does it stand where it was written? */
static void place(struct audit_check *c, const struct audit_row *row, struct seen *s)
{
	struct seen *last = back(c, 0);
	int k = between(c, row->chain.p);
	int64_t want = row->id - c->shift;

	if (s->own >= c->gap_from && s->own <= c->gap_to && c->gap_from > 0) {
		char what[80];

		snprintf(what, sizeof(what), "this row stands at %" PRId64, row->id);
		s->moved = true;
		retell(c, c->gap_problem, "reordered", s->own, what);
		return;
	}
	if (k == 0 && s->own != want) {
		s->problem = tell(c, "changed", row->id, "this row was number %" PRId64,
				  s->own);
		return;
	}
	if (k > 0)
		inserted(c, k);
	else if (k < 0 && s->own > c->last_own + 1)
		missing(c, c->last_own + 1, s->own - 1, row->id);
	else if (k < 0 && s->own <= c->last_own)
		s->problem = tell(c, "reordered", row->id, "this row was number %" PRId64,
				  s->own);
	else if (k < 0 && c->n == 0)
		s->problem = tell(c, "changed", row->id, "the first row follows another");
	else if (k < 0 && !last->bad)
		last->problem = tell(c, "changed", last->id, "not the row that the next one"
				     " follows");
	if (k != 0)
		c->shift = row->id - s->own;
}

/* A row that is not what was written. */
static void broken(struct audit_check *c, const struct audit_row *row, struct seen *s)
{
	const unsigned char *before = c->last_unmade ? back(c, 0)->hash : row->chain.p;

	s->bad = true;
	s->own = row->id - c->shift;
	audit_link(row, s->own, before, &c->scratch, s->made);
	if (s->own > c->last_own + 1 && c->n > 0)
		missing(c, c->last_own + 1, s->own - 1, row->id);
	s->problem = tell(c, "changed", row->id, c->last_unmade
			  ? "this row has no mark of ours" : "not what was written here");
	if (c->last_unmade)
		memcpy(s->hash, s->made, DIGEST_BYTES);
}

static void hold_to_anchors(struct audit_check *c, const struct seen *s)
{
	const struct audit_anchor *a;

	while (c->anchor < c->anchors.n && c->anchors.list[c->anchor].id < s->own)
		c->anchor++;
	for (; c->anchor < c->anchors.n && c->anchors.list[c->anchor].id == s->own;
	     c->anchor++) {
		a = &c->anchors.list[c->anchor];
		if (memcmp(a->hash, s->hash, DIGEST_BYTES) == 0 ||
		    (s->bad && memcmp(a->hash, s->made, DIGEST_BYTES) == 0)) {
			c->off = false;
			c->good_anchor = s->own;
		} else if (!c->off && c->count == c->count_at_anchor) {
			tell(c, "rewritten", s->id, "the rows after %" PRId64 " up to %"
			     PRId64 " are not those that were anchored",
			     c->good_anchor, s->own);
			c->off = true;
		}
		c->count_at_anchor = c->count;
	}
}

static int note_scrub(struct scrubs *to, int64_t id, const char *left)
{
	if (to->n == to->room) {
		size_t room = to->room ? 2 * to->room : 64;
		void *list = realloc(to->list, room * sizeof(*to->list));

		if (list == NULL)
			return ERR_NOMEM;
		to->list = list;
		to->room = room;
	}
	to->list[to->n].id = id;
	to->list[to->n].order = (int64_t)to->n;
	memcpy(to->list[to->n++].left, left, DIGEST_HEX);
	return 0;
}

static bool is_text(const struct audit_cell *c, const char *text)
{
	return c->type == AUDIT_TEXT && c->n == strlen(text) && memcmp(c->p, text, c->n) == 0;
}

/* What a purge left is to be what the purge says it left. */
static int scrubbing(struct audit_check *c, const struct audit_row *row,
		     const struct seen *s)
{
	const struct audit_cell *says = &row->cell[AUDIT_SUBJECT];
	unsigned char left[DIGEST_BYTES];
	char hex[DIGEST_HEX + 1];
	int rc;

	if (s->bad)	/* told of already */
		return 0;
	if (row->subject_hash.type != AUDIT_NULL || row->detail_hash.type != AUDIT_NULL) {
		rc = audit_left(row, &c->scratch, left);
		digest_hex(left, DIGEST_BYTES, hex);
		return rc != 0 ? rc : note_scrub(&c->scrubbed, row->id, hex);
	}
	if (is_text(&row->cell[AUDIT_WHAT], "audit.scrub") &&
	    row->cell[AUDIT_SEQ].type == AUDIT_INT && says->type == AUDIT_TEXT &&
	    says->n >= DIGEST_HEX)
		return note_scrub(&c->vouched, row->cell[AUDIT_SEQ].integer + c->shift,
				  (const char *)says->p + says->n - DIGEST_HEX);
	return 0;
}

/* Where the anchors were begun anew, and what the owner accepted of it. */
static void beginning(struct audit_check *c, const struct audit_row *row)
{
	const struct audit_cell *says = &row->cell[AUDIT_SUBJECT];
	struct audit_begun *b = &c->begun[c->begun_n];
	char text[64];
	size_t i;

	if (is_text(&row->cell[AUDIT_WHAT], "audit.accept"))
		for (i = 0; i < c->begun_n; i++)
			if (row->cell[AUDIT_SEQ].type == AUDIT_INT &&
			    c->begun[i].id == row->cell[AUDIT_SEQ].integer + c->shift)
				c->begun[i].accepted = true;
	if (c->begun_n == AUDIT_BEGUN || says->type != AUDIT_TEXT ||
	    says->n >= sizeof(text) || !is_text(&row->cell[AUDIT_WHAT], "audit.anchor"))
		return;
	memcpy(text, says->p, says->n);
	text[says->n] = '\0';
	b->id = row->id;
	b->accepted = false;
	if (sscanf(text, AUDIT_BEGUN_ANEW, &b->from, &b->to) == 2)
		c->begun_n++;
}

int audit_check_row(struct audit_check *c, const struct audit_row *row)
{
	struct seen s = { .id = row->id, .problem = -1 };
	const unsigned char *chain = row->chain.p;

	c->last_unmade = row->chain.type != AUDIT_BYTES || row->chain.n != AUDIT_CHAIN;
	if (!c->last_unmade)
		memcpy(s.hash, chain + DIGEST_BYTES, DIGEST_BYTES);
	if (!c->last_unmade && own_number(c, row, &s.own))
		place(c, row, &s);
	else
		broken(c, row, &s);
	if (!s.moved && s.own > c->last_own)
		c->last_own = s.own;
	c->last_id = row->id;
	c->n++;
	c->back[c->n % BACK] = s;
	hold_to_anchors(c, &s);
	if (!s.bad)
		beginning(c, row);
	return c->scratch.failed == 0 ? scrubbing(c, row, &s) : c->scratch.failed;
}

void audit_check_unreadable(struct audit_check *c, const char *why)
{
	tell(c, "changed", c->last_id + 1, "cannot be read: %s", why);
	back(c, 0)->bad = true;
}

/* ---- the end ------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
	const struct scrub *x = a, *y = b;

	return x->id != y->id ? (x->id > y->id) - (x->id < y->id)
			      : (x->order > y->order) - (x->order < y->order);
}

static void hold_to_vouchers(struct audit_check *c)
{
	struct scrubs *v = &c->vouched;
	size_t i, at = 0;

	if (c->scrubbed.n > 1)
		qsort(c->scrubbed.list, c->scrubbed.n, sizeof(*v->list), by_id);
	if (v->n > 1)
		qsort(v->list, v->n, sizeof(*v->list), by_id);
	for (i = 0; i < c->scrubbed.n; i++) {
		const struct scrub *s = &c->scrubbed.list[i];

		while (at < v->n && v->list[at].id <= s->id)
			at++;
		if (at == 0 || v->list[at - 1].id != s->id)
			tell(c, "changed", s->id, "its words were taken, and no purge"
			     " says so");
		else if (memcmp(v->list[at - 1].left, s->left, DIGEST_HEX) != 0)
			tell(c, "changed", s->id, "not what the purge left of it");
	}
}

/* Anchors that the store says there were, and that are not there. */
static void hold_to_store(struct audit_check *c, int64_t last)
{
	int64_t to = c->anchored < c->last_own ? c->anchored : c->last_own;
	size_t i;

	if (c->anchored > last && c->anchored > c->last_own)
		tell(c, "cut", c->last_own + 1, "the trail ends with row %" PRId64
		     ", and row %" PRId64 " was anchored", c->last_own, c->anchored);
	if (c->anchored > last && last == 0)
		tell(c, "anchor", 0, "no anchor is there, and row %" PRId64 " was anchored:"
		     " rows 1 to %" PRId64 " are held to each other alone",
		     c->anchored, to);
	else if (c->anchored > last)
		tell(c, "anchor", 0, "the anchors end with row %" PRId64 ", and row %"
		     PRId64 " was anchored: rows %" PRId64 " to %" PRId64
		     " are held to each other alone", last, c->anchored, last + 1, to);
	for (i = 0; i < c->begun_n; i++)
		if (!c->begun[i].accepted)
			tell(c, "begun", c->begun[i].id, "the anchors were begun anew here:"
			     " rows %" PRId64 " to %" PRId64 " are held to each other"
			     " alone", c->begun[i].from, c->begun[i].to);
}

int audit_check_end(struct audit_check *c)
{
	const struct audit_anchor *last = c->anchors.n > 0
		? &c->anchors.list[c->anchors.n - 1] : NULL;

	if (c->last_unmade && c->n > 0)
		retell(c, back(c, 0)->problem, "inserted", c->last_id,
		       "nobody of ours wrote this row");
	hold_to_vouchers(c);
	if (last != NULL && last->id > c->last_own)
		tell(c, "cut", c->last_own + 1, "the trail ends with row %" PRId64
		     ", and was at row %" PRId64 " when it was last anchored",
		     c->last_own, last->id);
	hold_to_store(c, last != NULL ? last->id : 0);
	return c->scratch.failed;
}

void audit_check_found(struct audit_check *c, struct audit_found *out)
{
	int64_t top = c->anchors.n > 0 ? c->anchors.list[c->anchors.n - 1].id : 0;
	int64_t behind = c->last_own > top ? c->last_own - top : 0;

	out->rows = c->n;
	out->unanchored = behind < c->n ? behind : c->n;
	out->anchored = c->n - out->unanchored;
	out->count = c->count;
	out->list = c->list;
	out->n = c->listed;
	out->begun = c->begun;
	out->begun_n = c->begun_n;
}
