/* store_sqlite.h -- shared by the SQLite driver's own files; nobody else.
 *
 * A verb is a row of a table: its name and one SQL statement, prepared once a
 * connection. `:field` is bound from the object's member of that name; a field
 * spelt `:field_opt` may be missing (NULL), any other must be there. Members
 * that are lists or objects are bound as JSON text when the field's name ends in
 * `_json`, else as codec bytes (a BLOB). In a result, a column named `x#codec`
 * is a BLOB of codec bytes given as the value it holds, `x#json` is JSON text
 * given as its value; `x#bool` an integer given as a boolean. */
#ifndef KEEL_STORE_SQLITE_H
#define KEEL_STORE_SQLITE_H

#include <sqlite3.h>

#include "store_driver.h"

struct sqlite_verb {
	const char *name;
	const char *sql;
	bool must_change;	/* ERR_CONFLICT when no row was changed */
};

/* A part of the schema: statements that make its tables (run once, inside the
 * transaction that makes the store), its verbs, ended by a NULL name, and what
 * brings the tables of the format before (1) to this one, or NULL. */
struct sqlite_part {
	const char *schema;
	const struct sqlite_verb *verbs;
	const char *upgrade;
};

extern const struct sqlite_part sqlite_runs, sqlite_records, sqlite_memory,
	sqlite_ledger, sqlite_steps, sqlite_bus, sqlite_schedules;

#define SQLITE_KEPT 6

struct sqlite_db {
	struct db db;
	sqlite3 *h;
	struct sqlite_slot *slots;	/* prepared statements, by verb */
	sqlite3_stmt *append, *row, *skim, *epoch_of, *kept[SQLITE_KEPT];
	int64_t epoch;
	int64_t scan_at;		/* where the cursor of `row` stands, or 0 */
	int lock_fd;
	int64_t wal_pages;
	int64_t log_bytes;		/* of the log's file, as far as known  */
	struct sqlite_memory *memory;	/* statements of memory */
};

/* The connection of a db that this driver opened. */
static inline struct sqlite_db *sqlite_of(struct db *db)
{
	return (struct sqlite_db *)db;
}

/* Called when a connection closes. */
void sqlite_memory_release(struct sqlite_db *db);

/* Turn SQLite's complaint into ours: full, locked, damaged, io, nomem. */
int sqlite_err(struct sqlite_db *db, struct err *e, const char *what);

/* Make the store ours among processes until we end, however we end: ERR_LOCKED names
 * the process that has it. */
int sqlite_lock(struct sqlite_db *db, const char *path, struct err *e);

/* The settings of the library as a whole, before its first use. */
void sqlite_settle(void);

/* Whether what SQLite just took for a broken disk is one without room for us. */
bool sqlite_no_room(struct sqlite_db *db);

/* The journal row of that number: SQLITE_ROW, SQLITE_DONE when there is none, or an
 * error (then e is set). The row is borrowed until the next call. Quick when called
 * with falling numbers; after the last, sqlite_scan_end(). */
int sqlite_scan_row(struct sqlite_db *db, int64_t lsn, struct journal_row *row,
		    struct err *e);
void sqlite_scan_end(struct sqlite_db *db);
/* store_driver's skim */
int sqlite_skim(struct db *base, int64_t lsn,
		int (*each)(void *arg, const struct journal_row *row), void *arg,
		struct err *e);

/* After a commit: make the log's file longer when it is about to be full. */
void sqlite_log_room(struct sqlite_db *db);

/* A statement for code that is more than a verb: prepared once a connection and
 * reset when handed out again. `*slot` belongs to the connection. */
sqlite3_stmt *sqlite_prepare(struct sqlite_db *db, const char *sql,
			     struct err *e);

#endif
