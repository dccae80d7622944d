/* store_sqlite_reserve.c -- reservations in SQLite: made, ended, recovered. */
#include "store_sqlite_budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store_sqlite_rollup.h"

/* ---- reserve ---------------------------------------------------------------------- */

static bool fits(int64_t limit, int64_t spent, int64_t held, int64_t more)
{
	return limit < 0 || (more <= limit && spent <= limit - more &&
			     held <= limit - more - spent);
}

static int refuse(const struct ledger_claim *c, const struct ledger_line *line,
		  struct err *e)
{
	char money[32];

	ledger_money_text(c->hold.money, money);
	return err_set(e, ERR_BUDGET, "the %s budget of %.60s has no room for %s,"
		       " %" PRId64 " tokens and %" PRId64 " call%s", line->window,
		       line->scope, money, c->hold.tokens, c->hold.calls,
		       c->hold.calls == 1 ? "" : "s");
}

static int hold_line(struct sqlite_db *db, const struct ledger_claim *c, int i,
		     int64_t *id, struct err *e)
{
	const struct ledger_line *line = &c->lines[i];
	struct budget_row *row = sqlite_budget_of(db, line, e);
	const struct ledger_sum *more = &c->hold;

	if (row == NULL)
		return e->code;
	if (!fits(line->limit.money, row->spent.money, row->held.money,
		  more->money) ||
	    !fits(line->limit.tokens, row->spent.tokens, row->held.tokens,
		  more->tokens) ||
	    !fits(line->limit.calls, row->spent.calls, row->held.calls,
		  more->calls))
		return refuse(c, line, e);
	if (sqlite_budget_touch(db->budgets, row, e) != 0)
		return ERR_NOMEM;
	row->limit = line->limit;
	row->held.money += more->money;
	row->held.tokens += more->tokens;
	row->held.calls += more->calls;
	row->updated = c->now;
	*id = row->id;
	return 0;
}

/* What is held for the claim is a part of what is held for another one. */
static int take_advance(struct sqlite_db *db, const struct ledger_claim *c,
			int64_t lines[LEDGER_LINES], int *count, struct err *e)
{
	struct open_row *from = sqlite_open_of(db, c->advance, e);

	if (from == NULL)
		return e->code;
	if (from->hold.money < c->hold.money ||
	    from->hold.tokens < c->hold.tokens ||
	    from->hold.calls < c->hold.calls)
		return err_set(e, ERR_BUDGET, "the advance does not hold as much");
	if (sqlite_open_touch(db->budgets, from, true, e) != 0)
		return ERR_NOMEM;
	from->hold.money -= c->hold.money;
	from->hold.tokens -= c->hold.tokens;
	from->hold.calls -= c->hold.calls;
	*count = from->count;
	memcpy(lines, from->lines, (size_t)from->count * sizeof(*lines));
	return 0;
}

static int put_entry(struct sqlite_db *db, const struct ledger_claim *c,
		     const char *lines, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, LEDGER_PUT, "INSERT INTO ledger(key,"
		" epoch, run, agent, seq, attempt, tier, provider, model, state,"
		" money, tokens, calls, price, made, lines) VALUES(?1, ?2, ?3, ?4,"
		" ?5, ?6, ?7, ?8, ?9, 'reserved', ?10, ?11, ?12, ?13, ?14, ?15)",
		e);
	const char *texts[] = { c->run, c->agent, c->tier, c->provider, c->model,
				c->price };
	static const int at[] = { 3, 4, 7, 8, 9, 13 };
	int i, rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_text(st, 1, c->key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, db->epoch);
	for (i = 0; i < 6; i++)
		sqlite3_bind_text(st, at[i], texts[i], -1, SQLITE_STATIC);
	sqlite_bind_count(st, 5, c->seq);
	sqlite3_bind_int64(st, 6, c->attempt);
	sqlite3_bind_int64(st, 10, c->hold.money);
	sqlite3_bind_int64(st, 11, c->hold.tokens);
	sqlite3_bind_int64(st, 12, c->hold.calls);
	sqlite3_bind_int64(st, 14, c->now);
	sqlite3_bind_text(st, 15, lines, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "writing to the ledger");
	sqlite3_reset(st);
	return rc;
}

