/* store_sqlite_ledger.c -- tables and verbs of the money: ledger and budgets.
 *
 * ledger        one row for each attempt of a paid call, from its reservation on:
 *               state reserved -> settled (cost is what it cost)
 *                              -> estimated (nobody knows: cost is the bound)
 *                              -> released (nothing was sent, or nothing charged)
 * budgets       one row for each scope ("engine", "agent:x", "run:y"), window
 *               ("run", "min", "hour", "day", "month") and start of it: sums of
 *               the ledger rows that name it, kept in the same transaction
 *               (ledger.lines names the budgets that a row counts in)
 * budget_limits limits that a person set over those of the files
 *
 * Reserving and settling are in store_sqlite_budget.c.
 *
 * Money is integer pico-USD. A window is a row of its own, so nothing is ever
 * reset; what was reserved in a window is settled in that window. */
#include "store_sqlite.h"

#define BUDGET_LIMITS \
	"CREATE TABLE budget_limits(scope TEXT NOT NULL, span TEXT NOT NULL," \
	" money INTEGER, tokens INTEGER, calls INTEGER, who TEXT, at INTEGER NOT" \
	" NULL, PRIMARY KEY(scope, span)) WITHOUT ROWID;"

static const char schema[] =
"CREATE TABLE ledger(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, epoch"
" INTEGER NOT NULL, run, agent TEXT, seq INTEGER, attempt INTEGER NOT NULL,"
" tier TEXT, provider TEXT, model TEXT, state TEXT NOT NULL, money INTEGER NOT"
" NULL, tokens INTEGER NOT NULL, calls INTEGER NOT NULL, cost INTEGER, input"
" INTEGER, output INTEGER, cached INTEGER, price TEXT, request_id TEXT, error"
" TEXT, made INTEGER NOT NULL, ended INTEGER, lines TEXT NOT NULL DEFAULT '[]',"
" written INTEGER, reasoning INTEGER);"
"CREATE INDEX ledger_open ON ledger(epoch) WHERE state = 'reserved';"
"CREATE INDEX ledger_run ON ledger(run, seq) WHERE run IS NOT NULL;"
"CREATE INDEX ledger_made ON ledger(made);"

"CREATE TABLE budgets(id INTEGER PRIMARY KEY, scope TEXT NOT NULL, span TEXT"
" NOT NULL, start INTEGER NOT NULL, limit_money INTEGER, limit_tokens INTEGER,"
" limit_calls INTEGER, spent INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT"
" NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL,"
" held_tokens INTEGER NOT NULL, held_calls INTEGER NOT NULL, updated INTEGER"
" NOT NULL, UNIQUE(scope, span, start));"

BUDGET_LIMITS;

/* Of format 4. */
static const char upgrade_4[] =
"ALTER TABLE ledger ADD COLUMN lines TEXT NOT NULL DEFAULT '[]';"
"ALTER TABLE ledger ADD COLUMN written INTEGER;"
"ALTER TABLE ledger ADD COLUMN reasoning INTEGER;"
"UPDATE ledger SET lines = (SELECT json_group_array(ll.budget) FROM ledger_lines"
" ll WHERE ll.ledger = ledger.id);"
"DROP TABLE ledger_lines;"
BUDGET_LIMITS;

#define BUDGET_COLUMNS \
	"scope, span AS \"window\", start, limit_money, limit_tokens," \
	" limit_calls, spent, tokens, calls, held, held_tokens, held_calls," \
	" updated"

#define LEDGER_COLUMNS \
	"key, run, agent, seq, attempt, tier, provider, model, state, money," \
	" tokens, cost, input, output, cached, written, reasoning, price AS" \
	" \"price#json\"," \
	" request_id, error, made, ended"

