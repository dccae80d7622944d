/* store_sqlite_audit.c -- tables and verbs of the audit trail: who did what, when; and
 * of what was used by which run.
 *
 * audit  rows are only added. chain ties each to the one before (audit_chain.h); it is
 *        made here, on the storage thread, from what is written and the end of the
 *        trail, which the connection knows. Triggers refuse every change but a
 *        purge's, which takes the words of a subject and a detail, leaves their
 *        digests in subject_hash and detail_hash, and adds a row ("audit.scrub", seq is
 *        the row, subject the digest of what is left) that vouches for it.
 * uses   which run was given which memory (kind 'm') or event ('e'), and by which
 *        step first. Ids alone; it goes with the run. Of run 0 are the marks of what
 *        stems from outside or from private memory (engine/gate.lua), which stay.
 *
 * The last row's hash is written into a file beside the store (audit_anchor.h) in the
 * first pause after a commit, or by a commit when there is none: within a second. What is
 * anchored is kept in meta, so that anchors which go are missed. */
#include "store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_anchor.h"
#include "audit_chain.h"
#include "clock.h"
#include "crash.h"
#include "store_audit.h"

#define PAUSE_US 500000		/* so long a commit leaves it to a pause      */
#define AGAIN_US 1000000	/* between two tries                          */
#define THIN_BYTES ((size_t)1 << 20)
#define ROW_BYTES ((size_t)1 << 30)
#define ANCHORED "SELECT value FROM meta WHERE key = 'audit.anchored'"

#define OPEN(how) "coalesce((SELECT value FROM meta WHERE key = 'audit.open'), 0) < " how
#define REFUSE " BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END;"

#define TABLES \
"CREATE TABLE audit(id INTEGER PRIMARY KEY, time INTEGER NOT NULL," \
" who TEXT NOT NULL, what TEXT NOT NULL, subject TEXT, detail BLOB, channel TEXT," \
" run TEXT, seq INTEGER, chain BLOB NOT NULL, subject_hash BLOB, detail_hash BLOB);" \
"CREATE INDEX audit_run ON audit(run, id) WHERE run IS NOT NULL;" \
"CREATE INDEX audit_subject ON audit(subject, id) WHERE subject IS NOT NULL;" \
"CREATE INDEX audit_effect ON audit(substr(subject, instr(subject, ' ') + 1), id)" \
" WHERE what = 'effect';" \
"CREATE TABLE uses(kind TEXT NOT NULL, item INTEGER NOT NULL, run INTEGER NOT NULL," \
" seq INTEGER NOT NULL, PRIMARY KEY(kind, item, run)) WITHOUT ROWID;" \
"CREATE INDEX uses_run ON uses(run);" \
"CREATE TRIGGER uses_old AFTER DELETE ON runs BEGIN DELETE FROM uses WHERE run =" \
" old.id; END;"

#define GUARDS \
"CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN " OPEN("2") REFUSE \
"CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit WHEN " OPEN("1") " OR new.id IS NOT" \
" old.id OR new.time IS NOT old.time OR new.who IS NOT old.who OR new.what IS NOT" \
" old.what OR new.channel IS NOT old.channel OR new.run IS NOT old.run OR new.seq IS" \
" NOT old.seq OR new.chain IS NOT old.chain" REFUSE

#define SEALED \
	"keel_audit_seal(id, time, who, what, channel, run, seq, subject, detail)"
#define ADD \
	"INSERT INTO audit(id, time, who, what, subject, detail, channel, run, seq," \
	" chain) SELECT id, time, who, what, subject, detail, channel, run, seq, " SEALED

static const char schema[] = TABLES GUARDS;

static const char upgrade_5[] =
"ALTER TABLE audit RENAME TO audit_4;"
TABLES
ADD " FROM (SELECT id, time, who, what, subject, detail, NULL AS channel, NULL AS run,"
" NULL AS seq FROM audit_4 ORDER BY id);"
"DROP TABLE audit_4;"
GUARDS;