int sqlite_reserve(struct db *base, const struct ledger_claim *c, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	int64_t lines[LEDGER_LINES];
	char text[LEDGER_LINES * 21 + 3];
	struct open_row *row;
	int i, n = 0, count = c->count, rc = 0;

	if (sqlite_budgets_of(db, e) == NULL)
		return ERR_NOMEM;
	if (c->advance != NULL)
		rc = take_advance(db, c, lines, &count, e);
	for (i = 0; i < c->count && rc == 0 && c->advance == NULL; i++)
		rc = hold_line(db, c, i, &lines[i], e);
	if (rc != 0)
		return rc;
	for (i = 0; i < count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%c%" PRId64,
			      i == 0 ? '[' : ',', lines[i]);
	snprintf(text + n, sizeof(text) - (size_t)n, count == 0 ? "[]" : "]");
	rc = put_entry(db, c, text, e);
	if (rc != 0)
		return rc;
	row = sqlite_open_keep(db->budgets, c->key, sqlite3_last_insert_rowid(db->h),
			c->hold, lines, count, e);
	if (row == NULL)
		return ERR_NOMEM;
	/* undone, it is one that ended: nobody may settle it */
	row->ended = true;
	rc = sqlite_open_touch(db->budgets, row, false, e);
	row->ended = false;
	return rc;
}

/* ---- settle ------------------------------------------------------------------------ */

static const char *const states[] = { "settled", "estimated", "released" };

static int end_line(struct sqlite_db *db, const struct open_row *row, int64_t id,
		    const struct ledger_end *end, struct ledger_sum was,
		    struct err *e)
{
	struct budget_row *b = sqlite_budget_at(db, id, e);
	bool estimated = end->state == LEDGER_ESTIMATED;

	if (b == NULL)
		return e->code;
	if (sqlite_budget_touch(db->budgets, b, e) != 0)
		return ERR_NOMEM;
	if (end->late) {
		b->spent.money -= was.money;
		b->spent.tokens -= was.tokens;
		b->spent.calls -= was.calls;
	} else {
		b->held.money -= row->hold.money;
		b->held.tokens -= row->hold.tokens;
		b->held.calls -= row->hold.calls;
	}
	b->spent.money += estimated ? row->hold.money : end->cost;
	b->spent.tokens += estimated ? row->hold.tokens
				     : end->input + end->output;
	b->spent.calls += end->state == LEDGER_RELEASED ? 0 : row->hold.calls;
	b->updated = end->now;
	return 0;
}

/* The row that was ended counts in the sums, under the names that it has. */
static int count_entry(struct sqlite_db *db, sqlite3_stmt *st, int64_t held,
		       const struct ledger_end *end, struct err *e)
{
	struct rollup_call call = { .held = held,
		.made = sqlite3_column_int64(st, 4),
		.priced = sqlite3_column_int(st, 5) != 0 };
	int i;

	for (i = 0; i < 4; i++) {
		call.names[i] = (const char *)sqlite3_column_text(st, i);
		if (call.names[i] == NULL)
			call.names[i] = "";
	}
	return sqlite_rollup_end(db, &call, end, e);
}

