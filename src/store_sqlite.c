/* store_sqlite.c -- the SQLite driver: connections, commits, verbs.
 *
 * Settings, and why: WAL, so that readers never wait for the writer;
 * synchronous=FULL, so that a commit survives power loss; no automatic
 * checkpoint, because it would move the log inside somebody's step (5 ms at the
 * 99th percentile); secure_delete, so that what is forgotten is gone. */
#include "store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash.h"
#include "json.h"

#define MAX_COLUMNS 48

static const struct sqlite_part *const parts[] = {
	&sqlite_runs, &sqlite_records, &sqlite_memory, &sqlite_ledger,
	&sqlite_steps, &sqlite_bus, &sqlite_schedules, &sqlite_approvals,
	&sqlite_audit, &sqlite_rollup, &sqlite_payloads, &sqlite_archive,
	&sqlite_purge, &sqlite_mailboxes
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct sqlite_slot {
	const struct sqlite_verb *verb;
	sqlite3_stmt *stmt;
	int columns, order[MAX_COLUMNS];	/* columns by name */
};

/* ---- statements ---------------------------------------------------------- */

sqlite3_stmt *sqlite_prepare(struct sqlite_db *db, const char *sql,
			     struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st,
			       NULL) != SQLITE_OK) {
		sqlite_err(db, e, "preparing a statement");
		return NULL;
	}
	return st;
}

sqlite3_stmt *sqlite_kept(struct sqlite_db *db, enum sqlite_statement which,
			  const char *sql, struct err *e)
{
	if (db->kept[which] == NULL)
		db->kept[which] = sqlite_prepare(db, sql, e);
	return db->kept[which];
}

