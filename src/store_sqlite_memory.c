/* store_sqlite_memory.c -- memory in SQLite: rows, full text, tags, vectors.
 *
 * One row is one version of one thing. The version of a key that counts is the
 * one with the greatest valid_from that is not above the time asked for; ends
 * (valid_to) are kept in step so that a search can test a row alone.
 *
 * Full text is an FTS5 table over a view, kept in step by triggers, so that the
 * text is stored once and the index can never miss a change. The namespace is an
 * indexed word of its own column. Ranking is not FTS5's: keel_tf() gives back how
 * often each word of the question occurs, and memory.c does the sum, because the
 * constants of BM25 are set per kind and word statistics must be those of the
 * namespace alone. */
#include "store_memory.h"
#include "store_sqlite.h"

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

/* ---- verbs ------------------------------------------------------------------- */

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
	/* What holds for a key (at the time as_of); with no kind, of any kind. */
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

const struct sqlite_part sqlite_memory = { schema, verbs };

/* ---- statements --------------------------------------------------------------- */

enum statement {
	SPACE_BUMP, SPACE_FIND, VERSION_BEFORE, VERSION_AFTER, END_VERSION,
	TWIN, REFRESH, INSERT_ROW, INSERT_TAG, FORGET_ROW, FORGET_TAGS, CHANGES,
	MATCH, TAGGED, FITTING, STATEMENTS
};

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
	int instances, i, phrase, column, offset;

	(void)n;
	(void)v;
	if (api->xInstCount(row, &instances) != SQLITE_OK) {
		sqlite3_result_error_nomem(out);
		return;
	}
	for (i = 0; i < instances; i++)
		if (api->xInst(row, i, &phrase, &column, &offset) == SQLITE_OK &&
		    phrase <= MEMORY_TERMS && column == 1 &&
		    counts[phrase] < 255)
			counts[phrase]++;
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