#define AUDIT_ROW \
	"id, time, who, what, subject, detail AS \"detail#codec\", channel, run, seq," \
	" lower(hex(substr(chain, 33))) AS hash, subject_hash IS NOT NULL AS" \
	" \"scrubbed#bool\" FROM audit"
#define BEFORE "id < coalesce(:before_opt, 9223372036854775807)"
#define BY "(:who_opt IS NULL OR who = :who_opt) AND (:what_opt IS NULL OR what = :what_opt)"
#define NEWEST " ORDER BY id DESC LIMIT :limit"

#define EVENT "coalesce(e.event, 'evt_' || e.id) AS id, e.id AS number, e.type, e.key," \
	" e.time, e.trust, e.state"
#define MEMORY "SELECT m.id AS row, coalesce(m.name, 'mem_' || m.id) AS id, m.kind, m.key," \
	" m.created, m.run, m.seq"

static const struct sqlite_verb verbs[] = {
	/* Casts: what is sealed is what the columns keep. */
	{ "audit.put", "WITH row AS MATERIALIZED (SELECT keel_audit_next() AS id,"
	  " CAST(:now AS INTEGER) AS time, CAST(:who AS TEXT) AS who, CAST(:what AS"
	  " TEXT) AS what, CAST(:subject_opt AS TEXT) AS subject, :detail_codec_opt AS"
	  " detail, CAST(:channel_opt AS TEXT) AS channel, CAST(:run_opt AS TEXT) AS"
	  " run, CAST(:seq_opt AS INTEGER) AS seq) " ADD " FROM row", false },
	{ "audit.open", "INSERT OR REPLACE INTO meta(key, value) VALUES('audit.open', 1)",
	  false },
	{ "audit.shut", "DELETE FROM meta WHERE key = 'audit.open'", false },
	{ "audit.vouch", "WITH row AS MATERIALIZED (SELECT keel_audit_next() AS id,"
	  " CAST(:now AS INTEGER) AS time, CAST(:who AS TEXT) AS who, 'audit.scrub' AS"
	  " what, 'sha256:' || keel_audit_left(subject, detail, subject_hash,"
	  " detail_hash) AS subject, NULL AS detail, NULL AS channel, NULL AS run, id AS"
	  " seq FROM audit WHERE id = :id) " ADD " FROM row", true },

	{ "audit.list", "SELECT " AUDIT_ROW " WHERE " BEFORE " AND id >="
	  " coalesce(:from_opt, 0) AND " BY NEWEST, false },
	{ "audit.of_run", "SELECT " AUDIT_ROW " WHERE run = :run AND " BEFORE " AND " BY
	  NEWEST, false },
	{ "audit.of_subject", "SELECT " AUDIT_ROW " WHERE subject = :subject AND " BEFORE
	  " AND " BY NEWEST, false },
	/* What was done to the world with a key. */
	{ "audit.effect", "SELECT " AUDIT_ROW " WHERE what = 'effect' AND substr(subject,"
	  " instr(subject, ' ') + 1) = :key" NEWEST, false },
	{ "audit.at", "SELECT " AUDIT_ROW " WHERE id = :id", false },
	{ "audit.last", "SELECT " AUDIT_ROW " ORDER BY id DESC LIMIT 1", false },

	{ "uses.put", "INSERT OR IGNORE INTO uses(kind, item, run, seq) SELECT :kind,"
	  " value, :run, :seq FROM json_each(:items_json)", false },
	{ "uses.of_item", "SELECT u.run AS id, r.run, u.seq FROM uses u JOIN runs r ON"
	  " r.id = u.run WHERE u.kind = :kind AND u.item = :item ORDER BY u.run LIMIT"
	  " :limit", false },
	{ "uses.of_run", "SELECT kind, item, seq FROM uses WHERE run = :run ORDER BY seq,"
	  " kind, item", false },
	/* Of an event that a step published, in its transaction. */
	{ "uses.published", "INSERT OR IGNORE INTO uses(kind, item, run, seq) SELECT 'p',"
	  " id, :run, :seq FROM events WHERE event = :event", false },

	/* Of an event whose words stem from private memory (engine/gate.lua). */
	{ "uses.private_event", "INSERT OR IGNORE INTO uses(kind, item, run, seq) SELECT"
	  " 'z', id, 0, 0 FROM events WHERE event = :event", false },
	{ "uses.kept", "SELECT 1 AS marked FROM uses WHERE kind = 'w' AND item = :item AND"
	  " run = 0", false },
	{ "event.is_private", "SELECT 1 AS marked FROM uses WHERE kind = 'z' AND item ="
	  " :number AND run = 0", false },

	/* What lineage asks of other tables. */
	{ "event.begun", "SELECT " EVENT ", d.seq FROM deliveries d JOIN events e ON e.id ="
	  " d.event WHERE d.run = :run ORDER BY e.id", false },
	{ "event.numbered", "SELECT " EVENT " FROM events e WHERE e.id = :number", false },
	{ "event.published_by", "SELECT " EVENT ", u.seq FROM uses u JOIN events e ON e.id ="
	  " u.item WHERE u.run = :run AND u.kind = 'p' ORDER BY e.id", false },
	{ "event.publisher", "SELECT run, seq FROM uses WHERE kind = 'p' AND item = :number",
	  false },
	{ "event.given_to", "SELECT run, seq FROM deliveries WHERE event = :number AND run"
	  " IS NOT NULL UNION SELECT run, seq FROM uses WHERE kind = 'e' AND item = :number"
	  " ORDER BY run LIMIT :limit", false },
	{ "memory.any", MEMORY ", m.text, m.trust, NULL AS forgotten FROM memory m WHERE"
	  " m.id = :row UNION ALL " MEMORY ", NULL, NULL, gone FROM memory_grave m WHERE"
	  " m.id = :row LIMIT 1", false },
	/* By the time of its making, for which there is an index. */
	{ "memory.written_by", MEMORY ", m.text, m.trust, NULL AS forgotten FROM memory_space"
	  " s CROSS JOIN memory m WHERE m.ns = s.id AND m.created BETWEEN :since AND :until"
	  " AND m.run = :run ORDER BY m.id LIMIT 1000", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_audit = { schema, verbs, NULL, NULL, NULL, upgrade_5, NULL };

/* ---- the end of the trail ------------------------------------------------------ */

/* Id, time and hash of its last row; the zeros behind no row. */
static int find_end(struct sqlite_db *db, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, AUDIT_LAST, "SELECT id, time, chain FROM audit"
				       " ORDER BY id DESC LIMIT 1", e);
	struct sqlite_audit *a = &db->audit;
	int step, rc = 0;

	if (st == NULL)
		return ERR_IO;
	a->id = a->time_ms = 0;
	memset(a->hash, 0, sizeof(a->hash));
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		const unsigned char *chain = sqlite3_column_blob(st, 2);

		a->id = sqlite3_column_int64(st, 0);
		a->time_ms = sqlite3_column_int64(st, 1);
		if (sqlite3_column_bytes(st, 2) == AUDIT_CHAIN)
			memcpy(a->hash, chain + DIGEST_BYTES, DIGEST_BYTES);
	} else if (step != SQLITE_DONE) {
		rc = sqlite_err(db, e, "reading the audit trail");
	}
	sqlite3_reset(st);
	a->known = rc == 0;
	return rc;
}

