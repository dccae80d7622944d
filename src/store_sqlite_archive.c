/* store_sqlite_archive.c -- packed journals, and what is left of dropped runs.
 *
 * segments: some records of one run, packed (segment.h), under the log number of
 * the newest of them. `first` is the number of the oldest; refs are the hashes of
 * the payloads that the records refer to, one behind the other, each as often as it
 * is referred to; marks tell which log numbers are in it.
 *
 * tombstones.digest is a chain over the records, newest first: SHA-256 of the
 * digest so far and the record in its packed form (references as they are: they
 * hold the hash of what they stand for). */
#include "store_archive.h"

#include <string.h>

#include "codec.h"
#include "digest.h"
#include "segment.h"
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE segments(last INTEGER PRIMARY KEY, first INTEGER NOT NULL, run"
" INTEGER NOT NULL, records INTEGER NOT NULL, raw INTEGER NOT NULL, refs BLOB,"
" marks BLOB, body BLOB NOT NULL);"
"CREATE INDEX segments_run ON segments(run);"

"ALTER TABLE runs ADD COLUMN packed INTEGER;"
"CREATE INDEX runs_unpacked ON runs(ended) WHERE ended IS NOT NULL AND packed IS"
" NOT 0;"
"CREATE INDEX runs_ended ON runs(agent, ended) WHERE ended IS NOT NULL;"
/* new records: what was packed of a sleeping run is not all any more */
"CREATE TRIGGER runs_went_on AFTER UPDATE OF tail ON runs WHEN new.packed IS NOT"
" NULL AND new.tail > old.tail BEGIN UPDATE runs SET packed = NULL WHERE id ="
" new.id; END;"

"CREATE TABLE tombstones(id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, agent"
" TEXT NOT NULL, version INTEGER NOT NULL, code TEXT NOT NULL, state TEXT NOT"
" NULL, key_hash TEXT, steps INTEGER NOT NULL, cost INTEGER NOT NULL, created"
" INTEGER NOT NULL, ended INTEGER, records INTEGER NOT NULL DEFAULT 0, digest"
" BLOB, rest INTEGER NOT NULL, gone INTEGER NOT NULL, who TEXT NOT NULL, why"
" TEXT NOT NULL, note TEXT);"
"CREATE INDEX tombstones_rest ON tombstones(id) WHERE rest > 0;"
"CREATE INDEX tombstones_key ON tombstones(agent, key_hash) WHERE key_hash IS NOT"
" NULL;"

/* which sources a pinned bundle holds, so that code nobody needs can go */
"CREATE TABLE code_sets(code TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY(code,"
" hash)) WITHOUT ROWID;"
"CREATE INDEX code_sets_hash ON code_sets(hash);";

#define TOMBSTONE "id, run, agent, version, state, steps, cost, created, ended,"\
	" records, lower(hex(digest)) AS digest, gone, who, why, note"

/* Runs that a rule of retention may take: over, and so is who called them. */
#define OVER "r.ended IS NOT NULL AND NOT EXISTS (SELECT 1 FROM runs p WHERE p.id"\
	" = r.parent AND p.ended IS NULL)"
#define GOOD "r.state IN ('done', 'rejected', 'cancelled', 'compensated')"

#define OLD_RUNS "EXISTS (SELECT 1 FROM runs WHERE code NOT IN (SELECT code FROM"\
	" code_sets))"

static const struct sqlite_verb verbs[] = {
	{ "archive.next", "SELECT id FROM runs WHERE ended IS NOT NULL AND ended"
	  " <= :ended_by AND packed IS NOT 0 ORDER BY ended LIMIT :limit", false },
	/* Runs that sleep since before a time. */
	{ "archive.parked", "SELECT id FROM runs WHERE ended IS NULL AND state ="
	  " 'waiting' AND updated <= :since AND packed IS NOT 0 ORDER BY id LIMIT"
	  " :limit", false },
	{ "archive.sums", "SELECT count(*) AS segments, count(DISTINCT run) AS"
	  " runs, coalesce(sum(records), 0) AS records, coalesce(sum(raw), 0) AS"
	  " raw, coalesce(sum(length(body)), 0) AS packed FROM segments", false },
	{ "archive.waiting", "SELECT count(*) AS n FROM runs WHERE ended IS NOT"
	  " NULL AND packed IS NOT 0", false },

	{ "retention.agents", "SELECT DISTINCT agent FROM runs WHERE ended IS NOT"
	  " NULL", false },
	/* Runs of an agent that were over by a time, oldest first; `good`: those
	 * that did what they should, else the others. Its newest `keep` stay. */
	{ "retention.old", "SELECT r.id, r.run, r.agent, r.state, r.ended FROM"
	  " runs r WHERE r.agent = :agent AND " OVER " AND r.ended <= :ended_by"
	  " AND (:good_opt IS NULL OR (" GOOD ") = :good_opt) AND (:keep = 0 OR"
	  " (SELECT count(*) FROM (SELECT 1 FROM runs n WHERE n.agent = r.agent"
	  " AND n.ended IS NOT NULL AND (n.ended, n.id) > (r.ended, r.id) LIMIT"
	  " :keep)) >= :keep) ORDER BY r.ended, r.id LIMIT :limit", false },
	{ "retention.events", "SELECT e.id FROM events e WHERE e.state = 'done'"
	  " AND e.time <= :before AND e.payload IS NOT NULL AND NOT "
	  SQLITE_EVENT_OPEN " ORDER BY e.id LIMIT :limit", false },
	{ "retention.drop_events", "UPDATE events AS e SET payload = NULL WHERE"
	  " e.id IN (SELECT value FROM json_each(:ids_json)) AND NOT "
	  SQLITE_EVENT_OPEN, false },
	{ "retention.drop_tombstones", "DELETE FROM tombstones WHERE id IN"
	  " (SELECT id FROM tombstones WHERE gone <= :before AND rest = 0 LIMIT"
	  " :limit)", false },
	{ "retention.tombstones", "SELECT count(*) AS n FROM tombstones WHERE"
	  " gone <= :before AND rest = 0", false },

	{ "tombstone.get", "SELECT " TOMBSTONE " FROM tombstones WHERE run ="
	  " :run", false },
	{ "tombstone.prefix", "SELECT run FROM tombstones WHERE run >= :prefix"
	  " AND run < :prefix || 'zzzz' ORDER BY run LIMIT 5", false },
	{ "tombstone.by_key", "SELECT id, run, state FROM tombstones WHERE agent"
	  " = :agent AND key_hash = keel_sha256(:key)", false },
	{ "tombstone.list", "SELECT " TOMBSTONE " FROM tombstones ORDER BY id"
	  " DESC LIMIT :limit", false },
	{ "tombstone.rest", "SELECT id FROM tombstones WHERE rest > 0 ORDER BY id"
	  " LIMIT :limit", false },
	{ "tombstone.count", "SELECT count(*) AS n FROM tombstones", false },

	{ "code.set", "INSERT INTO code_sets(code, hash) VALUES(:code, :hash) ON"
	  " CONFLICT DO NOTHING", false },
	/* Sources of sets that no run is pinned to; nothing as long as there is
	 * a run whose set is not known (begun in an older format). In this
	 * order. */
	{ "code.sweep", "DELETE FROM code WHERE hash IN (SELECT s.hash FROM"
	  " code_sets s GROUP BY s.hash HAVING NOT max(s.code IN (SELECT code"
	  " FROM runs))) AND NOT " OLD_RUNS, false },
	{ "code.sweep_sets", "DELETE FROM code_sets WHERE hash NOT IN (SELECT"
	  " hash FROM code)", false },
	{ "code.loose", "SELECT count(*) AS n FROM (SELECT s.hash FROM code_sets"
	  " s JOIN code c ON c.hash = s.hash GROUP BY s.hash HAVING NOT"
	  " max(s.code IN (SELECT code FROM runs))) WHERE NOT " OLD_RUNS,
	  false },

	{ "store.tables", "SELECT name, sum(pgsize) AS bytes, sum(unused) AS"
	  " unused FROM dbstat WHERE aggregate = TRUE GROUP BY name ORDER BY"
	  " bytes DESC", false },
	{ "store.size", "SELECT (SELECT page_count FROM pragma_page_count) *"
	  " (SELECT page_size FROM pragma_page_size) AS bytes, (SELECT"
	  " freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM"
	  " pragma_page_size) AS free", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_archive = { schema, verbs, schema, NULL, NULL, NULL, NULL };

/* ---- packing ---------------------------------------------------------------- */

struct packing {
	struct sqlite_db *db;
	struct buf records, refs, lsns, marks;
	int64_t run, last, first, next;	/* next: where to go on, 0: nowhere */
	int64_t count;
};

static void note_ref(struct buf *refs, const void *p, size_t n)
{
	if (sqlite_is_ref(p, n))
		buf_add(refs, (const unsigned char *)p + 1, DIGEST_BYTES);
}

static int gather_one(struct packing *k, const struct journal_row *row,
		      struct err *e)
{
	if (row->run != k->run || row->prev < 0 || row->prev >= row->lsn)
		return err_set(e, ERR_DAMAGED, "journal record %lld is of "
			       "another run", (long long)row->lsn);
	segment_add(&k->records, row);
	note_ref(&k->refs, row->args, row->args_len);
	note_ref(&k->refs, row->data, row->len);
	buf_add(&k->lsns, &row->lsn, sizeof(row->lsn));
	if (k->count++ == 0)
		k->last = row->lsn;
	else
		segment_mark(&k->marks, k->first - row->lsn);
	k->first = row->lsn;
	k->next = row->prev;
	return 0;
}

/* Take up records from `next` back, as they lie in the journal. */
static int gather(struct packing *k, const struct archive_slice *slice,
		  struct err *e)
{
	struct journal_row row;
	sqlite3_stmt *st;
	int rc = 0, step;

	while (rc == 0 && k->next != 0 && k->count < slice->records &&
	       (int64_t)k->records.len < slice->bytes) {
		step = sqlite_journal_row(k->db, k->next, &st, &row, e);
		if (step == SQLITE_ROW)
			rc = gather_one(k, &row, e);
		else if (step == SQLITE_DONE)
			k->next = 0;	/* from here on it is packed */
		else
			rc = ERR_IO;
		if (st != NULL)
			sqlite3_reset(st);
	}
	if (rc == 0 && (k->records.failed || k->refs.failed || k->lsns.failed ||
			k->marks.failed))
		rc = err_set(e, ERR_NOMEM, "no memory to pack a journal");
	return rc;
}

static int delete_rows(struct sqlite_db *db, const struct buf *lsns,
		       struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, JOURNAL_DELETE,
		"DELETE FROM journal WHERE lsn = ?1", e);
	int64_t lsn;
	size_t i;
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	for (i = 0; i < lsns->len && rc == 0; i += sizeof(lsn)) {
		memcpy(&lsn, lsns->data + i, sizeof(lsn));
		sqlite3_bind_int64(st, 1, lsn);
		if (sqlite3_step(st) != SQLITE_DONE)
			rc = sqlite_err(db, e, "taking records out of the "
					"journal");
		sqlite3_reset(st);
	}
	return rc;
}

static int put_segment(struct packing *k, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(k->db, SEGMENT_PUT,
		"INSERT INTO segments(last, first, run, records, raw, refs,"
		" marks, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", e);
	struct buf body;
	int rc;

	if (st == NULL)
		return ERR_IO;
	buf_init(&body, SEGMENT_BYTES);
	rc = segment_pack(k->records.data, k->records.len, &body, e);
	if (rc == 0) {
		sqlite3_bind_int64(st, 1, k->last);
		sqlite3_bind_int64(st, 2, k->first);
		sqlite3_bind_int64(st, 3, k->run);
		sqlite3_bind_int64(st, 4, k->count);
		sqlite3_bind_int64(st, 5, (sqlite3_int64)k->records.len);
		sqlite3_bind_blob64(st, 6, k->refs.data, k->refs.len,
				    SQLITE_STATIC);
		sqlite3_bind_blob64(st, 7, k->marks.data, k->marks.len,
				    SQLITE_STATIC);
		sqlite3_bind_blob64(st, 8, body.data, body.len, SQLITE_STATIC);
		if (sqlite3_step(st) != SQLITE_DONE)
			rc = sqlite_err(k->db, e, "packing a journal");
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
	}
	buf_release(&body);
	return rc;
}

/* The records into a segment, their payloads packed and counted for it; deleting
 * the records counts them down again. */
static int move_records(struct packing *k, struct err *e)
{
	size_t i, n = k->refs.len / DIGEST_BYTES;
	int rc = put_segment(k, e);

	if (rc == 0)
		rc = sqlite_payload_count(k->db, k->refs.data, n, 1, e);
	if (rc == 0)
		rc = delete_rows(k->db, &k->lsns, e);
	for (i = 0; i < n && rc == 0; i++)
		rc = sqlite_payload_pack(k->db, k->refs.data + i * DIGEST_BYTES,
					 e);
	return rc;
}

/* Run a statement with two numbers that gives nothing. */
static int set_numbers(struct sqlite_db *db, const char *sql, int64_t a,
		       int64_t b, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(db, sql, e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, a);
	if (sqlite3_bind_parameter_count(st) > 1)
		sqlite3_bind_int64(st, 2, b);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "keeping the archive");
	sqlite3_finalize(st);
	return rc;
}

/* Where the run's packing goes on: its tail, or where the last slice ended. */
static int begin_packing(struct packing *k, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(k->db, "SELECT CASE WHEN packed IS NULL"
		" THEN tail ELSE packed END FROM runs WHERE id = ?1", e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, k->run);
	if (sqlite3_step(st) == SQLITE_ROW)
		k->next = sqlite3_column_int64(st, 0);
	else
		rc = err_set(e, ERR_CONFLICT, "there is no run %lld",
			     (long long)k->run);
	sqlite3_finalize(st);
	return rc;
}

static void packing_init(struct packing *k, struct db *base, int64_t run)
{
	memset(k, 0, sizeof(*k));
	k->db = sqlite_of(base);
	k->run = run;
	buf_init(&k->records, SEGMENT_BYTES);
	buf_init(&k->refs, SEGMENT_BYTES);
	buf_init(&k->lsns, SEGMENT_BYTES);
	buf_init(&k->marks, SEGMENT_BYTES);
}

static void packing_release(struct packing *k)
{
	buf_release(&k->records);
	buf_release(&k->refs);
	buf_release(&k->lsns);
	buf_release(&k->marks);
}

int store_archive_pack(struct db *base, int64_t run,
		       const struct archive_slice *slice, struct err *e)
{
	struct packing k;
	int rc;

	packing_init(&k, base, run);
	if ((rc = begin_packing(&k, e)) == 0)
		rc = gather(&k, slice, e);
	if (rc == ERR_DAMAGED) {
		/* no chain to go along: it stays where it is */
		k.next = k.count = 0;
		rc = 0;
	}
	if (rc == 0 && k.count > 0)
		rc = move_records(&k, e);
	if (rc == 0)
		rc = set_numbers(k.db, "UPDATE runs SET packed = ?2 WHERE id = ?1",
				 run, k.next, e);
	packing_release(&k);
	return rc;
}

/* ---- dropping ----------------------------------------------------------------- */

/* Records of a run on their way out. */
struct dropping {
	struct packing k;
	unsigned char digest[DIGEST_BYTES];
	int64_t records;
};

/* h = SHA-256(h, record), over each record of the packed form. */
static int chain(struct dropping *d, const struct buf *records, struct err *e)
{
	struct segment_reader r = { records->data,
				    records->data + records->len };
	struct journal_row row;
	struct buf one;
	int rc;

	buf_init(&one, SEGMENT_BYTES);
	while ((rc = segment_next(&r, &row)) == 1) {
		buf_reset(&one);
		buf_add(&one, d->digest, sizeof(d->digest));
		segment_add(&one, &row);
		if (one.failed)
			break;
		digest_sha256(one.data, one.len, d->digest);
		d->records++;
	}
	rc = one.failed ? buf_err(&one, e, "a digest") : rc != 0
		? err_set(e, ERR_DAMAGED, "a packed journal is damaged") : 0;
	buf_release(&one);
	return rc;
}

/* The segment that ends at `next`: into the chain, and gone. 1, 0 for none. */
static int drop_segment(struct dropping *d, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(d->k.db, "DELETE FROM segments WHERE"
		" last = ?1 AND run = ?2 RETURNING first, refs, body", e);
	int rc = 0, step;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, d->k.next);
	sqlite3_bind_int64(st, 2, d->k.run);
	if ((step = sqlite3_step(st)) == SQLITE_ROW) {
		buf_reset(&d->k.records);
		buf_reset(&d->k.refs);
		buf_add(&d->k.refs, sqlite3_column_blob(st, 1),
			(size_t)sqlite3_column_bytes(st, 1));
		rc = segment_unpack(sqlite3_column_blob(st, 2),
				    (size_t)sqlite3_column_bytes(st, 2),
				    &d->k.records, e);
		step = sqlite3_step(st);
	} else {
		rc = step == SQLITE_DONE ? 0 : sqlite_err(d->k.db, e, "dropping");
		sqlite3_finalize(st);
		return rc;
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(d->k.db, e, "dropping a packed journal");
	sqlite3_finalize(st);
	if (rc == 0)
		rc = sqlite_payload_count(d->k.db, d->k.refs.data,
					  d->k.refs.len / DIGEST_BYTES, -1, e);
	return rc != 0 ? rc : 1;
}

/* Where the run's chain goes on behind the records that were just read. */
static int64_t before_first(const struct buf *records)
{
	struct segment_reader r = { records->data,
				    records->data + records->len };
	struct journal_row row;
	int64_t prev = 0;

	while (segment_next(&r, &row) == 1)
		prev = row.prev;
	return prev;
}

/* One slice of records: those in the journal first, else a segment. */
static int drop_records(struct dropping *d, const struct archive_slice *slice,
			struct err *e)
{
	int64_t from = d->k.next;
	int rc;

	buf_reset(&d->k.records);
	buf_reset(&d->k.refs);
	buf_reset(&d->k.lsns);
	buf_reset(&d->k.marks);
	d->k.count = 0;
	if ((rc = gather(&d->k, slice, e)) != 0)
		return rc;
	if (d->k.count > 0) {
		if (d->k.next == 0)	/* or it goes on in a segment */
			d->k.next = before_first(&d->k.records);
		if ((rc = chain(d, &d->k.records, e)) == 0)
			rc = delete_rows(d->k.db, &d->k.lsns, e);
		return rc;
	}
	d->k.next = from;
	rc = drop_segment(d, e);
	if (rc == 1 && (rc = chain(d, &d->k.records, e)) == 0)
		d->k.next = before_first(&d->k.records);
	else if (rc == 0)
		d->k.next = 0;
	return rc;
}

/* What no chain leads to: records behind a damaged one, or behind the tail. */
static int drop_strays(struct sqlite_db *db, int64_t run, struct err *e)
{
	sqlite3_stmt *st;
	int rc = set_numbers(db, "DELETE FROM journal WHERE run = ?1", run, 0, e);

	if (rc != 0 || (st = sqlite_prepare(db, "DELETE FROM segments WHERE run ="
			" ?1 RETURNING refs", e)) == NULL)
		return rc != 0 ? rc : ERR_IO;
	sqlite3_bind_int64(st, 1, run);
	while (rc == 0 && sqlite3_step(st) == SQLITE_ROW)
		rc = sqlite_payload_count(db, sqlite3_column_blob(st, 0),
			(size_t)sqlite3_column_bytes(st, 0) / DIGEST_BYTES, -1, e);
	sqlite3_finalize(st);
	return rc;
}

/* The run's row becomes a tombstone, when it is over. */
static int bury(struct sqlite_db *db, const struct archive_drop *d,
		struct err *e)
{
	static const char *const others[] = {
		"DELETE FROM approvals WHERE run = ?1",
		"DELETE FROM timers WHERE run = ?1",
		"DELETE FROM waits WHERE run = ?1",
		"INSERT INTO meta(key, value) SELECT 'top_id', ?1 WHERE true ON"
		" CONFLICT DO UPDATE SET value = max(value, excluded.value)",
		"INSERT INTO meta(key, value) SELECT 'top_lsn', max(tail,"
		" coalesce((SELECT max(lsn) FROM journal), 0)) FROM runs"
		" WHERE id = ?1 ON CONFLICT DO UPDATE SET value = max(value,"
		" excluded.value)",
		"DELETE FROM runs WHERE id = ?1",
	};
	sqlite3_stmt *st = sqlite_prepare(db, "INSERT INTO tombstones(id, run,"
		" agent, version, code, state, key_hash, steps, cost, created,"
		" ended, rest, gone, who, why, note) SELECT id, run, agent,"
		" version, code, state, keel_sha256(key), steps, cost, created,"
		" ended, tail, ?2, ?3, ?4, ?5 FROM runs r WHERE id = ?1 AND "
		OVER, e);
	int rc = 0;
	size_t i;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, d->run);
	sqlite3_bind_int64(st, 2, d->now_ms);
	sqlite3_bind_text(st, 3, d->who, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, d->why, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 5, d->note, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "keeping a tombstone");
	else if (sqlite3_changes(db->h) == 0)
		rc = err_set(e, ERR_CONFLICT, "run %lld is not over",
			     (long long)d->run);
	sqlite3_finalize(st);
	for (i = 0; i < sizeof(others) / sizeof(others[0]) && rc == 0; i++)
		rc = set_numbers(db, others[i], d->run, 0, e);
	return rc;
}