static const struct sqlite_verb verbs[] = {
	{ "budget.get", "SELECT " BUDGET_COLUMNS " FROM budgets WHERE scope ="
	  " :scope AND span = :window AND start = :start", false },
	/* The current windows, and runs that still hold something or were busy
	 * today. */
	{ "budget.list", "SELECT " BUDGET_COLUMNS " FROM budgets WHERE (span ="
	  " 'month' AND start = :month) OR (span = 'day' AND start = :day) OR"
	  " (span = 'hour' AND start = :hour) OR (span = 'min' AND start ="
	  " :min) OR (span = 'run' AND (held > 0 OR updated >= :day)) ORDER BY"
	  " scope, span, start LIMIT 10000", false },
	/* Of these (but for minutes) those of which so great a part is used. */
	{ "budget.passed", "SELECT " BUDGET_COLUMNS " FROM budgets WHERE ((span ="
	  " 'month' AND start = :month) OR (span = 'day' AND start = :day) OR"
	  " (span = 'hour' AND start = :hour) OR (span = 'run' AND updated >="
	  " :day)) AND (spent >= limit_money * :part OR tokens >= limit_tokens *"
	  " :part OR calls >= limit_calls * :part) ORDER BY updated, id LIMIT"
	  " 10000", false },
	/* Budgets whose sums are not those of the ledger: none, ever. */
	{ "budget.check", "SELECT b.scope, b.span AS \"window\", b.start,"
	  " b.spent, g.spent AS ledger_spent, b.held, g.held AS ledger_held,"
	  " b.calls, g.calls AS ledger_calls FROM budgets b JOIN (SELECT j.value"
	  " AS budget, sum(coalesce(l.cost, 0)) AS spent, sum(iif(l.state ="
	  " 'reserved', l.money, 0)) AS held, sum(iif(l.state IN ('settled',"
	  " 'estimated'), l.calls, 0)) AS calls, sum(CASE l.state WHEN 'settled'"
	  " THEN l.input + l.output WHEN 'estimated' THEN l.tokens ELSE 0 END) AS"
	  " tokens FROM ledger l, json_each(l.lines) j GROUP BY j.value) g ON"
	  " g.budget = b.id WHERE b.spent != g.spent OR b.held != g.held OR"
	  " b.tokens != g.tokens OR b.calls != g.calls", false },

	{ "limit.put", "INSERT INTO budget_limits(scope, span, money, tokens, calls,"
	  " who, at) VALUES(:scope, :window, :money_opt, :tokens_opt, :calls_opt,"
	  " :who_opt, :now) ON CONFLICT(scope, span) DO UPDATE SET money ="
	  " excluded.money, tokens = excluded.tokens, calls = excluded.calls, who ="
	  " excluded.who, at = excluded.at", false },
	{ "limit.drop", "DELETE FROM budget_limits WHERE scope = :scope AND span ="
	  " :window", false },
	{ "limit.list", "SELECT scope, span AS \"window\", money, tokens, calls, who,"
	  " at FROM budget_limits ORDER BY scope, span", false },

	{ "ledger.get", "SELECT " LEDGER_COLUMNS " FROM ledger WHERE key ="
	  " :key", false },
	{ "ledger.of_run", "SELECT " LEDGER_COLUMNS " FROM ledger WHERE run ="
	  " :run ORDER BY id", false },
	/* The last paid calls of a run, and whether they were answered. */
	{ "ledger.last_calls", "SELECT seq, sum(state = 'settled' AND error IS NULL)"
	  " AS answered FROM ledger WHERE run = :run AND seq IS NOT NULL GROUP BY"
	  " seq ORDER BY seq DESC LIMIT :limit", false },
	{ "ledger.estimated", "SELECT " LEDGER_COLUMNS " FROM ledger WHERE state ="
	  " 'estimated' ORDER BY id DESC LIMIT :limit", false },
	{ "ledger.attempts", "SELECT count(*) AS n FROM ledger WHERE run = :run"
	  " AND seq = :seq", false },
	{ "ledger.list", "SELECT " LEDGER_COLUMNS " FROM ledger WHERE made >="
	  " :since ORDER BY id DESC LIMIT :limit", false },
	{ "ledger.sums", "SELECT agent, tier, model, state, count(*) AS calls,"
	  " sum(coalesce(cost, 0)) AS cost, sum(coalesce(input, 0)) AS input,"
	  " sum(coalesce(output, 0)) AS output, sum(coalesce(cached, 0)) AS"
	  " cached FROM ledger WHERE made >= :since AND made < :until GROUP BY"
	  " agent, tier, model, state ORDER BY agent, tier, model, state",
	  false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_ledger = { schema, verbs, NULL, NULL, upgrade_4, NULL, NULL };
