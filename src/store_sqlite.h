/* store_sqlite.h -- shared by the SQLite driver's own files; nobody else.
 *
 * A verb is a row of a table: its name and one SQL statement, prepared once a
 * connection. `:field` is bound from the object's member of that name; a field
 * spelt `:field_opt` may be missing (NULL), any other must be there. Members
 * that are lists or objects are bound as JSON text when the field's name ends in
 * `_json`, else as codec bytes (a BLOB). A field spelt `:field_codec_shared` (and
 * `_opt` behind it, perhaps) is bound from `field_codec`; what is large goes into
 * the table of payloads, once, and a reference is bound instead. In a result, a
 * column named `x#codec` is a BLOB of codec bytes, or a reference to some, given as
 * the value it holds, `x#json` is JSON text given as its value; `x#bool` an integer
 * given as a boolean.
 *
 * A reference is a BLOB of 33 bytes: PAYLOAD_MARK, which begins no codec value, and
 * the SHA-256 of the payload. payloads.refs counts the references that lie in
 * journal, segments, runs, approvals and events: whoever writes one into a journal
 * or a segment counts it, triggers count the others and everything that goes. So a
 * column that holds references has its triggers in store_sqlite_payload.c. */
#ifndef KEEL_STORE_SQLITE_H
#define KEEL_STORE_SQLITE_H

#include <sqlite3.h>

#include "store_driver.h"

#define BUSY_MS 5000		/* how long another process is waited for */

struct sqlite_verb {
	const char *name;
	const char *sql;
	bool must_change;	/* ERR_CONFLICT when no row was changed */
};

/* A part of the schema: statements that make its tables (run once, inside the
 * transaction that makes the store), its verbs, ended by a NULL name, and what
 * brings the tables of format 1 to format 2, those of 2 to 3, of 3 to 4, of 4 to 5,
 * of 5 to 6, or NULL. */
struct sqlite_part {
	const char *schema;
	const struct sqlite_verb *verbs;
	const char *upgrade, *upgrade_3, *upgrade_4, *upgrade_5, *upgrade_6;
};

extern const struct sqlite_part sqlite_runs, sqlite_records, sqlite_memory,
	sqlite_ledger, sqlite_steps, sqlite_bus, sqlite_schedules,
	sqlite_payloads, sqlite_archive, sqlite_purge, sqlite_approvals,
	sqlite_audit, sqlite_rollup, sqlite_mailboxes;

/* Statements of C code that is more than a verb, kept prepared by a connection. */
enum sqlite_statement {
	JOURNAL_APPEND, JOURNAL_ROW, JOURNAL_DELETE, SEGMENT_AT, SEGMENT_IN,
	SEGMENT_PUT, PAYLOAD_GET, PAYLOAD_PUT, PAYLOAD_COUNT, PAYLOAD_PACK,
	JOURNAL_SCAN, JOURNAL_SKIM, SAY_BEGIN, SAY_COMMIT, SAY_MARK, SAY_KEEP,
	SAY_UNDO, BUDGET_OF_LINE, BUDGET_OF_ID, BUDGET_PUT, BUDGET_SET,
	LEDGER_OPEN, LEDGER_PUT, LEDGER_END, LEDGER_HOLD, AUDIT_LAST,
	AUDIT_NOTE, ROLLUP_ADD,
	SQLITE_STATEMENTS
};

/* The end of the audit trail, as the writer knows it. */
struct sqlite_audit {
	bool known;			/* id, time and hash are the last row's       */
	bool added;			/* to be committed                            */
	bool broken;			/* the last anchor does not fit: no more      */
	int64_t id, time_ms;
	unsigned char hash[32];
	char *anchors;			/* the file's name, or NULL                   */
	int64_t anchored, noted;	/* the last row that is; that the store says  */
	size_t thin_at;
	int64_t owed_us, try_us;	/* since when, 0 for not; not before          */
};

struct sqlite_db {
	struct db db;
	sqlite3 *h;
	struct sqlite_slot *slots;	/* prepared statements, by verb */
	sqlite3_stmt *epoch_of, *kept[SQLITE_STATEMENTS];
	int64_t epoch;
	int64_t scan_at;		/* where sqlite_scan_row stands, or 0 */
	int lock_fd;
	int64_t wal_pages;
	int64_t log_bytes;		/* of the log's file, as far as known  */
	struct sqlite_memory *memory;	/* statements of memory */
	struct sqlite_budgets *budgets;	/* sums that a group changes */
	struct sqlite_audit audit;
};

/* The connection of a db that this driver opened. */
static inline struct sqlite_db *sqlite_of(struct db *db)
{
	return (struct sqlite_db *)db;
}

/* Called when a connection closes. */
void sqlite_memory_release(struct sqlite_db *db);
/* Called when what was written last may be undone: names that were found are to be
 * looked for anew. */
void sqlite_memory_doubt(struct sqlite_db *db);

/* ---- reservations (store_sqlite_budget.c) -------------------------------- */

/* store_driver's. */
int sqlite_reserve(struct db *base, const struct ledger_claim *c, struct err *e);
int sqlite_end_claim(struct db *base, const struct ledger_end *end, struct err *e);
int sqlite_recover_ledger(struct db *base, int64_t now_ms, struct err *e);
/* A transaction begins that may be undone alone; it is; what changed is written,
 * before a commit; that was made; or all of it is not to be believed. */
