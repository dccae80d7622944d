/* ledger_row.h -- a reservation of money and its end, as the store is handed them.
 *
 * What a call may cost is held in each budget that it counts in (a line: a scope such
 * as "agent:triage", a window such as "day", and when that window began). Money is
 * integer pico-USD. Texts are borrowed; NULL is none. */
#ifndef KEEL_LEDGER_ROW_H
#define KEEL_LEDGER_ROW_H

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_LINES 32		/* budgets that one call counts in, at most */

struct ledger_sum {
	int64_t money, tokens, calls;
};

struct ledger_line {
	const char *scope, *window;
	int64_t start;			/* ms since 1970; 0 for a run's      */
	struct ledger_sum limit;	/* -1: none                          */
};

struct ledger_claim {
	const char *key;		/* names it, unique for ever         */
	const char *advance;		/* the key of a reservation that this
					 * one takes its sums from: they are
					 * held already, in the same lines   */
	const char *run, *agent, *tier, *provider, *model, *price;
	int64_t seq;			/* -1: none                          */
	int64_t attempt, now;
	struct ledger_sum hold;
	const struct ledger_line *lines;
	int count;
};

enum ledger_state { LEDGER_SETTLED, LEDGER_ESTIMATED, LEDGER_RELEASED };

struct ledger_end {
	const char *key, *request_id, *error;
	enum ledger_state state;
	bool late;			/* what was estimated is known now   */
	int64_t now;
	int64_t cost, input, output;	/* 0 unless settled                  */
	int64_t cached, written, reasoning;
};

/* "$0.0123" for a message: at least two decimals, nothing rounded. */
void ledger_money_text(int64_t picousd, char out[32]);

#endif
