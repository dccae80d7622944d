/* store_sqlite_budget.h -- budgets and open reservations as the writer keeps them. */
#ifndef KEEL_STORE_SQLITE_BUDGET_H
#define KEEL_STORE_SQLITE_BUDGET_H

#include "store_sqlite.h"

#define BUCKETS 1024		/* of each table                              */
#define ROWS_MOST 4096		/* kept behind a commit                       */

struct budget_row {
	struct budget_row *by_name, *by_id, *next_dirty;
	int64_t id, start, updated;
	struct ledger_sum limit, spent, held;
	bool dirty, is_new;
	uint32_t hash;
	const char *window;	/* behind scope, in text                      */
	char scope[];
};

/* A reservation that has not ended. */
struct open_row {
	struct open_row *next, *next_dirty;
	int64_t id;
	struct ledger_sum hold;
	bool dirty, ended;
	int count;
	uint32_t hash;
	char *key;		/* behind the lines                           */
	int64_t lines[];	/* ids of budgets                             */
};

struct undo {
	struct budget_row *budget;	/* or NULL, and then:                 */
	struct open_row *open;
	struct budget_row was;
	struct ledger_sum hold;
	bool dirty, ended;
};

struct sqlite_budgets {
	struct budget_row *names[BUCKETS], *ids[BUCKETS], *dirty;
	struct open_row *open[BUCKETS], *dirty_open;
	struct undo *undo;
	struct sqlite_sums *sums;	/* store_sqlite_rollup.h              */
	int undos, room, rows, ended;
	int64_t last_id;
	bool knows_last;
};

/* What the connection keeps, made when first needed. */
struct sqlite_budgets *sqlite_budgets_of(struct sqlite_db *db, struct err *e);

/* The budget of a line, made when there is none yet; the one of that number. NULL with
 * *e set. */
struct budget_row *sqlite_budget_of(struct sqlite_db *db,
				    const struct ledger_line *line, struct err *e);
struct budget_row *sqlite_budget_at(struct sqlite_db *db, int64_t id,
				    struct err *e);

/* The row is about to change. */
int sqlite_budget_touch(struct sqlite_budgets *b, struct budget_row *row,
			struct err *e);
/* The same, and whether what it holds is to be written with the group. */
int sqlite_open_touch(struct sqlite_budgets *b, struct open_row *row,
		      bool smaller, struct err *e);

/* Keep a reservation that was just written; the one of that key: ERR_CONFLICT when
 * there is none that is open; the same, read anew, of one that stands as `state`. */
struct open_row *sqlite_open_keep(struct sqlite_budgets *b, const char *key,
				  int64_t id, struct ledger_sum hold,
				  const int64_t *lines, int count, struct err *e);
struct open_row *sqlite_open_of(struct sqlite_db *db, const char *key,
				struct err *e);
struct open_row *sqlite_open_load(struct sqlite_db *db, const char *key,
				  const char *state, struct err *e);

/* Bind a number that is none when it is below 0. */
static inline void sqlite_bind_count(sqlite3_stmt *st, int at, int64_t n)
{
	if (n < 0)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_int64(st, at, n);
}

#endif