void sqlite_budget_mark(struct sqlite_db *db);
void sqlite_budget_undo(struct sqlite_db *db);
int sqlite_budget_write(struct sqlite_db *db, struct err *e);
void sqlite_budget_committed(struct sqlite_db *db);
void sqlite_budget_drop(struct sqlite_db *db);
/* Called when a connection closes. */
void sqlite_budget_release(struct sqlite_db *db);

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
/* The columns of the journal in their order, as sqlite_scan_row selects them. */
void sqlite_load_row(sqlite3_stmt *st, struct journal_row *row);
/* store_driver's skim */
int sqlite_skim(struct db *base, int64_t lsn,
		int (*each)(void *arg, const struct journal_row *row), void *arg,
		struct err *e);

/* After a commit: make the log's file longer when it is about to be full. */
void sqlite_log_room(struct sqlite_db *db);
/* store_driver's: how much is in the log, and moving it into the store. */
int64_t sqlite_backlog(struct db *base);
int sqlite_checkpoint(struct db *base, struct err *e);
int sqlite_tidy(struct db *base, bool whole, struct err *e);

/* A statement for code that is more than a verb: prepared once a connection and
 * reset when handed out again. `*slot` belongs to the connection. */
sqlite3_stmt *sqlite_prepare(struct sqlite_db *db, const char *sql,
			     struct err *e);

/* The kept statement `which`, whose text is `sql`; NULL with *e set. Reset it. */
sqlite3_stmt *sqlite_kept(struct sqlite_db *db, enum sqlite_statement which,
			  const char *sql, struct err *e);

/* Run statements that give no rows; one number of a question (0 for none). */
int sqlite_run(struct sqlite_db *db, const char *sql, const char *what,
	       struct err *e);
int64_t sqlite_number(struct sqlite_db *db, const char *sql);

/* Whether an event `e` is on its way still: an agent or a run may need its payload. */
#define SQLITE_EVENT_OPEN \
	"(e.state = 'new' OR EXISTS (SELECT 1 FROM deliveries d LEFT JOIN" \
	" deliveries c ON c.id = d.carrier WHERE d.event = e.id AND" \
	" coalesce(c.state, d.state) IN ('waiting', 'blocked', 'queued'," \
	" 'dead')) OR EXISTS (SELECT 1 FROM waits w WHERE w.event = e.id))"

/* ---- payloads (store_sqlite_payload.c) ----------------------------------- */

#define PAYLOAD_MARK 0x10
#define PAYLOAD_REF 33		/* bytes of a reference                        */
#define PAYLOAD_INLINE 1024	/* what is not larger lies where it belongs    */

/* Register what the verbs use in SQL: keel_payload, keel_has,
 * keel_segment_has, keel_sha256. */
int sqlite_payload_functions(struct sqlite_db *db, struct err *e);

static inline bool sqlite_is_ref(const void *p, size_t n)
{
	return n == PAYLOAD_REF && ((const unsigned char *)p)[0] == PAYLOAD_MARK;
}

/* Keep the n bytes as a payload, with `refs` more references to it, and make the
 * reference. */
int sqlite_payload_put(struct sqlite_db *db, const void *p, size_t n, int refs,
		       unsigned char ref[PAYLOAD_REF], struct err *e);

/* Append to out what a reference stands for. ERR_DAMAGED when it is not there. */
int sqlite_payload_get(struct sqlite_db *db, const unsigned char *ref,
		       struct buf *out, struct err *e);

/* Count `more` references (or fewer) for each of the n hashes that lie one behind
 * the other. */
int sqlite_payload_count(struct sqlite_db *db, const unsigned char *hashes,
			 size_t n, int more, struct err *e);

/* Pack the payload of a hash where it lies, when that makes it smaller. */
int sqlite_payload_pack(struct sqlite_db *db, const unsigned char *hash,
			struct err *e);

/* ---- the audit trail (store_sqlite_audit.c) ------------------------------ */

/* Register keel_audit_next, keel_audit_seal, keel_audit_digest, keel_audit_left. */
int sqlite_audit_functions(struct sqlite_db *db, struct err *e);
/* The writer opens: is the trail what it was when it was last anchored? */
int sqlite_audit_open(struct sqlite_db *db, const char *path, struct err *e);
void sqlite_audit_release(struct sqlite_db *db);
/* What was written last is undone; or it is true. */
void sqlite_audit_doubt(struct sqlite_db *db);
/* Before a commit, and behind it. */
int sqlite_audit_committing(struct sqlite_db *db, struct err *e);
void sqlite_audit_committed(struct sqlite_db *db);
/* store_driver's: an anchor is due. */
bool sqlite_audit_owes(struct db *base);
void sqlite_audit_pay(struct db *base);

/* ---- the journal (store_sqlite_journal.c) -------------------------------- */

int sqlite_append(struct db *db, const struct journal_row *row, struct err *e);
int sqlite_walk(struct db *db, int64_t lsn,
		int (*each)(void *arg, const struct journal_row *row), void *arg,
		struct err *e);
int sqlite_tops(struct db *db, int64_t *lsn, int64_t *id, struct err *e);

/* One record as it lies in the table journal, references and all: SQLITE_ROW,
 * SQLITE_DONE when it is not there. Valid until the statement, which is left in
 * *st, is reset. */
int sqlite_journal_row(struct sqlite_db *db, int64_t lsn, sqlite3_stmt **st,
		       struct journal_row *row, struct err *e);

/* See store_driver.h. */
int sqlite_copy(const char *from, const char *to, bool trial, struct err *e);
int sqlite_check(const char *path, bool thorough, struct err *e);

#endif
