#include "budget.h"

#include <inttypes.h>
#include <string.h>

#include "spare.h"
#include "store_driver.h"

/* ---- what may be asked --------------------------------------------------------- */

static int check_number(int64_t v, int64_t max, const char *what, struct err *e)
{
	if (v >= 0 && v <= max)
		return 0;
	return err_set(e, ERR_INPUT, "'%s' of a claim must be a whole number from"
		       " 0 to %" PRId64, what, max);
}

static int check_text(const char *s, const char *what, bool needed, struct err *e)
{
	if (s == NULL && !needed)
		return 0;
	if (s != NULL && *s != 0 && strlen(s) <= BUDGET_TEXT_MAX)
		return 0;
	return err_set(e, ERR_INPUT, "'%s' of a claim must be a short text", what);
}

static int check_sum(const struct ledger_sum *s, struct err *e)
{
	int rc = check_number(s->money, BUDGET_MONEY_MAX, "money", e);

	if (rc == 0)
		rc = check_number(s->tokens, BUDGET_COUNT_MAX, "tokens", e);
	if (rc == 0)
		rc = check_number(s->calls, BUDGET_COUNT_MAX, "calls", e);
	return rc;
}

static int check_claim(const struct ledger_claim *c, struct err *e)
{
	const char *texts[] = { c->advance, c->run, c->agent, c->tier, c->provider,
				c->model, c->price };
	static const char *const names[] = { "advance", "run", "agent", "tier",
					     "provider", "model", "price" };
	int i, rc = check_text(c->key, "key", true, e);

	if (rc == 0)
		rc = check_sum(&c->hold, e);
	if (rc == 0)
		rc = check_number(c->attempt, INT32_MAX, "attempt", e);
	if (rc == 0)
		rc = check_number(c->now, INT64_MAX, "now", e);
	for (i = 0; i < 7 && rc == 0; i++)
		rc = check_text(texts[i], names[i], false, e);
	if (rc == 0 && c->advance == NULL &&
	    (c->count < 1 || c->count > LEDGER_LINES))
		rc = err_set(e, ERR_INPUT, "a claim needs 1 to %d lines",
			     LEDGER_LINES);
	for (i = 0; i < c->count && rc == 0; i++) {
		rc = check_text(c->lines[i].scope, "scope", true, e);
		if (rc == 0)
			rc = check_text(c->lines[i].window, "window", true, e);
		if (rc == 0)
			rc = check_number(c->lines[i].start, INT64_MAX, "start", e);
	}
	return rc;
}

static int check_end(const struct ledger_end *end, struct err *e)
{
	const int64_t counts[] = { end->input, end->output, end->cached,
				   end->written, end->reasoning };
	int64_t any = end->cost;
	int i, rc = check_text(end->key, "key", true, e);

	if (rc == 0)
		rc = check_number(end->cost, BUDGET_MONEY_MAX, "cost", e);
	if (rc == 0)
		rc = check_number(end->now, INT64_MAX, "now", e);
	for (i = 0; i < 5 && rc == 0; i++) {
		rc = check_number(counts[i], BUDGET_COUNT_MAX, "tokens", e);
		any |= counts[i];
	}
	if (rc == 0)
		rc = check_text(end->request_id, "request_id", false, e);
	if (rc == 0)
		rc = check_text(end->error, "error", false, e);
	if (rc == 0 && end->state != LEDGER_SETTLED && any != 0)
		rc = err_set(e, ERR_INPUT, "only a settled claim has a cost");
	return rc;
}

/* ---- operations ------------------------------------------------------------------ */

/* An operation with a copy of what it was asked, its texts behind it. */
struct ledger_op {
	struct op op;
	size_t size;
	union {
		struct ledger_claim claim;
		struct ledger_end end;
		int64_t now;
	} of;
	struct ledger_line lines[];
};

static int apply_reserve(struct db *db, struct op *op, struct err *e)
{
	return db->driver->reserve(db, &((struct ledger_op *)op)->of.claim, e);
}

static int apply_settle(struct db *db, struct op *op, struct err *e)
{
	return db->driver->settle(db, &((struct ledger_op *)op)->of.end, e);
}

static int apply_recover(struct db *db, struct op *op, struct err *e)
{
	return db->driver->recover(db, ((struct ledger_op *)op)->of.now, e);
}

static void drop(struct op *op)
{
	spare_give(op, ((struct ledger_op *)op)->size);
}

static struct ledger_op *new_op(size_t more, int (*apply)(struct db *, struct op *,
							   struct err *),
				struct err *e)
{
	size_t size = sizeof(struct ledger_op) + more;
	struct ledger_op *op = spare_zero(size);

	if (op == NULL) {
		err_set(e, ERR_NOMEM, "no memory for the ledger");
		return NULL;
	}
	op->size = size;
	op->op.apply = apply;
	op->op.drop = drop;
	return op;
}

static size_t room(const char *s)
{
	return s != NULL ? strlen(s) + 1 : 0;
}

/* Copy the text to *at and have *field be the copy. */
static void copy_text(char **at, const char **field)
{
	size_t n = room(*field);

	if (n == 0)
		return;
	*field = memcpy(*at, *field, n);
	*at += n;
}

int budget_reserve(struct txn *t, const struct ledger_claim *c, struct err *e)
{
	const char *const texts[] = { c->key, c->advance, c->run, c->agent, c->tier,
				      c->provider, c->model, c->price };
	size_t lines = (size_t)c->count * sizeof(*c->lines), more = lines;
	struct ledger_op *op;
	struct ledger_claim *k;
	char *at;
	int i, rc = check_claim(c, e);

	if (rc != 0)
		return rc;
	for (i = 0; i < 8; i++)
		more += room(texts[i]);
	for (i = 0; i < c->count; i++)
		more += room(c->lines[i].scope) + room(c->lines[i].window);
	op = new_op(more, apply_reserve, e);
	if (op == NULL)
		return ERR_NOMEM;
	k = &op->of.claim;
	*k = *c;
	if (lines > 0)
		memcpy(op->lines, c->lines, lines);
	k->lines = op->lines;
	at = (char *)op->lines + lines;
	copy_text(&at, &k->key);
	copy_text(&at, &k->advance);
	copy_text(&at, &k->run);
	copy_text(&at, &k->agent);
	copy_text(&at, &k->tier);
	copy_text(&at, &k->provider);
	copy_text(&at, &k->model);
	copy_text(&at, &k->price);
	for (i = 0; i < c->count; i++) {
		copy_text(&at, &op->lines[i].scope);
		copy_text(&at, &op->lines[i].window);
	}
	t->may_refuse = true;
	txn_add(t, &op->op);
	return 0;
}

int budget_settle(struct txn *t, const struct ledger_end *end, struct err *e)
{
	struct ledger_op *op;
	char *at;
	int rc = check_end(end, e);

	if (rc != 0)
		return rc;
	op = new_op(room(end->key) + room(end->request_id) + room(end->error),
		    apply_settle, e);
	if (op == NULL)
		return ERR_NOMEM;
	op->of.end = *end;
	at = (char *)op->lines;
	copy_text(&at, &op->of.end.key);
	copy_text(&at, &op->of.end.request_id);
	copy_text(&at, &op->of.end.error);
	t->may_refuse = true;
	txn_add(t, &op->op);
	return 0;
}

int budget_recover(struct txn *t, int64_t now_ms, struct err *e)
{
	struct ledger_op *op = new_op(0, apply_recover, e);

	if (op == NULL)
		return ERR_NOMEM;
	op->of.now = now_ms;
	t->may_refuse = true;
	txn_add(t, &op->op);
	return 0;
}
