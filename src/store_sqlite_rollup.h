/* store_sqlite_rollup.h -- sums of calls, added to as calls end. */
#ifndef KEEL_STORE_SQLITE_ROLLUP_H
#define KEEL_STORE_SQLITE_ROLLUP_H

#include "store_sqlite.h"

struct sqlite_sums;		/* what a group adds, kept in db->budgets */

/* The call that ends, as its row of the ledger has it. */
struct rollup_call {
	const char *names[4];	/* agent, tier, model, provider; "" is none */
	int64_t made, held;
	bool priced;
};

/* Count an end. */
int sqlite_rollup_end(struct sqlite_db *db, const struct rollup_call *c,
		      const struct ledger_end *end, struct err *e);
/* As those of budgets (store_sqlite.h). NULL is none. */
void sqlite_rollup_mark(struct sqlite_sums *all);
void sqlite_rollup_undo(struct sqlite_sums *all);
void sqlite_rollup_drop(struct sqlite_sums *all);
void sqlite_rollup_release(struct sqlite_sums *all);
int sqlite_rollup_write(struct sqlite_db *db, struct err *e);

/* Count what an owner before us had reserved as estimated; right before it is. */
int sqlite_rollup_recover(struct sqlite_db *db, struct err *e);

#endif
