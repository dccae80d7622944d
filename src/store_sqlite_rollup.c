/* store_sqlite_rollup.c -- sums that pages and monitors ask for, kept with what they sum.
 *
 * rollup_calls  what paid calls cost and how they ended: by the span of time in which
 *               they were made, agent, tier, model, provider
 * rollup_runs   the same of runs, by when they ended, agent and state
 *
 * A span is a quarter of an hour, an hour or six, from 1970 in UTC: any day of any time
 * zone is made of some twenty of them. Each call counts in all three, in the transaction
 * that ends it. Calls are added up in memory and written with the group's commit (see
 * store_sqlite_budget.c); runs end more rarely, and have triggers. A row of the ledger or
 * of runs that goes for good leaves its sums as they are: it was spent.
 *
 * Time is counted for calls that were answered: b0 .. b14 are how many took no longer than
 * 10, 20, 40 ... 81,920 ms and more; of runs, b0 .. b13 no longer than 100, 200 ...
 * 409,600 ms and more, which is the buckets of OpenTelemetry. */
#include "store_sqlite_budget.h"

#include <stdlib.h>
#include <string.h>

#include "store_sqlite_rollup.h"

#define B15(x) x "0" x "1" x "2" x "3" x "4" x "5" x "6" x "7" x "8" x "9" x "10" \
	x "11" x "12" x "13" x "14"

#define CALL_KEY "span, start, agent, tier, model, provider"
#define CALL_SUMS "calls, failed, estimated, released, unpriced, input, output," \
	" cached, written, reasoning, cost, wasted, guessed, ms, answered"
#define CALL_BUCKETS B15(", b")

#define N " INTEGER NOT NULL DEFAULT 0"

#define TABLES \
"CREATE TABLE rollup_calls(span INTEGER NOT NULL, start INTEGER NOT NULL, agent TEXT" \
" NOT NULL, tier TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, calls" N \
", failed" N ", estimated" N ", released" N ", unpriced" N ", input" N ", output" N \
", cached" N ", written" N ", reasoning" N ", cost" N ", wasted" N ", guessed" N \
", ms" N ", answered" N ", b0" N ", b1" N ", b2" N ", b3" N ", b4" N ", b5" N ", b6" N \
", b7" N ", b8" N ", b9" N ", b10" N ", b11" N ", b12" N ", b13" N ", b14" N \
", PRIMARY KEY(span, start, agent, tier, model, provider)) WITHOUT ROWID;" \
"CREATE TABLE rollup_runs(span INTEGER NOT NULL, start INTEGER NOT NULL, agent TEXT" \
" NOT NULL, state TEXT NOT NULL, n" N ", cost" N ", ms" N ", b0" N ", b1" N ", b2" N \
", b3" N ", b4" N ", b5" N ", b6" N ", b7" N ", b8" N ", b9" N ", b10" N ", b11" N \
", b12" N ", b13" N ", PRIMARY KEY(span, start, agent, state)) WITHOUT ROWID;"

#define ADD(c) c " = " c " + excluded." c
#define ADD_CALL_BUCKETS ", " ADD("b0") ", " ADD("b1") ", " ADD("b2") ", " ADD("b3") \
	", " ADD("b4") ", " ADD("b5") ", " ADD("b6") ", " ADD("b7") ", " ADD("b8") \
	", " ADD("b9") ", " ADD("b10") ", " ADD("b11") ", " ADD("b12") ", " ADD("b13")
#define ADD_CALLS " ON CONFLICT DO UPDATE SET " ADD("calls") ", " ADD("failed") ", " \
	ADD("estimated") ", " ADD("released") ", " ADD("unpriced") ", " ADD("input") \
	", " ADD("output") ", " ADD("cached") ", " ADD("written") ", " \
	ADD("reasoning") ", " ADD("cost") ", " ADD("wasted") ", " ADD("guessed") ", " \
	ADD("ms") ", " ADD("answered") ADD_CALL_BUCKETS ", " ADD("b14")