int sqlite_run(struct sqlite_db *db, const char *sql, const char *what,
	       struct err *e)
{
	if (sqlite3_exec(db->h, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_err(db, e, what);
	return 0;
}

int64_t sqlite_number(struct sqlite_db *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n = 0;

	if (sqlite3_prepare_v2(db->h, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* ---- opening -------------------------------------------------------------- */

static int wal_grew(void *arg, sqlite3 *h, const char *name, int pages)
{
	(void)h;
	(void)name;
	((struct sqlite_db *)arg)->wal_pages = pages;
	return SQLITE_OK;
}

#define STORE_VERSION 6

/* Not our format: another one of ours, or somebody else's database. */
static int wrong_version(int64_t version, const char *path, struct err *e)
{
	if (version > STORE_VERSION)
		return err_set(e, ERR_NEWER, "the store %s was written by a newer "
			       "Keel (its format is %lld, this Keel knows %d)",
			       path, (long long)version, STORE_VERSION);
	if (version > 0)
		return err_set(e, ERR_STATE, "the store %s was written by an "
			       "older Keel; any command that works on it, such "
			       "as keel serve, brings it up to date", path);
	return err_set(e, ERR_DAMAGED, "%s is a database, but no store of Keel",
		       path);
}

static int run_part(struct sqlite_db *db, const char *text, struct err *e)
{
	return text != NULL ? sqlite_run(db, text, "making the store", e) : 0;
}

/* Make the tables, or bring those of an older format up to date: all or nothing. */
static int make_tables(struct sqlite_db *db, const char *path, struct err *e)
{
	int64_t version = sqlite_number(db, "PRAGMA user_version");
	char sql[64];
	size_t i;
	int rc;

	if (version == STORE_VERSION)
		return 0;
	if (version > STORE_VERSION || (version == 0 &&
	    sqlite_number(db, "SELECT count(*) FROM sqlite_schema")))
		return wrong_version(version, path, e);
	rc = sqlite_run(db, "BEGIN IMMEDIATE", "making the store", e);
	for (i = 0; i < PARTS && rc == 0 && version == 0; i++)
		rc = run_part(db, parts[i]->schema, e);
	for (i = 0; i < PARTS && rc == 0 && version == 1; i++)
		rc = run_part(db, parts[i]->upgrade, e);
	for (i = 0; i < PARTS && rc == 0 && (version == 1 || version == 2); i++)
		rc = run_part(db, parts[i]->upgrade_3, e);
	for (i = 0; i < PARTS && rc == 0 && version != 0 && version < 4; i++)
		rc = run_part(db, parts[i]->upgrade_4, e);
	for (i = 0; i < PARTS && rc == 0 && version != 0 && version < 5; i++)
		rc = run_part(db, parts[i]->upgrade_5, e);
	for (i = 0; i < PARTS && rc == 0 && version != 0; i++)
		rc = run_part(db, parts[i]->upgrade_6, e);
	CRASH_POINT("making_tables");
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_VERSION);
	if (rc == 0)
		rc = sqlite_run(db, sql, "making the store", e);
	if (rc == 0)
		rc = sqlite_run(db, "COMMIT", "making the store", e);
	return rc;
}

/* A new owner raises the epoch; whoever still believes in an older one fails. */
static int take_epoch(struct sqlite_db *db, struct err *e)
{
	int rc = sqlite_run(db,
		"INSERT INTO meta(key, value) VALUES('epoch', 1) "
		"ON CONFLICT(key) DO UPDATE SET value = value + 1",
		"taking ownership of the store", e);

	db->epoch = sqlite_number(db, "SELECT value FROM meta WHERE key='epoch'");
	return rc;
}

static int by_verb(const void *a, const void *b)
{
	return strcmp(((const struct sqlite_slot *)a)->verb->name,
		      ((const struct sqlite_slot *)b)->verb->name);
}

static size_t count_verbs(void)
{
	const struct sqlite_verb *v;
	size_t i, n = 0;

	for (i = 0; i < PARTS; i++)
		for (v = parts[i]->verbs; v->name != NULL; v++)
			n++;
	return n;
}

static int make_slots(struct sqlite_db *db, struct err *e)
{
	const struct sqlite_verb *v;
	size_t i, n = 0;

	db->slots = calloc(count_verbs(), sizeof(*db->slots));
	if (db->slots == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a store");
	for (i = 0; i < PARTS; i++)
		for (v = parts[i]->verbs; v->name != NULL; v++)
			db->slots[n++].verb = v;
	qsort(db->slots, n, sizeof(*db->slots), by_verb);
	return 0;
}

static int set_up(struct sqlite_db *db, const char *path, bool write,
		  struct err *e)
{
	static const char settings[] =
		"PRAGMA synchronous = FULL;"
		"PRAGMA wal_autocheckpoint = 0;"
		"PRAGMA secure_delete = ON;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA cache_size = -4096;"
		"PRAGMA foreign_keys = ON;";
	int64_t version;
	int rc = make_slots(db, e);

	if (rc == 0)
		rc = sqlite_payload_functions(db, e);
	if (rc == 0)
		rc = sqlite_audit_functions(db, e);
	sqlite3_busy_timeout(db->h, BUSY_MS);
	/* Asked before the first table, or it is not heard. */
	if (rc == 0 && write)
		rc = sqlite_run(db, "PRAGMA auto_vacuum = INCREMENTAL", "opening"
				" the store", e);
	if (rc == 0 && write)
		rc = sqlite_run(db, "PRAGMA journal_mode = WAL", "opening the store",
			     e);
	if (rc == 0)
		rc = sqlite_run(db, settings, "opening the store", e);
	/* The writer changes pages here and there; what it keeps is not read again. */
	if (rc == 0 && write)
		rc = sqlite_run(db, "PRAGMA cache_size = -16384", "opening the"
				" store", e);
	if (rc == 0 && write)
		rc = make_tables(db, path, e);
	if (rc == 0 && write)
		rc = take_epoch(db, e);
	if (rc == 0 && write)
		rc = sqlite_audit_open(db, path, e);
	version = write || rc != 0 ? STORE_VERSION
		: sqlite_number(db, "PRAGMA user_version");
	if (version != STORE_VERSION)
		rc = wrong_version(version, path, e);
	sqlite3_wal_hook(db->h, wal_grew, db);
	return rc;
}

static void sqlite_close(struct db *base)
{
	struct sqlite_db *db = sqlite_of(base);
	size_t i, n = count_verbs();

	for (i = 0; db->slots != NULL && i < n; i++)
		sqlite3_finalize(db->slots[i].stmt);
	sqlite_audit_release(db);
	sqlite_memory_release(db);
	sqlite_budget_release(db);
	for (i = 0; i < SQLITE_STATEMENTS; i++)
		sqlite3_finalize(db->kept[i]);
	sqlite3_finalize(db->epoch_of);
	sqlite3_close(db->h);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	free(db->slots);
	free(db);
}

static int sqlite_open(struct db **out, const char *path, bool write,
		       struct err *e)
{
	struct sqlite_db *db = calloc(1, sizeof(*db));
	int rc = 0, flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;

	sqlite_settle();
	if (db == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a store");
	db->db.driver = &store_sqlite;
	db->lock_fd = -1;
	if (write && strcmp(path, ":memory:") != 0)
		rc = sqlite_lock(db, path, e);
	if (write)
		flags |= SQLITE_OPEN_CREATE;
	if (rc == 0 && sqlite3_open_v2(path, &db->h, flags, NULL) != SQLITE_OK) {
		rc = db->h == NULL
			? err_set(e, ERR_NOMEM, "no memory for a store")
			: sqlite_err(db, e, path);
	}
	if (rc == 0)
		rc = set_up(db, path, write, e);
	if (rc != 0) {
		sqlite_close(&db->db);
		return rc;
	}
	*out = &db->db;
	return 0;
}

/* ---- commits -------------------------------------------------------------- */

/* What every commit says: not parsed anew each time. */
static int say(struct sqlite_db *db, enum sqlite_statement which,
	       const char *sql, const char *what, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, which, sql, e);
	int rc = 0;

	if (st == NULL)
		return e != NULL ? e->code : ERR_IO;
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, what);
	sqlite3_reset(st);
	return rc;
}

static int sqlite_begin(struct db *base, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	int64_t epoch;
	int rc = say(db, SAY_BEGIN, "BEGIN IMMEDIATE", "beginning a commit", e);

	sqlite_memory_doubt(db);

	if (rc != 0)
		return rc;
	if (db->epoch_of == NULL)
		db->epoch_of = sqlite_prepare(db,
			"SELECT value FROM meta WHERE key = 'epoch'", e);
	if (db->epoch_of == NULL)
		return ERR_IO;
	epoch = sqlite3_step(db->epoch_of) == SQLITE_ROW
		? sqlite3_column_int64(db->epoch_of, 0) : -1;
	sqlite3_reset(db->epoch_of);
	if (epoch != db->epoch)
		return err_set(e, ERR_LOCKED, "another process took over the "
			       "store (epoch %lld, ours %lld)",
			       (long long)epoch, (long long)db->epoch);
	return 0;
}

static int sqlite_commit(struct db *base, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	int rc = sqlite_budget_write(db, e);

	if (rc == 0)
		rc = sqlite_audit_committing(db, e);
	if (rc == 0)
		rc = say(db, SAY_COMMIT, "COMMIT", "committing", e);
	if (rc != 0)
		return rc;
	sqlite_budget_committed(db);
	sqlite_audit_committed(db);
	sqlite_log_room(db);
	return 0;
}

static void sqlite_rollback(struct db *base)
{
	sqlite_memory_doubt(sqlite_of(base));
	sqlite_budget_drop(sqlite_of(base));
	sqlite_audit_doubt(sqlite_of(base));
	if (!sqlite3_get_autocommit(sqlite_of(base)->h))
		sqlite_run(sqlite_of(base), "ROLLBACK", "rolling back", NULL);
}

static int sqlite_mark(struct db *base, struct err *e)
{
	sqlite_memory_doubt(sqlite_of(base));
	sqlite_budget_mark(sqlite_of(base));
	return say(sqlite_of(base), SAY_MARK, "SAVEPOINT one", "marking", e);
}

static int sqlite_unmark(struct db *base, bool keep, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	int rc = keep ? 0 : say(db, SAY_UNDO, "ROLLBACK TO one", "unmarking", e);

	sqlite_memory_doubt(db);
	if (!keep) {
		sqlite_budget_undo(db);
		sqlite_audit_doubt(db);
	}
	return rc ? rc : say(db, SAY_KEEP, "RELEASE one", "unmarking", e);
}

/* ---- verbs ----------------------------------------------------------------- */

static struct sqlite_slot *find_slot(struct sqlite_db *db, const char *verb)
{
	struct sqlite_verb want = { verb, NULL, false };
	struct sqlite_slot key = { &want, NULL, 0, { 0 } };

	return bsearch(&key, db->slots, count_verbs(), sizeof(key), by_verb);
}

static size_t column_key(const char *name)
{
	return strcspn(name, "#");
}

static void order_columns(struct sqlite_slot *slot)
{
	int i, j, c;

	slot->columns = sqlite3_column_count(slot->stmt);
	for (i = 0; i < slot->columns; i++) {
		const char *name = sqlite3_column_name(slot->stmt, i);

		for (j = i; j > 0; j--) {
			const char *other = sqlite3_column_name(slot->stmt,
							slot->order[j - 1]);
			size_t n = column_key(name), m = column_key(other);

			c = memcmp(other, name, n < m ? n : m);
			if (c < 0 || (c == 0 && m <= n))
				break;
			slot->order[j] = slot->order[j - 1];
		}
		slot->order[j] = i;
	}
}

static int prepare_slot(struct sqlite_db *db, struct sqlite_slot *slot,
			struct err *e)
{
	if (slot->stmt != NULL)
		return 0;
	slot->stmt = sqlite_prepare(db, slot->verb->sql, e);
	if (slot->stmt == NULL)
		return e != NULL ? e->code : ERR_IO;
	if (sqlite3_column_count(slot->stmt) > MAX_COLUMNS)
		return err_set(e, ERR_LIMIT, "%s has too many columns",
			       slot->verb->name);
	order_columns(slot);
	return 0;
}

static bool ends_with(const char *s, size_t n, const char *tail)
{
	size_t m = strlen(tail);

	return n >= m && memcmp(s + n - m, tail, m) == 0;
}

static int bind_nested(sqlite3_stmt *st, int at, const char *field,
		       const unsigned char *from, const unsigned char *to,
		       struct err *e)
{
	struct buf text;
	int rc;

	if (!ends_with(field, strlen(field), "_json")) {
		sqlite3_bind_blob64(st, at, from, (sqlite3_uint64)(to - from),
				    SQLITE_TRANSIENT);
		return 0;
	}
	buf_init(&text, 4 * CODEC_BYTES);
	rc = json_write(from, (size_t)(to - from), 0, &text, e);
	if (rc == 0)
		sqlite3_bind_text64(st, at, (char *)text.data, text.len,
				    SQLITE_TRANSIENT, SQLITE_UTF8);
	buf_release(&text);
	return rc;
}

/* Members named *_codec and *_json are kept whole whatever their type. */
static bool kept_whole(const char *field)
{
	size_t n = strlen(field);

	return ends_with(field, n, "_json") || ends_with(field, n, "_codec");
}

static int bind_member(sqlite3_stmt *st, int at, const char *field,
		       struct codec_reader *r, struct err *e)
{
	const unsigned char *from = r->p;
	struct codec_item it;

	if (codec_next(r, &it) != 0)
		return err_set(e, ERR_DAMAGED, "'%s' is damaged", field);
	if (kept_whole(field) || it.type == CODEC_ARRAY ||
	    it.type == CODEC_OBJECT) {
		r->p = from;
		if (codec_skip(r) != 0)
			return err_set(e, ERR_DAMAGED, "'%s' is damaged", field);
		return bind_nested(st, at, field, from, r->p, e);
	}
	switch (it.type) {
	case CODEC_INT:
		sqlite3_bind_int64(st, at, it.integer);
		break;
	case CODEC_FLOAT:
		sqlite3_bind_double(st, at, it.number);
		break;
	case CODEC_STRING:
		sqlite3_bind_text64(st, at, (const char *)it.bytes, it.len,
				    SQLITE_TRANSIENT, SQLITE_UTF8);
		break;
	case CODEC_TRUE:
	case CODEC_FALSE:
		sqlite3_bind_int(st, at, it.type == CODEC_TRUE);
		break;
	default:
		sqlite3_bind_null(st, at);
	}
	return 0;
}

/* What is large lies in a place of its own, once (codec fields alone). */
static int bind_shared(struct sqlite_db *db, sqlite3_stmt *st, int at,
		       struct codec_reader *r, struct err *e)
{
	const unsigned char *from = r->p;
	unsigned char ref[PAYLOAD_REF];
	int rc = 0;
	size_t n;

	if (codec_skip(r) != 0)
		return err_set(e, ERR_DAMAGED, "a payload is damaged");
	n = (size_t)(r->p - from);
	if (n > PAYLOAD_INLINE) {
		rc = sqlite_payload_put(db, from, n, 0, ref, e);
		from = ref;
		n = sizeof(ref);
	}
	if (rc == 0)
		sqlite3_bind_blob64(st, at, from, n, SQLITE_TRANSIENT);
	return rc;
}

static int bind_fields(struct sqlite_db *db, struct sqlite_slot *slot,
		       const void *args, size_t n, struct err *e)
{
	int i, rc, count = sqlite3_bind_parameter_count(slot->stmt);
	struct codec_reader r;
	char field[64];
	bool shared;

	for (i = 1; i <= count; i++) {
		const char *name = sqlite3_bind_parameter_name(slot->stmt, i);
		size_t len = strlen(name + 1);
		bool optional = ends_with(name + 1, len, "_opt");

		len -= optional ? strlen("_opt") : 0;
		shared = ends_with(name + 1, len, "_shared");
		len -= shared ? strlen("_shared") : 0;
		snprintf(field, sizeof(field), "%.*s", (int)len, name + 1);
		if (codec_member(args, n, field, &r) != 0) {
			if (!optional)
				return err_set(e, ERR_INPUT, "%s needs '%s'",
					       slot->verb->name, field);
			sqlite3_bind_null(slot->stmt, i);
			continue;
		}
		rc = shared ? bind_shared(db, slot->stmt, i, &r, e)
			    : bind_member(slot->stmt, i, field, &r, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int put_column(struct sqlite_db *db, sqlite3_stmt *st, int c,
		      const char *as, struct buf *out, struct err *e)
{
	const void *p;
	size_t n;

	if (strcmp(as, "#codec") == 0) {
		p = sqlite3_column_blob(st, c);
		n = (size_t)sqlite3_column_bytes(st, c);
		return sqlite_is_ref(p, n) ? sqlite_payload_get(db, p, out, e)
					   : buf_add(out, p, n);
	}
	if (strcmp(as, "#json") == 0)
		return json_read((const char *)sqlite3_column_text(st, c),
				     (size_t)sqlite3_column_bytes(st, c), out, e);
	if (strcmp(as, "#bool") == 0) {
		codec_bool(out, sqlite3_column_int(st, c) != 0);
		return 0;
	}
	switch (sqlite3_column_type(st, c)) {
	case SQLITE_INTEGER:
		codec_int(out, sqlite3_column_int64(st, c));
		return 0;
	case SQLITE_FLOAT:
		codec_float(out, sqlite3_column_double(st, c));
		return 0;
	default:
		p = sqlite3_column_text(st, c);
		n = (size_t)sqlite3_column_bytes(st, c);
		/* bytes that are no text must not make the whole list
		 * unreadable */
		if (p == NULL || !codec_utf8(p, n))
			codec_null(out);
		else
			codec_string(out, p, n);
		return 0;
	}
}

/* A column that is NULL is left out of the row's object. */
static int put_row(struct sqlite_db *db, struct sqlite_slot *slot,
		   struct buf *out, struct err *e)
{
	sqlite3_stmt *st = slot->stmt;
	int i, c, rc = 0, present = 0;

	for (i = 0; i < slot->columns; i++)
		present += sqlite3_column_type(st, i) != SQLITE_NULL;
	codec_object(out, (uint64_t)present);
	for (i = 0; i < slot->columns && rc == 0; i++) {
		const char *name;
		size_t n;

		c = slot->order[i];
		if (sqlite3_column_type(st, c) == SQLITE_NULL)
			continue;
		name = sqlite3_column_name(st, c);
		n = column_key(name);
		codec_key(out, name, n);
		rc = put_column(db, st, c, name + n, out, e);
	}
	return rc;
}

static int run_slot(struct sqlite_db *db, struct sqlite_slot *slot,
		    struct buf *out, struct err *e)
{
	struct buf rows;
	uint64_t n = 0;
	int rc = 0, step;

	buf_init(&rows, CODEC_BYTES);
	while ((step = sqlite3_step(slot->stmt)) == SQLITE_ROW && rc == 0) {
		n++;
		if (out != NULL)
			rc = put_row(db, slot, &rows, e);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, slot->verb->name);
	if (rc == 0 && slot->verb->must_change && sqlite3_changes(db->h) == 0)
		rc = err_set(e, ERR_CONFLICT, "%s changed nothing",
			     slot->verb->name);
	if (rc == 0 && out != NULL) {
		codec_array(out, n);
		buf_add(out, rows.data, rows.len);
		rc = rows.failed ? buf_err(&rows, e, slot->verb->name)
				 : buf_err(out, e, slot->verb->name);
	}
	buf_release(&rows);
	return rc;
}

static int sqlite_verb(struct db *base, const char *verb, const void *args,
		       size_t n, struct buf *out, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct sqlite_slot *slot = find_slot(db, verb);
	int rc;

	if (slot == NULL)
		return err_set(e, ERR_INPUT, "the store knows no verb '%s'",
			       verb);
	if ((rc = prepare_slot(db, slot, e)) != 0)
		return rc;
	rc = bind_fields(db, slot, args, n, e);
	if (rc == 0)
		rc = run_slot(db, slot, out, e);
	sqlite3_reset(slot->stmt);
	sqlite3_clear_bindings(slot->stmt);
	return rc;
}

const struct store_driver store_sqlite = {
	.open = sqlite_open, .close = sqlite_close,
	.begin = sqlite_begin, .commit = sqlite_commit,
	.rollback = sqlite_rollback, .mark = sqlite_mark,
	.unmark = sqlite_unmark, .verb = sqlite_verb,
	.append = sqlite_append, .walk = sqlite_walk,
	.reserve = sqlite_reserve, .settle = sqlite_end_claim,
	.recover = sqlite_recover_ledger,
	.skim = sqlite_skim, .tops = sqlite_tops,
	.owes = sqlite_audit_owes, .pay = sqlite_audit_pay,
	.backlog = sqlite_backlog, .checkpoint = sqlite_checkpoint,
	.tidy = sqlite_tidy,
	.copy = sqlite_copy,
	.check = sqlite_check
};