void sqlite_audit_doubt(struct sqlite_db *db)
{
	db->audit.known = false;
}

/* ---- in SQL ------------------------------------------------------------------------ */

static void take_value(sqlite3_value *v, struct audit_cell *c)
{
	*c = (struct audit_cell){ .type = AUDIT_NULL };
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		c->type = AUDIT_INT;
		c->integer = sqlite3_value_int64(v);
		break;
	case SQLITE_FLOAT:
		c->type = AUDIT_FLOAT;
		c->number = sqlite3_value_double(v);
		break;
	case SQLITE_TEXT:
		c->type = AUDIT_TEXT;
		c->p = sqlite3_value_text(v);
		c->n = (size_t)sqlite3_value_bytes(v);
		break;
	case SQLITE_BLOB:
		c->type = AUDIT_BYTES;
		c->p = sqlite3_value_blob(v);
		c->n = (size_t)sqlite3_value_bytes(v);
		break;
	}
}

/* keel_audit_next(): the number of the next row. */
static void sql_next(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct sqlite_db *db = sqlite3_user_data(ctx);
	struct err e;

	(void)argc;
	(void)argv;
	if (!db->audit.known && find_end(db, &e) != 0)
		sqlite3_result_error(ctx, e.msg, -1);
	else
		sqlite3_result_int64(ctx, db->audit.id + 1);
}