#define ADD_RUNS " ON CONFLICT DO UPDATE SET " ADD("n") ", " ADD("cost") ", " \
	ADD("ms") ADD_CALL_BUCKETS

#define SPANS "(SELECT 900000 AS span UNION ALL SELECT 3600000 UNION ALL SELECT 21600000)"

/* The sums of a ledger's rows l, that ended. */
#define ANSWERED "l.state = 'settled' AND l.error IS NULL"
#define TOOK(from, to) "total(" ANSWERED " AND l.ended - l.made > " #from \
	" AND l.ended - l.made <= " #to ")"
#define W(x) "CAST(" x " AS INTEGER)"
#define CALLS_OF(rows) "SELECT s.span AS span, l.made / s.span * s.span AS start," \
	" coalesce(l.agent, '') AS agent, coalesce(l.tier, '') AS tier," \
	" coalesce(l.model, '') AS model, coalesce(l.provider, '') AS provider," \
	" count(*) AS calls, sum(NOT (" ANSWERED ")) AS failed, sum(l.state =" \
	" 'estimated') AS estimated, sum(l.state = 'released') AS released," \
	" sum(l.state = 'settled' AND l.price IS NULL AND coalesce(l.cost, 0) = 0)" \
	" AS unpriced, sum(coalesce(l.input, 0)) AS input, sum(coalesce(l.output," \
	" 0)) AS output, sum(coalesce(l.cached, 0)) AS cached," \
	" sum(coalesce(l.written, 0)) AS written, sum(coalesce(l.reasoning, 0)) AS" \
	" reasoning, sum(coalesce(l.cost, 0)) AS cost, sum(iif(" ANSWERED ", 0," \
	" coalesce(l.cost, 0))) AS wasted, sum(iif(l.state = 'estimated', l.cost," \
	" 0)) AS guessed, sum(iif(" ANSWERED ", max(l.ended - l.made, 0), 0)) AS" \
	" ms, sum(" ANSWERED ") AS answered, " \
	W("total(" ANSWERED " AND l.ended - l.made <= 10)") " AS b0, " \
	W(TOOK(10, 20)) " AS b1, " W(TOOK(20, 40)) " AS b2, " W(TOOK(40, 80)) \
	" AS b3, " W(TOOK(80, 160)) " AS b4, " W(TOOK(160, 320)) " AS b5, " \
	W(TOOK(320, 640)) " AS b6, " W(TOOK(640, 1280)) " AS b7, " \
	W(TOOK(1280, 2560)) " AS b8, " W(TOOK(2560, 5120)) " AS b9, " \
	W(TOOK(5120, 10240)) " AS b10, " W(TOOK(10240, 20480)) " AS b11, " \
	W(TOOK(20480, 40960)) " AS b12, " W(TOOK(40960, 81920)) " AS b13, " \
	W("total(" ANSWERED " AND l.ended - l.made > 81920)") " AS b14" \
	" FROM " rows " l, " SPANS " s WHERE l.state != 'reserved'" \
	" GROUP BY 1, 2, 3, 4, 5, 6"

/* The row of a run that ended, new or old. */
#define RAN(r, from, to) r ".active_ms > " #from " AND " r ".active_ms <= " #to
#define RUN_ROW(r, one, minus) "s.span, " r ".ended / s.span * s.span, " r ".agent, " r \
	".state, " one ", " minus r ".cost, " minus r ".active_ms, " \
	minus "(" r ".active_ms <= 100), " minus "(" RAN(r, 100, 200) "), " \
	minus "(" RAN(r, 200, 400) "), " minus "(" RAN(r, 400, 800) "), " \
	minus "(" RAN(r, 800, 1600) "), " minus "(" RAN(r, 1600, 3200) "), " \
	minus "(" RAN(r, 3200, 6400) "), " minus "(" RAN(r, 6400, 12800) "), " \
	minus "(" RAN(r, 12800, 25600) "), " minus "(" RAN(r, 25600, 51200) "), " \
	minus "(" RAN(r, 51200, 102400) "), " minus "(" RAN(r, 102400, 204800) "), " \
	minus "(" RAN(r, 204800, 409600) "), " minus "(" r ".active_ms > 409600)"
