/* store_sqlite_memory.c -- memory in SQLite: rows, full text, tags, vectors.
 *
 * One row is one version of one thing. The version of a key that counts is the
 * one with the greatest valid_from that is not above the time asked for; ends
 * (valid_to) are kept in step so that a search can test a row alone.
 *
 * Full text is an FTS5 table over a view, kept in step by triggers: the text is
 * stored once and the index cannot miss a change. The namespace is an indexed
 * word of its own column. Ranking is not FTS5's: keel_tf() gives back how often
 * each word of the question occurs, and recall_find.c does the sum, because the
 * constants of BM25 are set per kind and word statistics must be those of the
 * namespace alone. Writing is in store_sqlite_memory_write.c. */
#include "store_sqlite_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

static const char schema[] =
"CREATE TABLE memory_space(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
" stamp INTEGER NOT NULL);"

"CREATE TABLE memory(id INTEGER PRIMARY KEY, ns INTEGER NOT NULL, stamp INTEGER"
" NOT NULL, layer INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT, name TEXT,"
" importance REAL NOT NULL, trust TEXT NOT NULL, session TEXT, speaker TEXT,"
" created INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER,"
" expires INTEGER, run INTEGER, seq INTEGER, hash INTEGER NOT NULL, words"
" INTEGER NOT NULL, gone INTEGER, reason TEXT, model TEXT, vector BLOB, text"
" TEXT, value BLOB, tags BLOB, source BLOB);"

"CREATE INDEX memory_key ON memory(ns, kind, key, valid_from) WHERE key IS NOT"
" NULL;"
"CREATE INDEX memory_name ON memory(ns, name) WHERE name IS NOT NULL;"
"CREATE INDEX memory_hash ON memory(ns, hash);"
"CREATE INDEX memory_stamp ON memory(ns, stamp);"
"CREATE INDEX memory_expires ON memory(expires) WHERE expires IS NOT NULL;"

"CREATE TABLE memory_tag(ns INTEGER NOT NULL, tag TEXT NOT NULL, id INTEGER NOT"
" NULL, PRIMARY KEY(ns, tag, id)) WITHOUT ROWID;"
"CREATE INDEX memory_tag_id ON memory_tag(id);"

"CREATE VIEW memory_words(id, ns, text) AS SELECT id, 'n' || ns, text FROM"
" memory;"
"CREATE VIRTUAL TABLE memory_fts USING fts5(ns, text, content='memory_words',"
" content_rowid='id', columnsize=0, tokenize='porter unicode61"
" remove_diacritics 2');"

"CREATE TRIGGER memory_text_new AFTER INSERT ON memory WHEN new.text IS NOT NULL"
" BEGIN INSERT INTO memory_fts(rowid, ns, text) VALUES(new.id, 'n' || new.ns,"
" new.text); END;"
"CREATE TRIGGER memory_text_old AFTER UPDATE OF text ON memory WHEN old.text IS"
" NOT NULL AND new.text IS NULL BEGIN INSERT INTO memory_fts(memory_fts, rowid,"
" ns, text) VALUES('delete', old.id, 'n' || old.ns, old.text); END;"
"CREATE TRIGGER memory_text_gone AFTER DELETE ON memory WHEN old.text IS NOT"
" NULL BEGIN INSERT INTO memory_fts(memory_fts, rowid, ns, text)"
" VALUES('delete', old.id, 'n' || old.ns, old.text); END;";

/* ---- verbs -------------------------------------------------------------- */

#define ROW "SELECT m.id AS row, m.name, coalesce(m.name, 'mem_' || m.id) AS id, s.name"\
	" AS ns, CASE m.layer WHEN 1 THEN 'working' WHEN 2 THEN 'session' ELSE"\
	" 'long' END AS layer, m.kind, m.key, m.text, m.value AS"\
	" \"value#codec\", m.tags AS \"tags#codec\", m.source AS"\
	" \"source#codec\", m.importance, m.trust, m.session, m.speaker,"\
	" m.created, m.valid_from AS time, m.valid_to, m.expires, m.run, m.seq,"\
	" m.gone AS forgotten, m.reason, m.model"\
	" FROM memory m JOIN memory_space s ON s.id = m.ns"