/* keel_audit_seal(id, time, who, what, channel, run, seq, subject, detail): the chain
 * of a row, which is the end of the trail then. */
static void sql_seal(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct sqlite_db *db = sqlite3_user_data(ctx);
	struct sqlite_audit *a = &db->audit;
	unsigned char chain[AUDIT_CHAIN];
	struct audit_row row;
	struct buf scratch;
	struct err e;
	int i;

	(void)argc;
	if (!a->known && find_end(db, &e) != 0) {
		sqlite3_result_error(ctx, e.msg, -1);
		return;
	}
	memset(&row, 0, sizeof(row));
	row.id = sqlite3_value_int64(argv[0]);
	for (i = 0; i < AUDIT_COLUMNS; i++)
		take_value(argv[i + 1], &row.cell[i]);
	memcpy(chain, a->hash, DIGEST_BYTES);
	buf_init(&scratch, ROW_BYTES);
	if (audit_link(&row, row.id, a->hash, &scratch, chain + DIGEST_BYTES) != 0) {
		sqlite3_result_error_nomem(ctx);
	} else {
		memcpy(a->hash, chain + DIGEST_BYTES, DIGEST_BYTES);
		a->id = row.id;
		a->time_ms = row.cell[AUDIT_TIME].integer;
		a->added = true;
		sqlite3_result_blob(ctx, chain, sizeof(chain), SQLITE_TRANSIENT);
	}
	buf_release(&scratch);
}

/* keel_audit_digest(value): what stands for it when it goes. */
static void sql_digest(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	unsigned char digest[DIGEST_BYTES];
	struct audit_cell cell;
	struct buf scratch;

	(void)argc;
	take_value(argv[0], &cell);
	buf_init(&scratch, ROW_BYTES);
	if (audit_digest(&cell, &scratch, digest) != 0)
		sqlite3_result_error_nomem(ctx);
	else
		sqlite3_result_blob(ctx, digest, sizeof(digest), SQLITE_TRANSIENT);
	buf_release(&scratch);
}

/* keel_audit_left(subject, detail, subject_hash, detail_hash): in hex. */
static void sql_left(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	unsigned char digest[DIGEST_BYTES];
	char hex[DIGEST_HEX + 1];
	struct audit_row row;
	struct buf scratch;

	(void)argc;
	memset(&row, 0, sizeof(row));
	take_value(argv[0], &row.cell[AUDIT_SUBJECT]);
	take_value(argv[1], &row.cell[AUDIT_DETAIL]);
	take_value(argv[2], &row.subject_hash);
	take_value(argv[3], &row.detail_hash);
	buf_init(&scratch, ROW_BYTES);
	if (audit_left(&row, &scratch, digest) != 0) {
		sqlite3_result_error_nomem(ctx);
	} else {
		digest_hex(digest, sizeof(digest), hex);
		sqlite3_result_text(ctx, hex, DIGEST_HEX, SQLITE_TRANSIENT);
	}
	buf_release(&scratch);
}

int sqlite_audit_functions(struct sqlite_db *db, struct err *e)
{
	static const struct {
		const char *name;
		int argc;
		void (*fn)(sqlite3_context *, int, sqlite3_value **);
	} list[] = {
		{ "keel_audit_next", 0, sql_next }, { "keel_audit_seal", 9, sql_seal },
		{ "keel_audit_digest", 1, sql_digest }, { "keel_audit_left", 4, sql_left }
	};
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (sqlite3_create_function(db->h, list[i].name, list[i].argc,
				SQLITE_UTF8 | SQLITE_DIRECTONLY, db, list[i].fn,
				NULL, NULL) != SQLITE_OK)
			return sqlite_err(db, e, "opening the store");
	return 0;
}