static sqlite3_stmt *statement(struct sqlite_db *db, enum statement which,
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
static int unprepared(const struct err *e)
{
	return e != NULL && e->code != 0 ? e->code : ERR_IO;
}

static void bind_span(sqlite3_stmt *st, int at, struct span s)
{
	if (s.p == NULL)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_text64(st, at, s.p, s.n, SQLITE_STATIC,
				    SQLITE_UTF8);
}

static void bind_bytes(sqlite3_stmt *st, int at, struct span s)
{
	if (s.p == NULL)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_blob64(st, at, s.p, s.n, SQLITE_STATIC);
}

static void bind_time(sqlite3_stmt *st, int at, int64_t t, int64_t none)
{
	if (t == none)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_int64(st, at, t);
}

static struct span column_span(sqlite3_stmt *st, int c)
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

static int64_t column_time(sqlite3_stmt *st, int c, int64_t none)
{
	return sqlite3_column_type(st, c) == SQLITE_NULL
		? none : sqlite3_column_int64(st, c);
}

/* Run to its end a statement that gives no rows. */
static int finish(struct sqlite_db *db, sqlite3_stmt *st, const char *what,
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

/* ---- writing ------------------------------------------------------------------ */

struct place {			/* where a write goes */
	int64_t ns, stamp;
};

static int bump(struct sqlite_db *db, struct span ns, struct place *at,
		struct err *e)
{
	sqlite3_stmt *st = statement(db, SPACE_BUMP, e);

	if (st == NULL)
		return unprepared(e);
	bind_span(st, 1, ns);
	if (sqlite3_step(st) == SQLITE_ROW) {
		at->ns = sqlite3_column_int64(st, 0);
		at->stamp = sqlite3_column_int64(st, 1);
	}
	return finish(db, st, "counting a change of memory", e);
}

static bool same_bytes(struct span a, struct span b)
{
	return a.n == b.n && (a.p == NULL) == (b.p == NULL) &&
	       (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The newest version of the key that is not younger than the item. */
struct version {
	int64_t id, valid_to;
	bool same;
};

static int version_before(struct sqlite_db *db, const struct place *at,
			  const struct memory_item *m, struct version *v,
			  struct err *e)
{
	sqlite3_stmt *st = statement(db, VERSION_BEFORE, e);

	v->id = v->valid_to = 0;
	v->same = false;
	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	bind_span(st, 2, m->kind);
	bind_span(st, 3, m->key);
	sqlite3_bind_int64(st, 4, m->valid_from);
	if (sqlite3_step(st) == SQLITE_ROW) {
		v->id = sqlite3_column_int64(st, 0);
		v->same = same_bytes(column_span(st, 1), m->text) &&
			same_bytes(column_span(st, 2), m->value);
		v->valid_to = column_time(st, 3, MEMORY_FOREVER);
	}
	return finish(db, st, "looking for a version", e);
}

static int version_after(struct sqlite_db *db, const struct place *at,
			 const struct memory_item *m, int64_t *valid_to,
			 struct err *e)
{
	sqlite3_stmt *st = statement(db, VERSION_AFTER, e);

	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	bind_span(st, 2, m->kind);
	bind_span(st, 3, m->key);
	sqlite3_bind_int64(st, 4, m->valid_from);
	if (sqlite3_step(st) == SQLITE_ROW)
		*valid_to = column_time(st, 0, MEMORY_FOREVER);
	return finish(db, st, "looking for a later version", e);
}

/* A live row of the namespace that says the same: text that was recalled and is
 * stored once more, mostly. 0 when there is none. */
static int find_twin(struct sqlite_db *db, const struct place *at,
		     const struct memory_item *m, int64_t *id, struct err *e)
{
	sqlite3_stmt *st = statement(db, TWIN, e);

	*id = 0;
	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	sqlite3_bind_int64(st, 2, m->hash);
	bind_span(st, 3, m->kind);
	sqlite3_bind_int64(st, 4, m->now_ms);
	while (*id == 0 && sqlite3_step(st) == SQLITE_ROW)
		if (m->value.p == NULL ||
		    same_bytes(column_span(st, 1), m->value))
			*id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return 0;
}

static int refresh(struct sqlite_db *db, const struct place *at,
		   const struct memory_item *m, int64_t id, struct err *e)
{
	sqlite3_stmt *st = statement(db, REFRESH, e);

	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, at->stamp);
	sqlite3_bind_double(st, 3, m->importance);
	bind_time(st, 4, m->expires, MEMORY_FOREVER);
	return finish(db, st, "refreshing a memory", e);
}

static int end_version(struct sqlite_db *db, const struct place *at,
		       int64_t id, int64_t valid_to, struct err *e)
{
	sqlite3_stmt *st = statement(db, END_VERSION, e);

	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, valid_to);
	sqlite3_bind_int64(st, 3, at->stamp);
	return finish(db, st, "ending a version", e);
}

static int insert_tags(struct sqlite_db *db, const struct place *at,
		       struct span tags, int64_t id, struct err *e)
{
	sqlite3_stmt *st = statement(db, INSERT_TAG, e);
	struct codec_reader r;
	struct codec_item it;
	size_t i, n;
	int rc = 0;

	if (st == NULL)
		return unprepared(e);
	codec_read(&r, tags.p, tags.n);
	if (codec_next(&r, &it) != 0 || it.type != CODEC_ARRAY)
		return err_set(e, ERR_INPUT, "tags are a list of words");
	n = it.len;
	for (i = 0; i < n && rc == 0; i++) {
		if (codec_next(&r, &it) != 0 || it.type != CODEC_STRING)
			return err_set(e, ERR_INPUT, "a tag is a word");
		sqlite3_bind_int64(st, 1, at->ns);
		sqlite3_bind_text64(st, 2, (const char *)it.bytes, it.len,
				    SQLITE_STATIC, SQLITE_UTF8);
		sqlite3_bind_int64(st, 3, id);
		rc = finish(db, st, "keeping a tag", e);
	}
	return rc;
}

static int insert_row(struct sqlite_db *db, const struct place *at,
		      const struct memory_item *m, int64_t valid_to,
		      int64_t *id, struct err *e)
{
	sqlite3_stmt *st = statement(db, INSERT_ROW, e);
	int rc;

	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	sqlite3_bind_int64(st, 2, at->stamp);
	sqlite3_bind_int(st, 3, m->layer);
	bind_span(st, 4, m->kind);
	bind_span(st, 5, m->key);
	bind_span(st, 6, m->name);
	sqlite3_bind_double(st, 7, m->importance);
	bind_span(st, 8, m->trust);
	bind_span(st, 9, m->session);
	bind_span(st, 10, m->speaker);
	sqlite3_bind_int64(st, 11, m->now_ms);
	sqlite3_bind_int64(st, 12, m->valid_from);
	bind_time(st, 13, valid_to, MEMORY_FOREVER);
	bind_time(st, 14, m->expires, MEMORY_FOREVER);
	bind_time(st, 15, m->run, 0);
	bind_time(st, 16, m->seq, 0);
	sqlite3_bind_int64(st, 17, m->hash);
	sqlite3_bind_int(st, 18, m->words);
	bind_span(st, 19, m->model);
	bind_bytes(st, 20, m->vector);
	bind_span(st, 21, m->text);
	bind_bytes(st, 22, m->value);
	bind_bytes(st, 23, m->tags);
	bind_bytes(st, 24, m->source);
	if ((rc = finish(db, st, "keeping a memory", e)) != 0)
		return rc;
	*id = sqlite3_last_insert_rowid(db->h);
	return m->tags.p != NULL ? insert_tags(db, at, m->tags, *id, e) : 0;
}

static int put_keyed(struct sqlite_db *db, const struct place *at,
		     const struct memory_item *m, struct memory_put *out,
		     struct err *e)
{
	int64_t valid_to = MEMORY_FOREVER;
	struct version old;
	int rc = version_before(db, at, m, &old, e);

	if (rc != 0)
		return rc;
	if (old.id != 0 && old.same && old.valid_to > m->valid_from) {
		out->id = old.id;
		out->outcome = MEMORY_SAME;
		return refresh(db, at, m, old.id, e);
	}
	if ((rc = version_after(db, at, m, &valid_to, e)) != 0)
		return rc;
	if (old.id != 0 && old.valid_to > m->valid_from &&
	    (rc = end_version(db, at, old.id, m->valid_from, e)) != 0)
		return rc;
	out->outcome = old.id != 0 ? MEMORY_SUPERSEDED : MEMORY_NEW;
	return insert_row(db, at, m, valid_to, &out->id, e);
}

int store_memory_put(struct db *base, const struct memory_item *m,
		     struct memory_put *out, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct place at = { 0, 0 };
	int rc = bump(db, m->ns, &at, e);

	if (rc != 0)
		return rc;
	if (m->key.p != NULL)
		return put_keyed(db, &at, m, out, e);
	if ((rc = find_twin(db, &at, m, &out->id, e)) != 0)
		return rc;
	out->outcome = out->id != 0 ? MEMORY_SAME : MEMORY_NEW;
	if (out->id != 0)
		return refresh(db, &at, m, out->id, e);
	return insert_row(db, &at, m, MEMORY_FOREVER, &out->id, e);
}

/* ---- forgetting ---------------------------------------------------------------- */

struct victims {
	int64_t *ids;
	size_t n, cap;
};

static int collect(struct victims *v, int64_t id, struct err *e)
{
	size_t cap = v->cap ? 2 * v->cap : 64;
	int64_t *grown;

	if (v->n == v->cap) {
		grown = realloc(v->ids, cap * sizeof(*grown));
		if (grown == NULL)
			return err_set(e, ERR_NOMEM, "no memory to forget");
		v->ids = grown;
		v->cap = cap;
	}
	v->ids[v->n++] = id;
	return 0;
}

/* Rare, and of many shapes: built and prepared each time. */
static int find_victims(struct sqlite_db *db, int64_t ns,
			const struct memory_which *w, struct victims *v,
			struct err *e)
{
	char sql[400];
	sqlite3_stmt *st;
	int rc = 0, step = SQLITE_DONE;

	snprintf(sql, sizeof(sql), "SELECT id FROM memory WHERE ns = ?1 AND gone"
		 " IS NULL%s%s%s%s%s%s%s LIMIT ?9",
		 w->kind.p ? " AND kind = ?2" : "",
		 w->key.p ? " AND key = ?3" : "",
		 w->name.p ? " AND name = ?4" : "",
		 w->id ? " AND id = ?5" : "", w->run ? " AND run = ?6" : "",
		 w->layer ? " AND layer = ?7" : "",
		 w->expired_by != MEMORY_FOREVER ? " AND expires <= ?8" : "");
	if ((st = sqlite_prepare(db, sql, e)) == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	bind_span(st, 2, w->kind);
	bind_span(st, 3, w->key);
	bind_span(st, 4, w->name);
	sqlite3_bind_int64(st, 5, w->id);
	sqlite3_bind_int64(st, 6, w->run);
	sqlite3_bind_int(st, 7, w->layer);
	sqlite3_bind_int64(st, 8, w->expired_by);
	sqlite3_bind_int64(st, 9, w->limit > 0 ? w->limit : -1);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = collect(v, sqlite3_column_int64(st, 0), e);
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "looking for what to forget");
	sqlite3_finalize(st);
	return rc;
}

static int forget_one(struct sqlite_db *db, const struct place *at, int64_t id,
		      int64_t now_ms, struct span reason, struct err *e)
{
	sqlite3_stmt *row = statement(db, FORGET_ROW, e), *tags;
	int rc;

	if (row == NULL || (tags = statement(db, FORGET_TAGS, e)) == NULL)
		return unprepared(e);
	sqlite3_bind_int64(row, 1, id);
	sqlite3_bind_int64(row, 2, at->stamp);
	sqlite3_bind_int64(row, 3, now_ms);
	bind_span(row, 4, reason);
	if ((rc = finish(db, row, "forgetting", e)) != 0)
		return rc;
	sqlite3_bind_int64(tags, 1, id);
	return finish(db, tags, "forgetting tags", e);
}

int store_memory_forget(struct db *base, const struct memory_which *which,
			int64_t now_ms, struct span reason, int64_t *count,
			struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct victims v = { NULL, 0, 0 };
	struct place at = { 0, 0 };
	int64_t newest;
	size_t i;
	int rc;

	/* No namespace is made by forgetting in it. */
	if ((rc = store_memory_space(base, which->ns, &at.ns, &at.stamp,
				     &newest, e)) != 0 || at.ns == 0)
		return rc;
	rc = find_victims(db, at.ns, which, &v, e);
	if (rc == 0 && v.n > 0)
		rc = bump(db, which->ns, &at, e);
	for (i = 0; i < v.n && rc == 0; i++)
		rc = forget_one(db, &at, v.ids[i], now_ms, reason, e);
	if (rc == 0)
		*count += (int64_t)v.n;
	free(v.ids);
	return rc;
}

/* ---- reading ------------------------------------------------------------------ */

int store_memory_space(struct db *base, struct span ns, int64_t *number,
		       int64_t *stamp, int64_t *newest, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = statement(db, SPACE_FIND, e);

	if (st == NULL)
		return unprepared(e);
	bind_span(st, 1, ns);
	*number = *stamp = *newest = 0;
	if (sqlite3_step(st) == SQLITE_ROW) {
		*number = sqlite3_column_int64(st, 0);
		*stamp = sqlite3_column_int64(st, 1);
		*newest = sqlite3_column_int64(st, 2);
	}
	return finish(db, st, "looking for a namespace", e);
}

static void read_meta(sqlite3_stmt *st, struct memory_meta *m)
{
	m->id = sqlite3_column_int64(st, 0);
	m->layer = sqlite3_column_int(st, 2);
	m->words = sqlite3_column_int(st, 3);
	m->importance = sqlite3_column_double(st, 4);
	m->valid_from = sqlite3_column_int64(st, 5);
	m->valid_to = column_time(st, 6, MEMORY_FOREVER);
	m->expires = column_time(st, 7, MEMORY_FOREVER);
	m->gone = sqlite3_column_int(st, 8) != 0;
	m->kind = column_span(st, 9);
	m->trust = column_span(st, 10);
	m->session = column_span(st, 11);
	m->speaker = column_span(st, 12);
	m->model = column_span(st, 13);
	m->vector = column_span(st, 14);
}

int store_memory_changes(struct db *base, int64_t number, int64_t since,
			 int (*each)(void *arg, const struct memory_meta *m,
				     int64_t stamp, struct err *e),
			 void *arg, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = statement(db, CHANGES, e);
	struct memory_meta m;
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return unprepared(e);
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
	sqlite3_stmt *st = statement(db, MATCH, e);
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return unprepared(e);
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
	sqlite3_stmt *st = statement(db, which, e);
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return unprepared(e);
	sqlite3_bind_int64(st, 1, number);
	bind_span(st, 2, text);
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
