/* store_sqlite_journal.c -- the journal in SQLite: appending, and walking back.
 *
 * A record lies in the table journal, its large values by reference; or, when its
 * run is over, in a packed segment (store_sqlite_archive.c), where it keeps its log
 * number and its `prev`. So a walk asks for a number where it would be in the
 * journal, and else for the segment that ends with it; records behind the first of
 * a segment come from the segment. A first record stays inline however large it is:
 * it holds the run's own id and seed, so no other one is equal to it. */
#include "store_sqlite.h"

#include <string.h>

#include "codec.h"
#include "segment.h"

/* ---- appending ------------------------------------------------------------ */

/* Bind a value, or a reference to it when it is large. */
static int bind_value(struct sqlite_db *db, sqlite3_stmt *st, int at,
		      const struct journal_row *row, const void *p, size_t n,
		      unsigned char ref[PAYLOAD_REF], struct err *e)
{
	int rc;

	if (n <= PAYLOAD_INLINE || row->kind == JOURNAL_START) {
		sqlite3_bind_blob64(st, at, p, n, SQLITE_STATIC);
		return 0;
	}
	if ((rc = sqlite_payload_put(db, p, n, 1, ref, e)) == 0)
		sqlite3_bind_blob(st, at, ref, PAYLOAD_REF, SQLITE_STATIC);
	return rc;
}

int sqlite_append(struct db *base, const struct journal_row *row, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	unsigned char args[PAYLOAD_REF], data[PAYLOAD_REF];
	sqlite3_stmt *st = sqlite_kept(db, JOURNAL_APPEND,
		"INSERT INTO journal(lsn, run, prev, seq, kind, effect, flags,"
		" name, hash, fuel, cost, t, took, args, data) VALUES(?1, ?2,"
		" ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)", e);
	int rc;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, row->lsn);
	sqlite3_bind_int64(st, 2, row->run);
	sqlite3_bind_int64(st, 3, row->prev);
	sqlite3_bind_int(st, 4, row->seq);
	sqlite3_bind_int(st, 5, row->kind);
	sqlite3_bind_int(st, 6, row->effect);
	sqlite3_bind_int(st, 7, row->flags);
	sqlite3_bind_text(st, 8, row->name, -1, SQLITE_STATIC);
	if (row->name != NULL)
		sqlite3_bind_blob(st, 9, row->hash, JOURNAL_HASH, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 9);
	sqlite3_bind_int64(st, 10, row->fuel);
	sqlite3_bind_int64(st, 11, row->cost);
	sqlite3_bind_int64(st, 12, row->t_ms);
	sqlite3_bind_int64(st, 13, row->took_us);
	rc = bind_value(db, st, 14, row, row->args, row->args_len, args, e);
	if (rc == 0)
		rc = bind_value(db, st, 15, row, row->data, row->len, data, e);
	if (rc == 0 && sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "appending to the journal");
	sqlite3_reset(st);
	return rc;
}

/* ---- reading --------------------------------------------------------------- */

int sqlite_journal_row(struct sqlite_db *db, int64_t lsn, sqlite3_stmt **st,
		       struct journal_row *row, struct err *e)
{
	int step;

	*st = sqlite_kept(db, JOURNAL_ROW,
		"SELECT lsn, run, prev, seq, kind, effect, flags, name, hash,"
		" fuel, cost, t, took, args, data FROM journal WHERE lsn = ?1",
		e);
	if (*st == NULL)
		return SQLITE_ERROR;
	sqlite3_bind_int64(*st, 1, lsn);
	step = sqlite3_step(*st);
	if (step == SQLITE_ROW)
		sqlite_load_row(*st, row);
	else if (step != SQLITE_DONE)
		sqlite_err(db, e, "reading the journal");
	return step;
}

/* ---- walking ----------------------------------------------------------------- */

struct walk {
	struct sqlite_db *db;
	struct buf segment;	/* the one that is being read, unpacked */
	struct segment_reader reader;
	int64_t run;		/* whose it is */
	bool inside;
	struct buf args, data;	/* payloads that the record refers to */
};

static int open_segment(struct walk *w, sqlite3_stmt *st, struct err *e)
{
	int rc;

	buf_reset(&w->segment);
	w->run = sqlite3_column_int64(st, 0);
	rc = segment_unpack(sqlite3_column_blob(st, 1),
			    (size_t)sqlite3_column_bytes(st, 1), &w->segment, e);
	w->reader.p = w->segment.data;
	w->reader.end = w->segment.data + w->segment.len;
	w->inside = rc == 0;
	return rc;
}

/* The record of that number among those that are left of the segment: 1, 0. */
static int in_segment(struct walk *w, int64_t lsn, struct journal_row *row,
		      struct err *e)
{
	int rc = 0;

	while (w->inside && (rc = segment_next(&w->reader, row)) == 1) {
		row->run = w->run;
		if (row->lsn == lsn)
			return 1;
	}
	w->inside = false;
	return rc == 0 ? 0 : err_set(e, ERR_DAMAGED, "a packed journal is "
				     "damaged near record %lld", (long long)lsn);
}