#define LIVE " AND m.gone IS NULL AND (m.expires IS NULL OR m.expires > :now)"
#define AT " AND m.valid_from <= coalesce(:as_of_opt, :now) AND (m.valid_to IS"\
	" NULL OR m.valid_to > coalesce(:as_of_opt, :now))"

static const struct sqlite_verb verbs[] = {
	{ "memory.row", ROW " WHERE m.id = :row AND m.gone IS NULL", false },
	/* What holds for a key (at the time as_of). */
	{ "memory.get", ROW " WHERE s.name = :ns AND m.kind = :kind AND m.key ="
	  " :key" LIVE AT " ORDER BY m.valid_from DESC, m.id DESC LIMIT 1",
	  false },
	{ "memory.get_id", ROW " WHERE s.name = :ns AND (m.name = :id OR m.id ="
	  " :row_opt AND m.name IS NULL)" LIVE AT
	  " ORDER BY m.valid_from DESC, m.id DESC LIMIT 1", false },
	/* Every version, newest first, tombstones too. */
	{ "memory.history", ROW " WHERE s.name = :ns AND m.kind = :kind AND"
	  " m.key = :key ORDER BY m.valid_from DESC, m.id DESC", false },
	{ "memory.history_id", ROW " WHERE s.name = :ns AND (m.name = :id OR"
	  " m.id = :row_opt AND m.name IS NULL) ORDER BY m.valid_from DESC,"
	  " m.id DESC", false },
	/* A page of what is live, in the order of its making. */
	{ "memory.list", ROW " WHERE s.name = :ns AND m.id > :after AND m.gone"
	  " IS NULL AND (m.expires IS NULL OR m.expires > :now) ORDER BY m.id"
	  " LIMIT :limit", false },
	{ "memory.spaces", "SELECT name AS ns FROM memory_space ORDER BY name",
	  false },
	{ "memory.stats", "SELECT s.name AS ns, m.kind, CASE m.layer WHEN 1"
	  " THEN 'working' WHEN 2 THEN 'session' ELSE 'long' END AS layer,"
	  " sum(m.gone IS NULL AND m.valid_to IS NULL AND (m.expires IS NULL OR"
	  " m.expires > :now)) AS current, sum(m.gone IS NULL AND m.valid_to IS"
	  " NOT NULL) AS superseded, coalesce(sum(m.gone IS NULL AND m.expires <= :now), 0)"
	  " AS expired, sum(m.gone IS NOT NULL) AS forgotten, sum(coalesce("
	  " length(CAST(m.text AS BLOB)), 0) + coalesce(length(m.value), 0) +"
	  " coalesce(length(m.vector), 0)) AS bytes, max(m.created) AS newest"
	  " FROM memory m JOIN memory_space s ON s.id = m.ns WHERE (:ns_opt IS"
	  " NULL OR s.name = :ns_opt) GROUP BY s.name, m.kind, m.layer ORDER BY"
	  " s.name, m.kind, m.layer", false },
	/* Whether rows, full text and tags agree; fails when they do not. */
	{ "memory.check", "INSERT INTO memory_fts(memory_fts) VALUES("
	  "'integrity-check')", false },
	/* Merge the full text index: forgotten words leave its pages, too. */
	{ "memory.settle", "INSERT INTO memory_fts(memory_fts) VALUES("
	  "'optimize')", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_memory = { schema, verbs, NULL };

/* ---- statements --------------------------------------------------------- */

static const char *const texts[STATEMENTS] = {
	[SPACE_BUMP] = "INSERT INTO memory_space(name, stamp) VALUES(?1, 1) ON"
		" CONFLICT(name) DO UPDATE SET stamp = stamp + 1 RETURNING id,"
		" stamp",
	[SPACE_FIND] = "SELECT id, stamp, (SELECT max(id) FROM memory) FROM"
		" memory_space WHERE name = ?1",
	[VERSION_BEFORE] = "SELECT id, text, value, valid_to FROM memory WHERE"
		" ns = ?1 AND kind = ?2 AND key = ?3 AND valid_from <= ?4 AND"
		" gone IS NULL ORDER BY valid_from DESC, id DESC LIMIT 1",
	[VERSION_AFTER] = "SELECT min(valid_from) FROM memory WHERE ns = ?1 AND"
		" kind = ?2 AND key = ?3 AND valid_from > ?4 AND gone IS NULL",
	[END_VERSION] = "UPDATE memory SET valid_to = ?2, stamp = ?3 WHERE"
		" id = ?1",
	[TWIN] = "SELECT id, value FROM memory WHERE ns = ?1 AND hash = ?2 AND"
		" (kind = ?3 OR ?3 = 'note') AND gone IS NULL AND valid_to IS"
		" NULL AND (expires IS NULL OR expires > ?4) ORDER BY id",
	[REFRESH] = "UPDATE memory SET stamp = ?2, importance = max(importance,"
		" ?3), expires = CASE WHEN expires IS NULL OR ?4 IS NULL THEN"
		" NULL ELSE max(expires, ?4) END WHERE id = ?1 AND"
		" (importance < ?3 OR expires < ?4 OR (expires IS NOT NULL AND"
		" ?4 IS NULL))",
	[INSERT_ROW] = "INSERT INTO memory(ns, stamp, layer, kind, key, name,"
		" importance, trust, session, speaker, created, valid_from,"
		" valid_to, expires, run, seq, hash, words, model, vector, text,"
		" value, tags, source) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,"
		"?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24)",
	[INSERT_TAG] = "INSERT OR IGNORE INTO memory_tag(ns, tag, id)"
		" VALUES(?1, ?2, ?3)",
	[FORGET_ROW] = "UPDATE memory SET stamp = ?2, gone = ?3, reason = ?4,"
		" text = NULL, value = NULL, tags = NULL, source = NULL,"
		" model = NULL, vector = NULL, session = NULL, speaker = NULL"
		" WHERE id = ?1",
	[FORGET_TAGS] = "DELETE FROM memory_tag WHERE id = ?1",
	/* The ids are sorted alone, so rows are read once and in their order. */
	[CHANGES] = "SELECT m.id, m.stamp, m.layer, m.words, m.importance,"
		" m.valid_from, m.valid_to, m.expires, m.gone IS NOT NULL,"
		" m.kind, m.trust, m.session, m.speaker, m.model, m.vector FROM"
		" (SELECT id FROM memory WHERE ns = ?1 AND stamp > ?2 ORDER BY"
		" id) c CROSS JOIN memory m ON m.id = c.id",
	[MATCH] = "SELECT rowid, keel_tf(memory_fts) FROM memory_fts WHERE"
		" memory_fts MATCH ?1",
	[TAGGED] = "SELECT id FROM memory_tag WHERE ns = ?1 AND tag = ?2",
	[FITTING] = "SELECT id FROM memory WHERE ns = ?1 AND (kind || '/' ||"
		" coalesce(key, '')) GLOB ?2",
};

struct sqlite_memory {
	sqlite3_stmt *st[STATEMENTS];
};

void sqlite_memory_release(struct sqlite_db *db)
{
	int i;

	for (i = 0; db->memory != NULL && i < STATEMENTS; i++)
		sqlite3_finalize(db->memory->st[i]);
	free(db->memory);
	db->memory = NULL;
}

/* keel_tf(): one byte a word of the question, how often it occurs in the row. */
static void tf(const Fts5ExtensionApi *api, Fts5Context *row,
	       sqlite3_context *out, int n, sqlite3_value **v)
{
	unsigned char counts[MEMORY_TERMS + 1] = { 0 };
	int phrases = api->xPhraseCount(row), i, column, offset;
	Fts5PhraseIter at;

	(void)n;
	(void)v;
	for (i = 0; i < phrases && i < MEMORY_TERMS; i++) {
		if (api->xPhraseFirst(row, i, &at, &column, &offset) != SQLITE_OK) {
			sqlite3_result_error_nomem(out);
			return;
		}
		for (; column >= 0; api->xPhraseNext(row, &at, &column, &offset))
			if (column == 1 && counts[i] < 255)
				counts[i]++;
	}
	sqlite3_result_blob(out, counts, sizeof(counts), SQLITE_TRANSIENT);
}

static int register_tf(struct sqlite_db *db, struct err *e)
{
	sqlite3_stmt *st = sqlite_prepare(db, "SELECT fts5(?1)", e);
	fts5_api *api = NULL;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
	sqlite3_step(st);
	sqlite3_finalize(st);
	if (api == NULL || api->xCreateFunction(api, "keel_tf", NULL, tf,
						NULL) != SQLITE_OK)
		return err_set(e, ERR_STATE, "this SQLite has no full text");
	return 0;
}

sqlite3_stmt *memory_statement(struct sqlite_db *db, enum statement which,
			       struct err *e)
{
	if (db->memory == NULL) {
		db->memory = calloc(1, sizeof(*db->memory));
		if (db->memory == NULL) {
			err_set(e, ERR_NOMEM, "no memory for statements");
			return NULL;
		}
	}
	if (db->memory->st[which] == NULL) {
		if (which == MATCH && register_tf(db, e) != 0)
			return NULL;
		db->memory->st[which] = sqlite_prepare(db, texts[which], e);
	}
	return db->memory->st[which];
}

/* Why there is no statement: e was filled unless the caller gave none. */
int memory_unprepared(const struct err *e)
{
	return e != NULL && e->code != 0 ? e->code : ERR_IO;
}

void memory_bind_span(sqlite3_stmt *st, int at, struct span s)
{
	if (s.p == NULL)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_text64(st, at, s.p, s.n, SQLITE_STATIC,
				    SQLITE_UTF8);
}

void memory_bind_bytes(sqlite3_stmt *st, int at, struct span s)
{
	if (s.p == NULL)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_blob64(st, at, s.p, s.n, SQLITE_STATIC);
}

void memory_bind_time(sqlite3_stmt *st, int at, int64_t t, int64_t none)
{
	if (t == none)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_int64(st, at, t);
}

struct span memory_column_span(sqlite3_stmt *st, int c)
{
	struct span s = { NULL, 0 };

	if (sqlite3_column_type(st, c) == SQLITE_NULL)
		return s;
	/* blob first: it leaves text alone and gives "" as NULL */
	s.p = sqlite3_column_blob(st, c);
	s.n = (size_t)sqlite3_column_bytes(st, c);
	if (s.p == NULL)
		s.p = "";
	return s;
}

int64_t memory_column_time(sqlite3_stmt *st, int c, int64_t none)
{
	return sqlite3_column_type(st, c) == SQLITE_NULL
		? none : sqlite3_column_int64(st, c);
}

/* Run to its end a statement that gives no rows. */
int memory_finish(struct sqlite_db *db, sqlite3_stmt *st, const char *what,
		  struct err *e)
{
	int rc = 0, step;

	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		;
	if (step != SQLITE_DONE)
		rc = sqlite_err(db, e, what);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

/* ---- reading ------------------------------------------------------------ */

int store_memory_space(struct db *base, struct span ns, int64_t *number,
		       int64_t *stamp, int64_t *newest, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = memory_statement(db, SPACE_FIND, e);

	if (st == NULL)
		return memory_unprepared(e);
	memory_bind_span(st, 1, ns);
	*number = *stamp = *newest = 0;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*number = sqlite3_column_int64(st, 0);
		*stamp = sqlite3_column_int64(st, 1);
		*newest = sqlite3_column_int64(st, 2);
	}
	return memory_finish(db, st, "looking for a namespace", e);
}

static void read_meta(sqlite3_stmt *st, struct memory_meta *m)
{
	m->id = sqlite3_column_int64(st, 0);
	m->layer = sqlite3_column_int(st, 2);
	m->words = sqlite3_column_int(st, 3);
	m->importance = sqlite3_column_double(st, 4);
	m->valid_from = sqlite3_column_int64(st, 5);
	m->valid_to = memory_column_time(st, 6, MEMORY_FOREVER);
	m->expires = memory_column_time(st, 7, MEMORY_FOREVER);
	m->gone = sqlite3_column_int(st, 8) != 0;
	m->kind = memory_column_span(st, 9);
	m->trust = memory_column_span(st, 10);
	m->session = memory_column_span(st, 11);
	m->speaker = memory_column_span(st, 12);
	m->model = memory_column_span(st, 13);
	m->vector = memory_column_span(st, 14);
}

int store_memory_changes(struct db *base, int64_t number, int64_t since,
			 int (*each)(void *arg, const struct memory_meta *m,
				     int64_t stamp, struct err *e),
			 void *arg, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = memory_statement(db, CHANGES, e);
	struct memory_meta m;
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, number);
	sqlite3_bind_int64(st, 2, since);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		read_meta(st, &m);
		rc = each(arg, &m, sqlite3_column_int64(st, 1), e);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "reading memory");
	sqlite3_reset(st);
	return rc;
}

