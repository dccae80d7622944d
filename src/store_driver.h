/* store_driver.h -- what a database driver provides to store.c.
 *
 * A driver is one struct of functions; store.c owns the threads, the queues and
 * the grouping. Connections are used by one thread at a time. */
#ifndef KEEL_STORE_DRIVER_H
#define KEEL_STORE_DRIVER_H

#include "journal_row.h"
#include "ledger_row.h"
#include "store.h"

struct db {
	const struct store_driver *driver;
};

struct store_driver {
	/* Open a connection; the first writer makes or upgrades the tables,
	 * takes the lock and a new owner epoch. */
	int (*open)(struct db **out, const char *path, bool write,
		    struct err *e);
	void (*close)(struct db *db);

	/* The commit of a group. begin checks the owner epoch. */
	int (*begin)(struct db *db, struct err *e);
	int (*commit)(struct db *db, struct err *e);
	void (*rollback)(struct db *db);

	/* One transaction inside the group, so that it can fail alone. */
	int (*mark)(struct db *db, struct err *e);
	int (*unmark)(struct db *db, bool keep, struct err *e);

	/* Run a verb: bind the members of the object, append a codec array of
	 * rows to out (which may be NULL). */
	int (*verb)(struct db *db, const char *verb, const void *args,
		    size_t n, struct buf *out, struct err *e);

	/* The journal (see journal_row.h). */
	int (*append)(struct db *db, const struct journal_row *row,
		      struct err *e);
	/* Newest first from `lsn` back along `prev`; stop when `each` says so. */
	int (*walk)(struct db *db, int64_t lsn,
		    int (*each)(void *arg, const struct journal_row *row),
		    void *arg, struct err *e);

	/* The same, quicker: only lsn, run, prev, seq, kind, effect, name and t_ms
	 * are sure to be set; and whatever is behind a number that it cannot
	 * find is walked. */
	int (*skim)(struct db *db, int64_t lsn,
		    int (*each)(void *arg, const struct journal_row *row),
		    void *arg, struct err *e);

	/* The ledger (see budget.h for what is promised). reserve: ERR_BUDGET when
	 * a line has no room. settle: ERR_CONFLICT when it ended already. recover:
	 * what an earlier owner held counts as spent. */
	int (*reserve)(struct db *db, const struct ledger_claim *c, struct err *e);
	int (*settle)(struct db *db, const struct ledger_end *end, struct err *e);
	int (*recover)(struct db *db, int64_t now_ms, struct err *e);

	/* Highest log number and highest run id in use. */
	int (*tops)(struct db *db, int64_t *lsn, int64_t *id, struct err *e);

	/* Bytes of log that a checkpoint would move; and move them. */
	int64_t (*backlog)(struct db *db);
	int (*checkpoint)(struct db *db, struct err *e);

	/* Whether something was put off that wants doing soon, in a pause between
	 * commits; and do it. A driver that is never given a pause takes one. */
	bool (*owes)(struct db *db);
	void (*pay)(struct db *db);

	/* Outside of any commit: write the file anew without what was deleted
	 * (`whole`), and leave nothing in the log. ERR_CONFLICT when a reader
	 * held on to the log. */
	int (*tidy)(struct db *db, bool whole, struct err *e);

	/* The content of the store at `from`, as of one moment, into a new file;
	 * of another process's store, too. See store_copy. */
	int (*copy)(const char *from, const char *to, bool trial, struct err *e);
	/* Whether the store at `path` is whole. See store_check. */
	int (*check)(const char *path, bool thorough, struct err *e);
};

extern const struct store_driver store_sqlite;

#endif
