#include "budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "store_driver.h"

#define CLAIM_BYTES ((size_t)1 << 20)
#define LINES_MAX 32

void budget_money_text(int64_t picousd, char out[32])
{
	uint64_t whole = picousd < 0 ? 0 - (uint64_t)picousd : (uint64_t)picousd;
	int n;

	n = snprintf(out, 32, "%s$%" PRIu64 ".%012" PRIu64,
		     picousd < 0 ? "-" : "", whole / 1000000000000u,
		     whole % 1000000000000u);
	while (out[n - 1] == '0' && out[n - 3] != '.')
		out[--n] = 0;
}

/* ---- reading objects -------------------------------------------------------- */

struct object {
	const void *p;
	size_t n;
};

/* The integer `key` of the object, from 0 to max. */
static int need_int(struct object o, const char *key, int64_t max, int64_t *v,
		    struct err *e)
{
	struct codec_reader r;
	struct codec_item it;

	if (codec_member(o.p, o.n, key, &r) != 0)
		return err_set(e, ERR_INPUT, "a claim needs '%s'", key);
	if (codec_next(&r, &it) != 0 || it.type != CODEC_INT ||
	    it.integer < 0 || it.integer > max)
		return err_set(e, ERR_INPUT, "'%s' of a claim must be a whole "
			       "number from 0 to %" PRId64, key, max);
	*v = it.integer;
	return 0;
}

/* The same, or -1 when there is none. */
static int may_int(struct object o, const char *key, int64_t *v, struct err *e)
{
	struct codec_reader r;

	*v = -1;
	if (codec_member(o.p, o.n, key, &r) != 0)
		return 0;
	return need_int(o, key, INT64_MAX, v, e);
}

static int need_text(struct object o, const char *key, struct codec_item *it,
		     struct err *e)
{
	struct codec_reader r;

	if (codec_member(o.p, o.n, key, &r) != 0 || codec_next(&r, it) != 0 ||
	    it->type != CODEC_STRING || it->len == 0 || it->len > 200)
		return err_set(e, ERR_INPUT, "'%s' of a claim must be a short "
			       "text", key);
	return 0;
}

/* ---- one op for all: verbs in order ------------------------------------------ */

struct step {
	const char *verb;
	size_t at, n;			/* its object in `objects`            */
	const char *refusal;		/* what ERR_CONFLICT means; NULL: that */
};

struct verbs_op {
	struct op op;
	struct buf objects;
	struct step steps[2 * LINES_MAX + 2];
	int count;
	char refusals[LINES_MAX][160];
};

static int verbs_apply(struct db *db, struct op *op, struct err *e)
{
	struct verbs_op *v = (struct verbs_op *)op;
	const struct step *s;
	int i, rc = 0;

	for (i = 0; i < v->count && rc == 0; i++) {
		s = &v->steps[i];
		rc = db->driver->verb(db, s->verb, v->objects.data + s->at,
				      s->n, NULL, e);
		if (rc == ERR_CONFLICT && s->refusal != NULL)
			rc = err_set(e, ERR_BUDGET, "%s", s->refusal);
	}
	return rc;
}

static void verbs_drop(struct op *op)
{
	buf_release(&((struct verbs_op *)op)->objects);
	free(op);
}

static struct verbs_op *verbs_new(struct err *e)
{
	struct verbs_op *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		err_set(e, ERR_NOMEM, "no memory for the ledger");
		return NULL;
	}
	v->op.apply = verbs_apply;
	v->op.drop = verbs_drop;
	buf_init(&v->objects, CLAIM_BYTES);
	return v;
}

/* The object of the step is what was appended since `at`. */
static void add_step(struct verbs_op *v, const char *verb, size_t at,
		     const char *refusal)
{
	v->steps[v->count++] = (struct step){
		verb, at, v->objects.len - at, refusal
	};
}

static int hand_over(struct txn *t, struct verbs_op *v, int rc, struct err *e)
{
	if (rc == 0 && v->objects.failed)
		rc = buf_err(&v->objects, e, "a claim");
	if (rc != 0) {
		verbs_drop(&v->op);
		return rc;
	}
	t->may_refuse = true;
	txn_add(t, &v->op);
	return 0;
}

/* ---- reserve ------------------------------------------------------------------ */

struct claim {
	struct codec_item key;
	int64_t money, tokens, calls, now;
};

static int read_claim(struct object o, struct claim *c, struct err *e)
{
	int64_t attempt;
	int rc = need_text(o, "key", &c->key, e);

	if (rc == 0)
		rc = need_int(o, "money", BUDGET_MONEY_MAX, &c->money, e);
	if (rc == 0)
		rc = need_int(o, "tokens", INT32_MAX, &c->tokens, e);
	if (rc == 0)
		rc = need_int(o, "calls", INT32_MAX, &c->calls, e);
	if (rc == 0)
		rc = need_int(o, "attempt", INT32_MAX, &attempt, e);
	if (rc == 0)
		rc = need_int(o, "now", INT64_MAX, &c->now, e);
	return rc;
}

static void limit_member(struct buf *b, const char *key, int64_t limit)
{
	codec_key(b, key, strlen(key));
	if (limit < 0)
		codec_null(b);
	else
		codec_int(b, limit);
}

static void int_member(struct buf *b, const char *key, int64_t v)
{
	codec_key(b, key, strlen(key));
	codec_int(b, v);
}

static void text_member(struct buf *b, const char *key,
			const struct codec_item *text)
{
	codec_key(b, key, strlen(key));
	codec_string(b, text->bytes, text->len);
}