/* Where dropping goes on: 1, or 0 when there is no tombstone yet. */
static int resume_dropping(struct dropping *d, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(d->k.db, "SELECT rest, digest, records"
		" FROM tombstones WHERE id = ?1", e);
	int there = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, d->k.run);
	if (sqlite3_step(st) == SQLITE_ROW) {
		there = 1;
		d->k.next = sqlite3_column_int64(st, 0);
		d->records = sqlite3_column_int64(st, 2);
		if (sqlite3_column_bytes(st, 1) == DIGEST_BYTES)
			memcpy(d->digest, sqlite3_column_blob(st, 1),
			       DIGEST_BYTES);
	}
	sqlite3_finalize(st);
	return there;
}

static int note_dropped(struct dropping *d, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(d->k.db, "UPDATE tombstones SET rest ="
		" ?2, digest = ?3, records = ?4 WHERE id = ?1", e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, d->k.run);
	sqlite3_bind_int64(st, 2, d->k.next);
	sqlite3_bind_blob(st, 3, d->digest, DIGEST_BYTES, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, d->records);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(d->k.db, e, "keeping a tombstone");
	sqlite3_finalize(st);
	return rc;
}

int store_archive_drop(struct db *base, const struct archive_drop *how,
		       const struct archive_slice *slice, struct err *e)
{
	struct dropping d = { .records = 0 };
	int rc;

	packing_init(&d.k, base, how->run);
	rc = resume_dropping(&d, e);
	if (rc == 0 && (rc = bury(d.k.db, how, e)) == 0)
		rc = resume_dropping(&d, e);
	rc = rc == 1 ? 0 : rc;
	do {
		if (rc == 0 && d.k.next != 0)
			rc = drop_records(&d, slice, e);
		if (rc == ERR_DAMAGED) {	/* what cannot be read can go */
			d.k.next = 0;
			rc = drop_strays(d.k.db, how->run, e);
		}
	} while (rc == 0 && how->whole && d.k.next != 0);
	if (rc == 0 && how->whole)
		rc = drop_strays(d.k.db, how->run, e);
	if (rc == 0)
		rc = note_dropped(&d, e);
	packing_release(&d.k);
	return rc;
}