/* ---- anchors ---------------------------------------------------------------------------- */

char *store_audit_anchors(const char *path)
{
	const char *name = strrchr(path, '/');
	size_t folder = name != NULL ? (size_t)(name + 1 - path) : 0, n = strlen(path) + 16;
	char *out;

	if (strcmp(path, ":memory:") == 0 || (out = malloc(n)) == NULL)
		return NULL;
	if (strcmp(path + folder, "keel.db") == 0)
		snprintf(out, n, "%.*saudit.anchor", (int)folder, path);
	else
		snprintf(out, n, "%s.anchor", path);
	return out;
}

/* Whether the row that was anchored last is the one that is there. */
static int fits(struct sqlite_db *db, const struct audit_anchor *last, bool *well,
		struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(db, "SELECT substr(chain, 33) FROM audit WHERE"
					  " id = ?1", e);
	int step;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, last->id);
	step = sqlite3_step(st);
	*well = step == SQLITE_ROW && sqlite3_column_bytes(st, 0) == DIGEST_BYTES &&
		memcmp(sqlite3_column_blob(st, 0), last->hash, DIGEST_BYTES) == 0;
	sqlite3_finalize(st);
	return 0;
}

/* What was anchored up to row `to` is anchored only up to `from` now: a row says so. */
static int begin_anew(struct sqlite_db *db, int64_t from, int64_t to, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(db, "WITH row AS MATERIALIZED (SELECT"
		" keel_audit_next() AS id, ?1 AS time, 'engine' AS who, 'audit.anchor' AS"
		" what, ?2 AS subject, NULL AS detail, NULL AS channel, NULL AS run, NULL"
		" AS seq) " ADD " FROM row", e);
	char subject[64];
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	snprintf(subject, sizeof(subject), AUDIT_BEGUN_ANEW, from + 1,
		 to < db->audit.id ? to : db->audit.id);
	sqlite3_bind_int64(st, 1, clock_now_ms());
	sqlite3_bind_text(st, 2, subject, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE) {
		rc = sqlite_err(db, e, "beginning the anchors of the audit trail anew");
		sqlite_audit_doubt(db);
	}
	sqlite3_finalize(st);
	return rc;
}

static int note_anchored(struct sqlite_db *db, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, AUDIT_NOTE, "INSERT OR REPLACE INTO meta(key,"
				       " value) VALUES('audit.anchored', ?1)", e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, db->audit.anchored);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "keeping what is anchored");
	sqlite3_reset(st);
	return rc;
}

/* A file of anchors that cannot be read, or does not fit, is evidence and nothing is
 * added to it; the store works on. */
int sqlite_audit_open(struct sqlite_db *db, const char *path, struct err *e)
{
	struct sqlite_audit *a = &db->audit;
	struct audit_anchor last = { .id = 0 };
	bool well = true;
	int there, rc = find_end(db, e);

	a->anchors = store_audit_anchors(path);
	a->thin_at = THIN_BYTES;
	if (rc != 0 || a->anchors == NULL)
		return rc;
	there = audit_anchor_last(a->anchors, &last, NULL);
	if (there > 0)
		rc = fits(db, &last, &well, e);
	a->broken = there < 0 || !well;
	a->anchored = last.id;
	a->noted = sqlite_number(db, ANCHORED);
	if (rc == 0 && !a->broken && a->noted > last.id)
		rc = begin_anew(db, last.id, a->noted, e);
	if (a->id > last.id && !a->broken)
		a->owed_us = clock_mono_us();
	return rc;
}