#define PUT_RUN "INSERT INTO rollup_runs SELECT "

/* "WHERE true": or an upsert's ON is taken for a join's. */
#define TRIGGERS \
"CREATE TRIGGER rollup_run_ended AFTER UPDATE OF ended ON runs WHEN new.ended IS NOT" \
" NULL AND old.ended IS NULL BEGIN " PUT_RUN RUN_ROW("new", "1", "") " FROM " SPANS \
" s WHERE true" ADD_RUNS "; END;" \
"CREATE TRIGGER rollup_run_reopened AFTER UPDATE OF ended ON runs WHEN new.ended IS" \
" NULL AND old.ended IS NOT NULL BEGIN " PUT_RUN RUN_ROW("old", "-1", "-") " FROM " \
SPANS " s WHERE true" ADD_RUNS "; END;"

static const char schema[] = TABLES TRIGGERS;

static const char upgrade_5[] = TABLES
"INSERT INTO rollup_calls " CALLS_OF("ledger") ";"
PUT_RUN RUN_ROW("r", "1", "") " FROM runs r, " SPANS " s WHERE r.ended IS NOT NULL"
ADD_RUNS ";"
TRIGGERS;

#define SUM(c) "sum(" c ") AS " c
#define SUM_CALLS SUM("calls") ", " SUM("failed") ", " SUM("estimated") ", " \
	SUM("released") ", " SUM("unpriced") ", " SUM("input") ", " SUM("output") ", " \
	SUM("cached") ", " SUM("written") ", " SUM("reasoning") ", " SUM("cost") ", " \
	SUM("wasted") ", " SUM("guessed") ", " SUM("ms") ", " SUM("answered")
#define SUM_B13 ", " SUM("b0") ", " SUM("b1") ", " SUM("b2") ", " SUM("b3") ", " \
	SUM("b4") ", " SUM("b5") ", " SUM("b6") ", " SUM("b7") ", " SUM("b8") ", " \
	SUM("b9") ", " SUM("b10") ", " SUM("b11") ", " SUM("b12") ", " SUM("b13")

/* Spans are given as a list of [span, from, before, number]; number comes back, so
 * that one question adds up many days. */
#define IN_SPANS(t) " FROM json_each(:spans_json) j JOIN " t " r ON r.span =" \
	" j.value ->> 0 AND r.start >= j.value ->> 1 AND r.start < j.value ->> 2"

