/* store_sqlite_ledger.c -- tables and verbs of the money: ledger and budgets.
 *
 * ledger        one row for each attempt of a paid call, from its reservation on:
 *               state reserved -> settled (cost is what it cost)
 *                              -> estimated (nobody knows: cost is the bound)
 *                              -> released (nothing was sent, or nothing charged)
 * budgets       one row for each scope ("engine", "agent:x", "run:y"), window
 *               ("run", "min", "hour", "day", "month") and start of it: sums of
 *               the ledger rows that name it, kept in the same transaction
 * ledger_lines  which budgets a ledger row counts in
 *
 * Money is integer pico-USD. A window is a row of its own, so nothing is ever
 * reset; what was reserved in a window is settled in that window. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE ledger(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, epoch"
" INTEGER NOT NULL, run, agent TEXT, seq INTEGER, attempt INTEGER NOT NULL,"
" tier TEXT, provider TEXT, model TEXT, state TEXT NOT NULL, money INTEGER NOT"
" NULL, tokens INTEGER NOT NULL, calls INTEGER NOT NULL, cost INTEGER, input"
" INTEGER, output INTEGER, cached INTEGER, price TEXT, request_id TEXT, error"
" TEXT, made INTEGER NOT NULL, ended INTEGER);"
"CREATE INDEX ledger_open ON ledger(epoch) WHERE state = 'reserved';"
"CREATE INDEX ledger_run ON ledger(run, seq) WHERE run IS NOT NULL;"
"CREATE INDEX ledger_made ON ledger(made);"

"CREATE TABLE budgets(id INTEGER PRIMARY KEY, scope TEXT NOT NULL, span TEXT"
" NOT NULL, start INTEGER NOT NULL, limit_money INTEGER, limit_tokens INTEGER,"
" limit_calls INTEGER, spent INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT"
" NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL,"
" held_tokens INTEGER NOT NULL, held_calls INTEGER NOT NULL, updated INTEGER"
" NOT NULL, UNIQUE(scope, span, start));"

"CREATE TABLE ledger_lines(ledger INTEGER NOT NULL, budget INTEGER NOT NULL,"
" PRIMARY KEY(ledger, budget)) WITHOUT ROWID;";

#define EPOCH "(SELECT value FROM meta WHERE key = 'epoch')"

#define BUDGET_COLUMNS \
	"scope, span AS \"window\", start, limit_money, limit_tokens," \
	" limit_calls, spent, tokens, calls, held, held_tokens, held_calls," \
	" updated"

#define LEDGER_COLUMNS \
	"key, run, agent, seq, attempt, tier, provider, model, state, money," \
	" tokens, cost, input, output, cached, price AS \"price#json\"," \
	" request_id, error, made, ended"

#define FITS(sums, limit, more) \
	"(:" limit "_opt IS NULL OR " sums ":" more " <= :" limit "_opt)"

static const struct sqlite_verb verbs[] = {
	{ "ledger.put", "INSERT INTO ledger(key, epoch, run, agent, seq,"
	  " attempt, tier, provider, model, state, money, tokens, calls, price,"
	  " made) VALUES(:key, " EPOCH ", :run_opt, :agent_opt, :seq_opt,"
	  " :attempt, :tier_opt, :provider_opt, :model_opt, 'reserved', :money,"
	  " :tokens, :calls, :price_json_opt, :now)", false },

	/* Hold money, tokens and calls in one budget, when they fit beside
	 * what is spent and held there. */
	{ "budget.hold", "INSERT INTO budgets(scope, span, start, limit_money,"
	  " limit_tokens, limit_calls, held, held_tokens, held_calls, updated)"
	  " SELECT :scope, :window, :start, :limit_money_opt,"
	  " :limit_tokens_opt, :limit_calls_opt, :money, :tokens, :calls, :now"
	  " WHERE " FITS("", "limit_money", "money")
	  " AND " FITS("", "limit_tokens", "tokens")
	  " AND " FITS("", "limit_calls", "calls")
	  " ON CONFLICT(scope, span, start) DO UPDATE SET limit_money ="
	  " excluded.limit_money, limit_tokens = excluded.limit_tokens,"
	  " limit_calls = excluded.limit_calls, held = held + excluded.held,"
	  " held_tokens = held_tokens + excluded.held_tokens, held_calls ="
	  " held_calls + excluded.held_calls, updated = excluded.updated"
	  " WHERE " FITS("spent + held + ", "limit_money", "money")
	  " AND " FITS("tokens + held_tokens + ", "limit_tokens", "tokens")
	  " AND " FITS("calls + held_calls + ", "limit_calls", "calls"),
	  true },
	{ "ledger.line", "INSERT INTO ledger_lines(ledger, budget) SELECT l.id,"
	  " b.id FROM ledger l, budgets b WHERE l.key = :key AND b.scope ="
	  " :scope AND b.span = :window AND b.start = :start", true },

	/* Turn what was held into what was spent; before ledger.settle. */
	{ "budget.settle", "UPDATE budgets SET held = held - g.money,"
	  " held_tokens = held_tokens - g.tokens, held_calls = held_calls -"
	  " g.calls, spent = spent + CASE :state WHEN 'estimated' THEN g.money"
	  " ELSE :cost END, tokens = budgets.tokens + CASE :state WHEN"
	  " 'estimated' THEN g.tokens ELSE :input + :output END, calls ="
	  " budgets.calls + CASE :state WHEN 'released' THEN 0 ELSE g.calls END,"
	  " updated = :now FROM (SELECT ll.budget, l.money, l.tokens, l.calls"
	  " FROM ledger l JOIN ledger_lines ll ON ll.ledger = l.id WHERE l.key ="
	  " :key AND l.state = 'reserved') AS g WHERE budgets.id = g.budget",
	  false },
	{ "ledger.settle", "UPDATE ledger SET state = :state, cost = CASE"
	  " :state WHEN 'estimated' THEN money ELSE :cost END, input = :input,"
	  " output = :output, cached = :cached, request_id = :request_id_opt,"
	  " error = :error_opt, ended = :now WHERE key = :key AND state ="
	  " 'reserved'", true },

	/* What an owner before us held has an unknown outcome: it counts as
	 * spent. In this order. */
	{ "budget.recover", "UPDATE budgets SET held = held - g.money,"
	  " held_tokens = held_tokens - g.tokens, held_calls = held_calls -"
	  " g.calls, spent = spent + g.money, tokens = budgets.tokens +"
	  " g.tokens, calls = budgets.calls + g.calls, updated = :now FROM"
	  " (SELECT ll.budget, sum(l.money) AS money, sum(l.tokens) AS tokens,"
	  " sum(l.calls) AS calls FROM ledger l JOIN ledger_lines ll ON"
	  " ll.ledger = l.id WHERE l.state = 'reserved' AND l.epoch < " EPOCH
	  " GROUP BY ll.budget) AS g WHERE budgets.id = g.budget", false },
	{ "ledger.recover", "UPDATE ledger SET state = 'estimated', cost ="
	  " money, error = 'the engine stopped before the outcome was known',"
	  " ended = :now WHERE state = 'reserved' AND epoch < " EPOCH, false },

	{ "budget.get", "SELECT " BUDGET_COLUMNS " FROM budgets WHERE scope ="
	  " :scope AND span = :window AND start = :start", false },
	/* The current windows, and runs that still hold something or were busy
	 * today. */
	{ "budget.list", "SELECT " BUDGET_COLUMNS " FROM budgets WHERE (span ="
	  " 'month' AND start = :month) OR (span = 'day' AND start = :day) OR"
	  " (span = 'hour' AND start = :hour) OR (span = 'min' AND start ="
	  " :min) OR (span = 'run' AND (held > 0 OR updated >= :day)) ORDER BY"
	  " scope, span, start LIMIT 10000", false },
	/* Budgets whose sums are not those of the ledger: none, ever. */
	{ "budget.check", "SELECT b.scope, b.span AS \"window\", b.start,"
	  " b.spent, g.spent AS ledger_spent, b.held, g.held AS ledger_held"
	  " FROM budgets b JOIN (SELECT ll.budget, sum(coalesce(l.cost, 0)) AS"
	  " spent, sum(iif(l.state = 'reserved', l.money, 0)) AS held,"
	  " sum(CASE l.state WHEN 'settled' THEN l.input + l.output WHEN"
	  " 'estimated' THEN l.tokens ELSE 0 END) AS tokens FROM ledger_lines ll"
	  " JOIN ledger l ON l.id = ll.ledger GROUP BY ll.budget) g ON g.budget"
	  " = b.id WHERE b.spent != g.spent OR b.held != g.held OR b.tokens !="
	  " g.tokens", false },

	{ "ledger.get", "SELECT " LEDGER_COLUMNS " FROM ledger WHERE key ="
	  " :key", false },
	{ "ledger.of_run", "SELECT " LEDGER_COLUMNS " FROM ledger WHERE run ="
	  " :run ORDER BY id", false },
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

const struct sqlite_part sqlite_ledger = { schema, verbs, NULL, NULL };