/* Whether the file is as it was left; where anchors went meanwhile, a row says so. */
static bool still_there(struct sqlite_db *db)
{
	struct sqlite_audit *a = &db->audit;
	struct audit_anchor last = { .id = 0 };

	if (audit_anchor_last(a->anchors, &last, NULL) < 0)
		a->broken = true;
	if (last.id >= a->anchored || a->broken)
		return !a->broken;
	if (begin_anew(db, last.id, a->anchored, NULL) != 0)
		return false;
	a->anchored = last.id;
	return true;
}

static void write_anchor(struct sqlite_db *db)
{
	struct sqlite_audit *a = &db->audit;
	struct audit_anchor now = { .id = 0 };

	a->try_us = clock_mono_us() + AGAIN_US;
	if ((!a->known && find_end(db, NULL) != 0) || !still_there(db))
		return;
	now.id = a->id;
	now.time_ms = a->time_ms;
	memcpy(now.hash, a->hash, sizeof(now.hash));
	CRASH_POINT("before_anchor");
	if (audit_anchor_add(a->anchors, &now, &a->thin_at, NULL) != 0)
		return;
	CRASH_POINT("after_anchor");
	a->owed_us = a->try_us = 0;
	a->anchored = now.id;
}

/* What was anchored is kept with the next rows, at no sync of its own. */
int sqlite_audit_committing(struct sqlite_db *db, struct err *e)
{
	struct sqlite_audit *a = &db->audit;

	return a->added && a->anchored > a->noted ? note_anchored(db, e) : 0;
}

bool sqlite_audit_owes(struct db *base)
{
	const struct sqlite_audit *a = &sqlite_of(base)->audit;

	return a->owed_us != 0 && clock_mono_us() >= a->try_us;
}

void sqlite_audit_pay(struct db *base)
{
	if (sqlite_audit_owes(base))
		write_anchor(sqlite_of(base));
}

void sqlite_audit_committed(struct sqlite_db *db)
{
	struct sqlite_audit *a = &db->audit;

	if (a->added && a->owed_us == 0 && a->anchors != NULL && !a->broken)
		a->owed_us = clock_mono_us();
	if (a->added && a->anchored > a->noted)
		a->noted = a->anchored;
	a->added = false;
	if (a->owed_us != 0 && clock_mono_us() - a->owed_us > PAUSE_US)
		sqlite_audit_pay(&db->db);
}

void sqlite_audit_release(struct sqlite_db *db)
{
	if (db->audit.owed_us != 0)
		write_anchor(db);
	if (db->audit.anchors != NULL && db->audit.anchored > db->audit.noted &&
	    sqlite3_get_autocommit(db->h))
		note_anchored(db, NULL);
	free(db->audit.anchors);
	db->audit.anchors = NULL;
}

/* ---- from one end to the other ------------------------------------------------------------ */

#define UNREADABLE 16		/* holes in the file that are stepped over     */

struct store_audit {
	sqlite3 *h;
	sqlite3_stmt *st;
	struct audit_check *check;
	int64_t last;
	int holes;
};

static void take_column(sqlite3_stmt *st, int i, struct audit_cell *c)
{
	*c = (struct audit_cell){ .type = AUDIT_NULL };
	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER:
		c->type = AUDIT_INT;
		c->integer = sqlite3_column_int64(st, i);
		break;
	case SQLITE_FLOAT:
		c->type = AUDIT_FLOAT;
		c->number = sqlite3_column_double(st, i);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		c->type = sqlite3_column_type(st, i) == SQLITE_TEXT ? AUDIT_TEXT
								    : AUDIT_BYTES;
		c->p = sqlite3_column_blob(st, i);
		c->n = (size_t)sqlite3_column_bytes(st, i);
		break;
	}
}

static void take_row(sqlite3_stmt *st, struct audit_row *row)
{
	int i;

	row->id = sqlite3_column_int64(st, 0);
	for (i = 0; i < AUDIT_COLUMNS; i++)
		take_column(st, i + 1, &row->cell[i]);
	take_column(st, AUDIT_COLUMNS + 1, &row->subject_hash);
	take_column(st, AUDIT_COLUMNS + 2, &row->detail_hash);
	take_column(st, AUDIT_COLUMNS + 3, &row->chain);
}