static const struct sqlite_verb verbs[] = {
	{ "rollup.calls", "SELECT j.value ->> 3 AS number, iif(:by_agent, agent, NULL)"
	  " AS agent, iif(:by_tier, tier, NULL) AS tier, iif(:by_model, model, NULL)"
	  " AS model, iif(:by_model, provider, NULL) AS provider, " SUM_CALLS
	  IN_SPANS("rollup_calls") " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
	  false },
	/* What a page shows of them. By day without sorting what is summed, and by name
	 * without the days: sorting takes six times as long as reading. */
	{ "rollup.days", "SELECT j.value ->> 3 AS number, (SELECT sum(cost) FROM"
	  " rollup_calls r WHERE r.span = j.value ->> 0 AND r.start >= j.value ->> 1"
	  " AND r.start < j.value ->> 2) AS cost FROM json_each(:spans_json) j", false },
	{ "rollup.names", "SELECT agent, tier, model, " SUM("calls") ", " SUM("failed")
	  ", " SUM("input") ", " SUM("output") ", " SUM("cost") IN_SPANS("rollup_calls")
	  " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", false },
	{ "rollup.latency", "SELECT iif(:by_agent, agent, NULL) AS agent,"
	  " iif(:by_model, model, NULL) AS model, iif(:by_model, provider, NULL) AS"
	  " provider, " SUM("failed") ", " SUM("ms") ", "
	  SUM("answered") SUM_B13 ", " SUM("b14") IN_SPANS("rollup_calls")
	  " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", false },
	{ "rollup.runs", "SELECT j.value ->> 3 AS number, iif(:by_agent, agent, NULL)"
	  " AS agent, iif(:by_state, state, NULL) AS state, " SUM("n") ", "
	  SUM("cost") ", " SUM("ms") SUM_B13 IN_SPANS("rollup_runs")
	  " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", false },
	{ "rollup.began", "SELECT min(start) AS start FROM rollup_calls WHERE span ="
	  " 21600000", false },
	/* The same from the rows, for a run's or when it must be by run. */
	{ "rollup.by_run", "SELECT run, iif(:by_agent, agent, NULL) AS agent,"
	  " iif(:by_tier, tier, NULL) AS tier, iif(:by_model, model, NULL) AS model,"
	  " iif(:by_model, provider, NULL) AS provider, count(*) AS calls, sum(NOT ("
	  ANSWERED ")) AS failed, sum(state = 'estimated') AS estimated, sum(state ="
	  " 'released') AS released, sum(state = 'settled' AND price IS NULL AND"
	  " coalesce(cost, 0) = 0) AS unpriced, sum(coalesce(input, 0)) AS input,"
	  " sum(coalesce(output, 0)) AS output, sum(coalesce(cached, 0)) AS cached,"
	  " sum(coalesce(written, 0)) AS written, sum(coalesce(reasoning, 0)) AS"
	  " reasoning, sum(coalesce(cost, 0)) AS cost, sum(iif(" ANSWERED ", 0,"
	  " coalesce(cost, 0))) AS wasted, sum(iif(state = 'estimated', cost, 0)) AS"
	  " guessed FROM ledger l WHERE made >= :since AND made < :until AND state !="
	  " 'reserved' GROUP BY 1, 2, 3, 4, 5 ORDER BY cost DESC, calls DESC LIMIT"
	  " :limit", false },
	/* Sums that are not those of the rows: none, ever. Of runs, those that went for
	 * good are counted from what stays of them. */
	{ "rollup.check", "SELECT 'calls' AS what, span, start, agent, tier, model,"
	  " sum(calls) AS calls, sum(cost) AS cost FROM (SELECT *, 1 AS side FROM"
	  " rollup_calls UNION ALL SELECT *, 2 FROM (" CALLS_OF("ledger") ")) GROUP BY "
	  CALL_KEY ", " CALL_SUMS CALL_BUCKETS " HAVING count(*) != 2 AND"
	  " (calls != 0 OR cost != 0)"
	  " UNION ALL SELECT 'runs', a.span, a.start, a.agent, a.state, NULL, a.n,"
	  " a.cost FROM rollup_runs a LEFT JOIN (SELECT s.span AS span, r.ended /"
	  " s.span * s.span AS start, agent, state, count(*) AS n, sum(cost) AS cost"
	  " FROM (SELECT agent, state, cost, ended FROM runs UNION ALL SELECT agent,"
	  " state, cost, ended FROM tombstones) r, " SPANS " s WHERE r.ended IS NOT"
	  " NULL GROUP BY 1, 2, 3, 4) g USING(span, start, agent, state) WHERE"
	  " coalesce(g.n, 0) != a.n OR coalesce(g.cost, 0) != a.cost", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_rollup = { schema, verbs, NULL, NULL, NULL, upgrade_5, NULL };

/* ---- calls, as they end ------------------------------------------------------------- */

enum { CALLS, FAILED, ESTIMATED, RELEASED, UNPRICED, INPUT, OUTPUT, CACHED, WRITTEN,
       REASONING, COST, WASTED, GUESSED, MS, ANSWERS, BUCKET,
       SUMS = BUCKET + 15 };

/* What a group adds to the sums of one name. */
struct rollup_row {
	struct rollup_row *next;
	int64_t quarter;
	const char *names[4];		/* agent, tier, model, provider: in text */
	int64_t sum[SUMS];
	char text[];
};

/* What one end added, to be taken back when it is undone. */
struct rollup_part {
	struct rollup_row *row;
	int64_t sum[SUMS];
};

struct sqlite_sums {
	struct rollup_row *rows;
	struct rollup_part *parts;
	int count, room;
};

#define QUARTER_MS 900000

static struct rollup_row *row_of(struct sqlite_sums *all, int64_t quarter,
				 const char *const names[4], struct err *e)
{
	struct rollup_row *row;
	size_t n[4], size = 0;
	char *p;
	int i;

	for (row = all->rows; row != NULL; row = row->next) {
		for (i = 0; i < 4 && strcmp(row->names[i], names[i]) == 0; i++)
			;
		if (i == 4 && row->quarter == quarter)
			return row;
	}
	for (i = 0; i < 4; i++)
		size += n[i] = strlen(names[i]) + 1;
	row = calloc(1, sizeof(*row) + size);
	if (row == NULL) {
		err_set(e, ERR_NOMEM, "no memory for the ledger");
		return NULL;
	}
	for (i = 0, p = row->text; i < 4; p += n[i++])
		row->names[i] = memcpy(p, names[i], n[i]);
	row->quarter = quarter;
	row->next = all->rows;
	all->rows = row;
	return row;
}

static struct rollup_part *new_part(struct sqlite_sums *all, struct err *e)
{
	struct rollup_part *more;
	int room = all->room != 0 ? 2 * all->room : 16;

	if (all->count == all->room) {
		more = realloc(all->parts, (size_t)room * sizeof(*more));
		if (more == NULL) {
			err_set(e, ERR_NOMEM, "no memory for the ledger");
			return NULL;
		}
		all->parts = more;
		all->room = room;
	}
	memset(&all->parts[all->count], 0, sizeof(*all->parts));
	return &all->parts[all->count];
}

static int bucket_of(int64_t ms)
{
	int64_t bound = 10;
	int i = 0;

	while (i < 14 && ms > bound) {
		bound *= 2;
		i++;
	}
	return i;
}

static void count_end(int64_t s[SUMS], const struct rollup_call *c,
		      const struct ledger_end *end)
{
	bool settled = end->state == LEDGER_SETTLED;
	bool answered = settled && end->error == NULL;
	int64_t cost = end->state == LEDGER_ESTIMATED ? c->held : end->cost;
	int64_t ms = end->now > c->made ? end->now - c->made : 0;

	s[CALLS] = 1;
	s[FAILED] = !answered;
	s[ESTIMATED] = end->state == LEDGER_ESTIMATED;
	s[RELEASED] = end->state == LEDGER_RELEASED;
	s[UNPRICED] = settled && !c->priced && cost == 0;
	s[INPUT] = end->input;
	s[OUTPUT] = end->output;
	s[CACHED] = end->cached;
	s[WRITTEN] = end->written;
	s[REASONING] = end->reasoning;
	s[COST] = cost;
	s[WASTED] = answered ? 0 : cost;
	s[GUESSED] = s[ESTIMATED] ? cost : 0;
	if (!answered)
		return;
	s[MS] = ms;
	s[ANSWERS] = 1;
	s[BUCKET + bucket_of(ms)] = 1;
}

int sqlite_rollup_end(struct sqlite_db *db, const struct rollup_call *c,
		      const struct ledger_end *end, struct err *e)
{
	struct sqlite_sums *all = db->budgets->sums;
	struct rollup_part *part;
	int i;

	if (all == NULL)
		all = db->budgets->sums = calloc(1, sizeof(*all));
	if (all == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the ledger");
	part = new_part(all, e);
	if (part == NULL)
		return ERR_NOMEM;
	part->row = row_of(all, c->made / QUARTER_MS * QUARTER_MS, c->names, e);
	if (part->row == NULL)
		return ERR_NOMEM;
	count_end(part->sum, c, end);
	if (end->late) {	/* it counted as an estimate */
		part->sum[CALLS]--;
		part->sum[FAILED]--;
		part->sum[ESTIMATED]--;
		part->sum[COST] -= c->held;
		part->sum[WASTED] -= c->held;
		part->sum[GUESSED] -= c->held;
	}
	for (i = 0; i < SUMS; i++)
		part->row->sum[i] += part->sum[i];
	all->count++;
	return 0;
}

void sqlite_rollup_mark(struct sqlite_sums *all)
{
	if (all != NULL)
		all->count = 0;
}

void sqlite_rollup_undo(struct sqlite_sums *all)
{
	struct rollup_part *part;
	int i;

	while (all != NULL && all->count > 0) {
		part = &all->parts[--all->count];
		for (i = 0; i < SUMS; i++)
			part->row->sum[i] -= part->sum[i];
	}
}

void sqlite_rollup_drop(struct sqlite_sums *all)
{
	struct rollup_row *row;

	if (all == NULL)
		return;
	while ((row = all->rows) != NULL) {
		all->rows = row->next;
		free(row);
	}
	all->count = 0;
}

void sqlite_rollup_release(struct sqlite_sums *all)
{
	sqlite_rollup_drop(all);
	if (all != NULL)
		free(all->parts);
	free(all);
}

#define Q15 "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

static int write_row(struct sqlite_db *db, const struct rollup_row *row, struct err *e)
{
	static const int64_t spans[] = { QUARTER_MS, 4 * QUARTER_MS, 24 * QUARTER_MS };
	sqlite3_stmt *st = sqlite_kept(db, ROLLUP_ADD, "INSERT INTO rollup_calls("
		CALL_KEY ", " CALL_SUMS CALL_BUCKETS ") VALUES(?, ?, ?, ?, ?, ?, "
		Q15 ", " Q15 ")" ADD_CALLS, e);
	int i, rc = 0;

	for (i = 0; i < SUMS && row->sum[i] == 0; i++)
		;
	if (i == SUMS)		/* all of it was undone */
		return 0;
	if (st == NULL)
		return ERR_IO;
	for (i = 0; i < 4; i++)
		sqlite3_bind_text(st, 3 + i, row->names[i], -1, SQLITE_STATIC);
	for (i = 0; i < SUMS; i++)
		sqlite3_bind_int64(st, 7 + i, row->sum[i]);
	for (i = 0; i < 3 && rc == 0; i++) {
		sqlite3_bind_int64(st, 1, spans[i]);
		sqlite3_bind_int64(st, 2, row->quarter / spans[i] * spans[i]);
		if (sqlite3_step(st) != SQLITE_DONE)
			rc = sqlite_err(db, e, "writing sums");
		sqlite3_reset(st);
	}
	return rc;
}

int sqlite_rollup_write(struct sqlite_db *db, struct err *e)
{
	struct sqlite_sums *all = db->budgets->sums;
	struct rollup_row *row;
	int rc = 0;

	for (row = all != NULL ? all->rows : NULL; row != NULL && rc == 0;
	     row = row->next)
		rc = write_row(db, row, e);
	/* written, they must not be written again */
	if (rc == 0)
		sqlite_rollup_drop(all);
	return rc;
}

int sqlite_rollup_recover(struct sqlite_db *db, struct err *e)
{
	char *sql = sqlite3_mprintf("INSERT INTO rollup_calls " CALLS_OF("(SELECT agent,"
		" tier, model, provider, price, made, made AS ended, 'estimated' AS"
		" state, '' AS error, money AS cost, 0 AS input, 0 AS output, 0 AS"
		" cached, 0 AS written, 0 AS reasoning FROM ledger WHERE state ="
		" 'reserved' AND epoch < %lld AND (price ->> 'once') IS NOT 1)")
		ADD_CALLS, (long long)db->epoch);
	int rc = sql == NULL ? err_set(e, ERR_NOMEM, "no memory for the ledger")
			     : sqlite_run(db, sql, "recovering the ledger", e);

	sqlite3_free(sql);
	return rc;
}