static int end_entry(struct sqlite_db *db, const struct open_row *row,
		     const struct ledger_end *end, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, LEDGER_END, "UPDATE ledger SET state ="
		" ?2, cost = ?3, input = ?4, output = ?5, cached = ?6, written ="
		" ?7, reasoning = ?8, request_id = coalesce(?9, request_id), error"
		" = ?10, ended = ?11, money = ?12, tokens = ?13, calls = ?14 WHERE"
		" id = ?1 RETURNING agent, tier, model, provider, made, price IS"
		" NOT NULL", e);
	const int64_t counts[] = { end->input, end->output, end->cached,
				   end->written, end->reasoning };
	int i, rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, row->id);
	sqlite3_bind_text(st, 2, states[end->state], -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, end->state == LEDGER_ESTIMATED
			   ? row->hold.money : end->cost);
	for (i = 0; i < 5; i++)
		sqlite3_bind_int64(st, 4 + i, counts[i]);
	sqlite3_bind_text(st, 9, end->request_id, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 10, end->error, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 11, end->now);
	sqlite3_bind_int64(st, 12, row->hold.money);
	sqlite3_bind_int64(st, 13, row->hold.tokens);
	sqlite3_bind_int64(st, 14, row->hold.calls);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		rc = count_entry(db, st, row->hold.money, end, e);
		break;
	case SQLITE_DONE:
		rc = err_set(e, ERR_DAMAGED, "a reservation is not in the ledger");
		break;
	default:
		rc = sqlite_err(db, e, "writing to the ledger");
	}
	sqlite3_reset(st);
	return rc;
}

int sqlite_end_claim(struct db *base, const struct ledger_end *told, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct ledger_end copy = *told, *end = &copy;
	struct open_row *row;
	int i, rc = 0;

	if (sqlite_budgets_of(db, e) == NULL)
		return ERR_NOMEM;
	/* how long its answer took is not known by who resolves it */
	if (end->late && end->error == NULL)
		end->error = "resolved";
	row = end->late ? sqlite_open_load(db, end->key, states[LEDGER_ESTIMATED], e)
			: sqlite_open_of(db, end->key, e);
	if (row == NULL)
		return e->code;
	/* undone, what was estimated is still none that is open */
	row->ended = end->late;
	if (sqlite_open_touch(db->budgets, row, false, e) != 0)
		return ERR_NOMEM;
	row->ended = true;
	db->budgets->ended++;
	/* an estimate counted what was held */
	for (i = 0; i < row->count && rc == 0; i++)
		rc = end_line(db, row, row->lines[i], end, row->hold, e);
	return rc != 0 ? rc : end_entry(db, row, end, e);
}

/* ---- recovery --------------------------------------------------------------------------- */

/* What an owner before us held has an unknown outcome: it counts as spent. But for calls of
 * a provider who bills a request once, however often it comes (`once` of its price): they
 * are asked again. */
#define ONCE "(l.price ->> 'once') IS 1"

int sqlite_recover_ledger(struct db *base, int64_t now_ms, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	char sql[1600];
	int rc = sqlite_budget_write(db, e);

	sqlite_budget_drop(db);
	if (rc != 0)
		return rc;
	snprintf(sql, sizeof(sql), "UPDATE budgets SET held = held - g.money,"
		" held_tokens = held_tokens - g.tokens, held_calls = held_calls -"
		" g.calls, spent = spent + g.paid, tokens = budgets.tokens +"
		" g.used, calls = budgets.calls + g.made, updated = %" PRId64
		" FROM (SELECT j.value AS budget, sum(l.money) AS money,"
		" sum(l.tokens) AS tokens, sum(l.calls) AS calls,"
		" sum(iif(" ONCE ", 0, l.money)) AS paid,"
		" sum(iif(" ONCE ", 0, l.tokens)) AS used,"
		" sum(iif(" ONCE ", 0, l.calls)) AS made FROM ledger l,"
		" json_each(l.lines) j WHERE l.state = 'reserved' AND l.epoch <"
		" %" PRId64 " GROUP BY j.value) AS g WHERE budgets.id = g.budget;"
		"UPDATE ledger AS l SET state = iif(" ONCE ", 'released', 'estimated'),"
		" cost = iif(" ONCE ", 0, money), input = 0,"
		" output = 0, cached = 0, error = 'the engine stopped before the"
		" outcome was known', ended = %" PRId64 " WHERE state = 'reserved'"
		" AND epoch < %" PRId64, now_ms, db->epoch, now_ms, db->epoch);
	rc = sqlite_rollup_recover(db, e);
	return rc != 0 ? rc : sqlite_run(db, sql, "recovering the ledger", e);
}