/* Look into the segment that holds the record, of those that `st` finds: 1, 0 or an
 * error. */
static int look_into(struct walk *w, sqlite3_stmt *st, int64_t lsn,
		     struct journal_row *row, struct err *e)
{
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, lsn);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		if (!segment_marked(sqlite3_column_blob(st, 2),
				    (size_t)sqlite3_column_bytes(st, 2),
				    sqlite3_column_int64(st, 3), lsn))
			continue;
		rc = open_segment(w, st, e);
		if (rc == 0)
			rc = in_segment(w, lsn, row, e);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(w->db, e, "reading the journal");
	sqlite3_reset(st);
	return rc;
}

static int from_segments(struct walk *w, int64_t lsn, struct journal_row *row,
			 struct err *e)
{
	int rc = look_into(w, sqlite_kept(w->db, SEGMENT_AT,
		"SELECT run, body, marks, last FROM segments WHERE last = ?1", e),
		lsn, row, e);

	/* a walk that begins in the middle of a run; ranges of runs overlap */
	if (rc == 0)
		rc = look_into(w, sqlite_kept(w->db, SEGMENT_IN,
			"SELECT run, body, marks, last FROM segments WHERE last"
			" > ?1 AND first <= ?1 ORDER BY last", e), lsn, row, e);
	return rc;
}

static int find_record(struct walk *w, int64_t lsn, struct journal_row *row,
		       struct err *e)
{
	int rc = w->inside ? in_segment(w, lsn, row, e) : 0;

	if (rc == 1)
		return 0;
	if (rc < 0)
		return rc;
	switch (sqlite_scan_row(w->db, lsn, row, e)) {
	case SQLITE_ROW:
		return 0;
	case SQLITE_DONE:
		break;
	default:
		return ERR_IO;
	}
	rc = from_segments(w, lsn, row, e);
	return rc == 1 ? 0 : rc < 0 ? rc
		: err_set(e, ERR_DAMAGED, "journal record %lld is missing",
			  (long long)lsn);
}

/* Put what a value refers to in its place. */
static int resolve(struct walk *w, struct buf *b, const void **p, size_t *n,
		   struct err *e)
{
	int rc;

	if (!sqlite_is_ref(*p, *n))
		return 0;
	buf_reset(b);
	if ((rc = sqlite_payload_get(w->db, *p, b, e)) == 0) {
		*p = b->data;
		*n = b->len;
	}
	return rc;
}

static int walk_on(struct walk *w, int64_t lsn,
		   int (*each)(void *arg, const struct journal_row *row),
		   void *arg, struct err *e)
{
	struct journal_row row;
	int rc;

	while (lsn != 0) {
		if ((rc = find_record(w, lsn, &row, e)) != 0)
			return rc;
		if (row.prev < 0 || row.prev >= lsn)
			return err_set(e, ERR_DAMAGED, "journal record %lld leads "
				       "to a later one", (long long)lsn);
		lsn = row.prev;
		if ((rc = resolve(w, &w->args, &row.args, &row.args_len, e)) != 0 ||
		    (rc = resolve(w, &w->data, &row.data, &row.len, e)) != 0 ||
		    (rc = each(arg, &row)) != 0)
			return rc;
	}
	return 0;
}

int sqlite_walk(struct db *base, int64_t lsn,
		int (*each)(void *arg, const struct journal_row *row), void *arg,
		struct err *e)
{
	struct walk w = { .db = sqlite_of(base) };
	/* one read transaction for the walk, not one a record; inside a commit
	 * there is one already */
	bool alone = sqlite3_get_autocommit(w.db->h) != 0;
	int rc;

	buf_init(&w.segment, SEGMENT_BYTES);
	buf_init(&w.args, CODEC_BYTES);
	buf_init(&w.data, CODEC_BYTES);
	if (alone)
		sqlite_run(w.db, "BEGIN", "reading the journal", NULL);
	rc = walk_on(&w, lsn, each, arg, e);
	sqlite_scan_end(w.db);
	if (alone)
		sqlite_run(w.db, "COMMIT", "reading the journal", NULL);
	buf_release(&w.segment);
	buf_release(&w.args);
	buf_release(&w.data);
	return rc;
}

/* Numbers never go back, also when the newest rows were moved or are gone. A table
 * that cannot be read must not make them begin anew. */
int sqlite_tops(struct db *base, int64_t *lsn, int64_t *id, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = sqlite_prepare(db, "SELECT max(coalesce((SELECT"
		" max(lsn) FROM journal), 0), coalesce((SELECT max(last) FROM"
		" segments), 0), coalesce((SELECT value FROM meta WHERE key ="
		" 'top_lsn'), 0)), max(coalesce((SELECT max(id) FROM runs), 0),"
		" coalesce((SELECT value FROM meta WHERE key = 'top_id'), 0))",
		e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*lsn = sqlite3_column_int64(st, 0);
		*id = sqlite3_column_int64(st, 1);
	} else {
		rc = sqlite_err(db, e, "reading the newest numbers");
	}
	sqlite3_finalize(st);
	return rc;
}