/* Words are quoted, and a quote inside is doubled: nothing that a person writes
 * is ever read as FTS5's syntax. */
static void quote(struct buf *q, struct span word)
{
	size_t i;

	buf_byte(q, '"');
	for (i = 0; i < word.n; i++) {
		if (word.p[i] == '"')
			buf_byte(q, '"');
		buf_byte(q, word.p[i] ? (unsigned char)word.p[i] : ' ');
	}
	buf_byte(q, '"');
}

static int question(struct buf *q, int64_t number, bool whole,
		    const struct span *terms, size_t n, struct err *e)
{
	size_t i;

	buf_str(q, "text : (");
	for (i = 0; i < n && i < MEMORY_TERMS; i++) {
		if (i > 0)
			buf_str(q, " OR ");
		quote(q, terms[i]);
	}
	buf_str(q, ")");
	if (!whole)
		buf_fmt(q, " AND ns : n%lld", (long long)number);
	return buf_err(q, e, "a question");
}

static int match(struct sqlite_db *db, const struct buf *q,
		 int (*each)(void *arg, int64_t id,
			     const unsigned char *counts, struct err *e),
		 void *arg, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, MATCH, e);
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_text64(st, 1, (const char *)q->data, q->len, SQLITE_STATIC,
			    SQLITE_UTF8);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = sqlite3_column_bytes(st, 1) < MEMORY_TERMS
			? err_set(e, ERR_DAMAGED, "full text gave no counts")
			: each(arg, sqlite3_column_int64(st, 0),
			       sqlite3_column_blob(st, 1), e);
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "searching");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int store_memory_match(struct db *base, int64_t number, bool whole,
		       const struct span *terms, size_t n,
		       int (*each)(void *arg, int64_t id,
				   const unsigned char *counts, struct err *e),
		       void *arg, struct err *e)
{
	struct buf q;
	int rc;

	if (n == 0)
		return 0;
	buf_init(&q, 1 << 16);
	rc = question(&q, number, whole, terms, n, e);
	if (rc == 0)
		rc = match(sqlite_of(base), &q, each, arg, e);
	buf_release(&q);
	return rc;
}

static int walk_ids(struct sqlite_db *db, enum statement which, int64_t number,
		    struct span text,
		    int (*each)(void *arg, int64_t id, struct err *e),
		    void *arg, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, which, e);
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, number);
	memory_bind_span(st, 2, text);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = each(arg, sqlite3_column_int64(st, 0), e);
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "reading memory");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int store_memory_tagged(struct db *base, int64_t number, struct span tag,
			int (*each)(void *arg, int64_t id, struct err *e),
			void *arg, struct err *e)
{
	return walk_ids(sqlite_of(base), TAGGED, number, tag, each, arg, e);
}

int store_memory_fitting(struct db *base, int64_t number, struct span pattern,
			 int (*each)(void *arg, int64_t id, struct err *e),
			 void *arg, struct err *e)
{
	return walk_ids(sqlite_of(base), FITTING, number, pattern, each, arg, e);
}