static void refusal_text(char out[160], const struct claim *c,
			 const struct codec_item *scope,
			 const struct codec_item *window)
{
	char money[32];

	budget_money_text(c->money, money);
	snprintf(out, 160, "the %.*s budget of %.*s has no room for %s, %" PRId64
		 " tokens and %" PRId64 " call%s", (int)window->len,
		 window->bytes, (int)(scope->len < 60 ? scope->len : 60),
		 scope->bytes, money, c->tokens, c->calls,
		 c->calls == 1 ? "" : "s");
}

static int add_line(struct verbs_op *v, int i, struct object line,
		    const struct claim *c, struct err *e)
{
	struct codec_item scope, window;
	int64_t start, money, tokens, calls;
	size_t at = v->objects.len;
	struct buf *b = &v->objects;
	int rc = need_text(line, "scope", &scope, e);

	if (rc == 0)
		rc = need_text(line, "window", &window, e);
	if (rc == 0)
		rc = need_int(line, "start", INT64_MAX, &start, e);
	if (rc == 0)
		rc = may_int(line, "limit_money", &money, e);
	if (rc == 0)
		rc = may_int(line, "limit_tokens", &tokens, e);
	if (rc == 0)
		rc = may_int(line, "limit_calls", &calls, e);
	if (rc != 0)
		return rc;
	codec_object(b, 11);		/* keys in their order */
	int_member(b, "calls", c->calls);
	text_member(b, "key", &c->key);
	limit_member(b, "limit_calls", calls);
	limit_member(b, "limit_money", money);
	limit_member(b, "limit_tokens", tokens);
	int_member(b, "money", c->money);
	int_member(b, "now", c->now);
	text_member(b, "scope", &scope);
	int_member(b, "start", start);
	int_member(b, "tokens", c->tokens);
	text_member(b, "window", &window);
	refusal_text(v->refusals[i], c, &scope, &window);
	add_step(v, "budget.hold", at, v->refusals[i]);
	add_step(v, "ledger.line", at, NULL);
	return 0;
}

static int add_lines(struct verbs_op *v, struct object o, const struct claim *c,
		     struct err *e)
{
	const unsigned char *from;
	struct codec_reader r;
	struct codec_item it;
	size_t i;
	int rc = 0;

	if (codec_member(o.p, o.n, "lines", &r) != 0 ||
	    codec_next(&r, &it) != 0 || it.type != CODEC_ARRAY ||
	    it.len == 0 || it.len > LINES_MAX)
		return err_set(e, ERR_INPUT, "a claim needs 1 to %d lines",
			       LINES_MAX);
	for (i = 0; i < it.len && rc == 0; i++) {
		from = r.p;
		if (codec_skip(&r) != 0)
			return err_set(e, ERR_DAMAGED, "a damaged claim");
		rc = add_line(v, (int)i, (struct object){
			from, (size_t)(r.p - from) }, c, e);
	}
	return rc;
}

int budget_reserve(struct txn *t, const void *claim, size_t n, struct err *e)
{
	struct object o = { claim, n };
	struct claim c;
	struct verbs_op *v;
	int rc = read_claim(o, &c, e);

	if (rc != 0)
		return rc;
	v = verbs_new(e);
	if (v == NULL)
		return ERR_NOMEM;
	buf_add(&v->objects, claim, n);
	add_step(v, "ledger.put", 0, NULL);
	rc = add_lines(v, o, &c, e);
	return hand_over(t, v, rc, e);
}

/* ---- settle and recover -------------------------------------------------------- */

static bool is(const struct codec_item *it, const char *word)
{
	return it->len == strlen(word) && memcmp(it->bytes, word, it->len) == 0;
}

static int check_end(struct object o, struct err *e)
{
	static const char *const sums[] = { "cost", "input", "output", "cached" };
	struct codec_item key, state;
	int64_t v, now, total = 0;
	size_t i;
	int rc = need_text(o, "key", &key, e);

	if (rc == 0)
		rc = need_text(o, "state", &state, e);
	if (rc == 0)
		rc = need_int(o, "now", INT64_MAX, &now, e);
	for (i = 0; i < 4 && rc == 0; i++) {
		rc = need_int(o, sums[i], BUDGET_MONEY_MAX, &v, e);
		if (rc == 0)
			total |= v;
	}
	if (rc != 0)
		return rc;
	if (is(&state, "settled"))
		return 0;
	if (!is(&state, "estimated") && !is(&state, "released"))
		return err_set(e, ERR_INPUT, "a claim cannot end as '%.*s'",
			       (int)state.len, state.bytes);
	if (total != 0)
		return err_set(e, ERR_INPUT, "only a settled claim has a cost");
	return 0;
}

int budget_settle(struct txn *t, const void *end, size_t n, struct err *e)
{
	struct verbs_op *v;
	int rc = check_end((struct object){ end, n }, e);

	if (rc != 0)
		return rc;
	v = verbs_new(e);
	if (v == NULL)
		return ERR_NOMEM;
	buf_add(&v->objects, end, n);
	add_step(v, "budget.settle", 0, NULL);
	add_step(v, "ledger.settle", 0, NULL);
	return hand_over(t, v, 0, e);
}

int budget_recover(struct txn *t, int64_t now_ms, struct err *e)
{
	struct verbs_op *v = verbs_new(e);

	if (v == NULL)
		return ERR_NOMEM;
	codec_object(&v->objects, 1);
	int_member(&v->objects, "now", now_ms);
	add_step(v, "budget.recover", 0, NULL);
	add_step(v, "ledger.recover", 0, NULL);
	return hand_over(t, v, 0, e);
}