static int from_row(struct store_audit *a, int64_t id, struct err *e)
{
	sqlite3_finalize(a->st);
	a->st = NULL;
	if (sqlite3_prepare_v2(a->h, "SELECT id, time, who, what, channel, run, seq,"
			       " subject, detail, subject_hash, detail_hash, chain FROM"
			       " audit WHERE id >= ?1 ORDER BY id", -1, &a->st,
			       NULL) != SQLITE_OK)
		return err_set(e, ERR_DAMAGED, "cannot read the audit trail: %s",
			       sqlite3_errmsg(a->h));
	sqlite3_bind_int64(a->st, 1, id);
	return 0;
}

/* Read before the anchors are, which are never behind it. */
static int anchored_of(sqlite3 *h, int64_t *out, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(h, ANCHORED, -1, &st, NULL) != SQLITE_OK)
		rc = err_set(e, ERR_DAMAGED, "cannot read the audit trail: %s",
			     sqlite3_errmsg(h));
	else if (sqlite3_step(st) == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc;
}

int store_audit_open(struct store_audit **out, const char *path, struct err *e)
{
	struct store_audit *a = calloc(1, sizeof(*a));
	struct audit_anchors anchors = { NULL, 0, 0 };
	char *beside = store_audit_anchors(path);
	int64_t anchored = 0;
	int rc = 0;

	sqlite_settle();
	if (a == NULL || beside == NULL)
		rc = err_set(e, ERR_NOMEM, "no memory to check the audit trail");
	if (rc == 0 && sqlite3_open_v2(path, &a->h, SQLITE_OPEN_READONLY |
				       SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		rc = err_set(e, ERR_IO, "cannot read %s: %s", path,
			     a->h != NULL ? sqlite3_errmsg(a->h) : "no memory");
	if (rc == 0) {
		sqlite3_busy_timeout(a->h, BUSY_MS);
		rc = anchored_of(a->h, &anchored, e);
	}
	if (rc == 0)
		rc = audit_anchors_read(beside, &anchors, e);
	if (rc == 0 && (a->check = audit_check_open(&anchors, anchored)) == NULL)
		rc = err_set(e, ERR_NOMEM, "no memory to check the audit trail");
	if (rc == 0)
		rc = from_row(a, INT64_MIN, e);
	free(beside);
	audit_anchors_release(&anchors);
	if (rc != 0) {
		store_audit_close(a);
		return rc;
	}
	*out = a;
	return 0;
}

void store_audit_close(struct store_audit *a)
{
	if (a == NULL)
		return;
	sqlite3_finalize(a->st);
	sqlite3_close(a->h);
	audit_check_close(a->check);
	free(a);
}

/* The rows behind what cannot be read may be readable. */
static int step_over(struct store_audit *a, bool *over, struct err *e)
{
	audit_check_unreadable(a->check, sqlite3_errmsg(a->h));
	if (++a->holes == UNREADABLE) {
		*over = true;
		return 0;
	}
	a->last++;
	return from_row(a, a->last + 1, e);
}

int store_audit_step(struct store_audit *a, int rows, bool *over, struct err *e)
{
	struct audit_row row;
	int i, step, rc = 0;

	*over = false;
	for (i = 0; i < rows && rc == 0 && !*over; i++) {
		step = sqlite3_step(a->st);
		if (step == SQLITE_ROW) {
			take_row(a->st, &row);
			a->last = row.id;
			rc = audit_check_row(a->check, &row);
		} else if (step == SQLITE_DONE) {
			*over = true;
		} else if ((step & 0xff) == SQLITE_CORRUPT) {
			rc = step_over(a, over, e);
		} else {
			return err_set(e, ERR_IO, "cannot read the audit trail: %s",
				       sqlite3_errmsg(a->h));
		}
	}
	if (rc == 0 && *over)
		rc = audit_check_end(a->check);
	return rc == 0 ? 0 : err_set(e, rc, "no memory to check the audit trail");
}

void store_audit_found(struct store_audit *a, struct audit_found *out)
{
	audit_check_found(a->check, out);
}
