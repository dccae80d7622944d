/* store_sqlite_memory.c -- memory in SQLite: rows, vectors, fields, tombstones.
 *
 * One row is one version of one thing. The version of a key that counts is the
 * one with the greatest valid_from that is not above the time asked for; ends
 * (valid_to) are kept in step so that a search can test a row alone. A version
 * that ends where it begins never held: it was disputed.
 *
 * There is no full text here: a search holds words and vectors in memory
 * (shelf.h), made from the rows. So an index cannot miss a change, a row is a
 * third smaller, and what is forgotten is nowhere but in the row that goes.
 * Columns that say the usual are NULL: importance 0.5, trust "internal",
 * valid_from of what has no key and holds since it was made.
 *
 * Writing is in store_sqlite_memory_write.c, forgetting and moving together in
 * store_sqlite_memory_forget.c. */
#include "store_sqlite_memory.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define SCHEMA \
"CREATE TABLE memory_space(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"\
" stamp INTEGER NOT NULL, floor INTEGER NOT NULL);"\
\
/* Which kinds a namespace has had: rules of retention ask. */\
"CREATE TABLE memory_kind(ns INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY"\
" KEY(ns, kind)) WITHOUT ROWID;"\
\
"CREATE TABLE memory(id INTEGER PRIMARY KEY, ns INTEGER NOT NULL,"\
" layer INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT, name TEXT, importance"\
" REAL, trust TEXT, session TEXT, speaker TEXT, created INTEGER NOT NULL,"\
" valid_from INTEGER, valid_to INTEGER, expires INTEGER, run INTEGER, seq"\
" INTEGER, hash INTEGER NOT NULL, reason TEXT, text TEXT, value BLOB, tags"\
" BLOB, source BLOB);"\
"CREATE INDEX memory_ns ON memory(ns, created);"\
"CREATE INDEX memory_key ON memory(ns, kind, key, valid_from) WHERE key IS NOT"\
" NULL;"\
"CREATE INDEX memory_name ON memory(ns, name) WHERE name IS NOT NULL;"\
"CREATE INDEX memory_expires ON memory(expires) WHERE expires IS NOT NULL;"\
"CREATE INDEX memory_working ON memory(run) WHERE layer = 1;"\
\
/* int8, one a row at most, in a table of their own: fifteen of 256 numbers fill\
 * a page, and a scan of texts does not read them. */\
"CREATE TABLE memory_model(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"\
" dim INTEGER NOT NULL);"\
"CREATE TABLE memory_vector(id INTEGER PRIMARY KEY, model INTEGER NOT NULL,"\
" vector BLOB NOT NULL);"\
\
/* Scalars at the top of a value, and tags as the field '#'. */\
"CREATE TABLE memory_field(ns INTEGER NOT NULL, name TEXT NOT NULL, value, id"\
" INTEGER NOT NULL, PRIMARY KEY(ns, name, value, id)) WITHOUT ROWID;"\
"CREATE INDEX memory_field_id ON memory_field(id);"\
\
"CREATE TABLE memory_change(ns INTEGER NOT NULL, stamp INTEGER NOT NULL, id"\
" INTEGER NOT NULL, PRIMARY KEY(ns, stamp)) WITHOUT ROWID;"\
\
"CREATE TABLE memory_grave(id INTEGER PRIMARY KEY, ns INTEGER NOT NULL, layer"\
" INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT, name TEXT, created INTEGER"\
" NOT NULL, valid_from INTEGER, valid_to INTEGER, run INTEGER, seq INTEGER,"\
" hash INTEGER NOT NULL, gone INTEGER NOT NULL, reason TEXT);"\
"CREATE INDEX memory_grave_key ON memory_grave(ns, kind, key) WHERE key IS NOT"\
" NULL;"\
"CREATE INDEX memory_grave_name ON memory_grave(ns, name) WHERE name IS NOT"\
" NULL;"

static const char schema[] = SCHEMA;

/* Formats 1 and 2 kept a full text index and tombstones among the rows. */
static const char upgrade_3[] =
"DROP TRIGGER memory_text_new; DROP TRIGGER memory_text_old; DROP TRIGGER"
" memory_text_gone; DROP TABLE memory_fts; DROP VIEW memory_words;"
"DROP INDEX memory_key; DROP INDEX memory_name; DROP INDEX memory_hash; DROP"
" INDEX memory_stamp; DROP INDEX memory_expires; DROP INDEX memory_tag_id;"
"ALTER TABLE memory RENAME TO memory_2; ALTER TABLE memory_space RENAME TO"
" memory_space_2;"
SCHEMA
"INSERT INTO memory_space SELECT id, name, stamp, stamp FROM memory_space_2;"
"INSERT INTO memory_model(name, dim) SELECT model, max(length(vector)) FROM"
" memory_2 WHERE model IS NOT NULL AND vector IS NOT NULL GROUP BY model;"
"INSERT INTO memory SELECT id, ns, layer, kind, key, name, nullif(importance,"
" 0.5), nullif(trust, 'internal'), session, speaker, created, CASE WHEN key IS"
" NULL THEN nullif(valid_from, created) ELSE valid_from END, valid_to, expires,"
" run, seq, hash & 2147483647, NULL, text, value, tags, source FROM memory_2"
" WHERE gone IS NULL ORDER BY id;"
"INSERT OR IGNORE INTO memory_kind SELECT ns, kind FROM memory;"
"INSERT INTO memory_vector SELECT m.id, d.id, m.vector FROM memory_2 m JOIN"
" memory_model d ON d.name = m.model WHERE m.gone IS NULL AND m.vector IS NOT"
" NULL ORDER BY m.id;"
"INSERT INTO memory_grave SELECT id, ns, layer, kind, key, name, created,"
" valid_from, valid_to, run, seq, hash & 2147483647, gone, reason FROM memory_2"
" WHERE gone IS NOT NULL ORDER BY id;"
"INSERT OR IGNORE INTO memory_field SELECT ns, '#', tag, id FROM memory_tag;"
"DROP TABLE memory_tag; DROP TABLE memory_2; DROP TABLE memory_space_2;";

/* ---- verbs -------------------------------------------------------------- */

#define LAYER(t) "CASE " t ".layer WHEN 1 THEN 'working' WHEN 2 THEN 'session'"\
	" ELSE 'long' END AS layer"
#define SINCE "coalesce(m.valid_from, m.created)"

#define COLUMNS "SELECT m.id AS row, m.name, coalesce(m.name, 'mem_' || m.id) AS id,"\
	" s.name AS ns, " LAYER("m") ", m.kind, m.key, m.text, m.value AS"\
	" \"value#codec\", m.tags AS \"tags#codec\", m.source AS"\
	" \"source#codec\", coalesce(m.importance, 0.5) AS importance,"\
	" coalesce(m.trust, 'internal') AS trust, m.session, m.speaker,"\
	" m.created, " SINCE " AS time, m.valid_to, m.expires, m.run, m.seq,"\
	" NULL AS forgotten, m.reason"
#define HIT COLUMNS " FROM memory m JOIN memory_space s ON s.id = m.ns"
#define ROW COLUMNS ", d.name AS model, length(v.vector) AS dim FROM memory m"\
	" JOIN memory_space s ON s.id = m.ns LEFT JOIN memory_vector v ON v.id ="\
	" m.id LEFT JOIN memory_model d ON d.id = v.model"
#define GRAVE "SELECT g.id AS row, g.name, coalesce(g.name, 'mem_' || g.id) AS"\
	" id, s.name AS ns, " LAYER("g") ", g.kind, g.key, NULL AS text, NULL"\
	" AS \"value#codec\", NULL AS \"tags#codec\", NULL AS"\
	" \"source#codec\", NULL AS importance, NULL AS trust, NULL AS session,"\
	" NULL AS speaker, g.created, coalesce(g.valid_from, g.created) AS"\
	" time, g.valid_to, NULL AS expires, g.run, g.seq, g.gone AS forgotten,"\
	" g.reason, NULL AS model, NULL AS dim FROM memory_grave g JOIN"\
	" memory_space s ON s.id = g.ns"

#define ALIVE "(m.expires IS NULL OR m.expires > :now)"
#define AT SINCE " <= coalesce(:as_of_opt, :now) AND (m.valid_to IS NULL OR"\
	" m.valid_to > coalesce(:as_of_opt, :now))"
#define NAMED(t) "s.name = :ns AND (" t ".name = :id OR " t ".id = :row_opt AND "\
	t ".name IS NULL)"
#define KEYED(t) "s.name = :ns AND " t ".kind = :kind AND " t ".key = :key"
#define NEWEST_FIRST " ORDER BY time DESC, row DESC"

static const struct sqlite_verb verbs[] = {
	{ "memory.row", HIT " WHERE m.id = :row", false },
	/* What holds for a key (at the time as_of). */
	{ "memory.get", ROW " WHERE " KEYED("m") " AND " ALIVE " AND " AT
	  NEWEST_FIRST " LIMIT 1", false },
	{ "memory.get_id", ROW " WHERE " NAMED("m") " AND " ALIVE " AND " AT
	  NEWEST_FIRST " LIMIT 1", false },
	/* Every version, newest first, tombstones too. */
	{ "memory.history", ROW " WHERE " KEYED("m") " UNION ALL " GRAVE " WHERE "
	  KEYED("g") NEWEST_FIRST, false },
	{ "memory.history_id", ROW " WHERE " NAMED("m") " UNION ALL " GRAVE
	  " WHERE " NAMED("g") NEWEST_FIRST, false },
	/* A page of what is live, in the order of its making. */
	{ "memory.list", ROW " WHERE s.name = :ns AND m.id > :after AND " ALIVE
	  " ORDER BY m.id LIMIT :limit", false },
	/* What was said in a session, in its order. */
	{ "memory.session", ROW " WHERE s.name = :ns AND m.session = :session AND"
	  " m.kind = :kind AND " ALIVE " ORDER BY m.id LIMIT :limit", false },
	/* Sessions of a kind whose last word is older, the longest silent first. */
	{ "memory.sessions", "SELECT m.session, count(*) AS n, max(" SINCE ") AS"
	  " last FROM memory m JOIN memory_space s ON s.id = m.ns WHERE s.name ="
	  " :ns AND m.kind = :kind AND m.session IS NOT NULL AND m.valid_to IS"
	  " NULL GROUP BY m.session HAVING last < :before ORDER BY last LIMIT"
	  " :limit", false },
	/* Texts whose vector is missing or another model's. */
	{ "memory.unembedded", "SELECT m.id AS row, s.name AS ns, m.text FROM"
	  " memory m JOIN memory_space s ON s.id = m.ns LEFT JOIN memory_vector v"
	  " ON v.id = m.id WHERE m.id > :after AND m.text IS NOT NULL AND (:ns_opt"
	  " IS NULL OR s.name = :ns_opt) AND (:force OR v.id IS NULL OR v.model IS NOT (SELECT id"
	  " FROM memory_model WHERE name = :model)) ORDER BY m.id LIMIT :limit",
	  false },
	{ "memory.spaces", "SELECT name AS ns FROM memory_space ORDER BY name",
	  false },
	{ "memory.stats", "SELECT ns, kind, layer, sum(a) AS current, sum(b) AS"
	  " superseded, sum(c) AS expired, sum(d) AS forgotten, sum(e) AS bytes,"
	  " max(f) AS newest FROM (SELECT s.name AS ns, m.kind, " LAYER("m") ","
	  " m.valid_to IS NULL AND " ALIVE " AS a, m.valid_to IS NOT NULL AS b,"
	  " coalesce(m.expires <= :now, 0) AS c, 0 AS d, coalesce(length(CAST("
	  "m.text AS BLOB)), 0) + coalesce(length(m.value), 0) AS e, m.created AS"
	  " f FROM memory m JOIN memory_space s ON s.id = m.ns UNION ALL SELECT"
	  " s.name, g.kind, " LAYER("g") ", 0, 0, 0, 1, 0, g.created FROM"
	  " memory_grave g JOIN memory_space s ON s.id = g.ns) WHERE (:ns_opt IS"
	  " NULL OR ns = :ns_opt) GROUP BY ns, kind, layer ORDER BY 1, 2, 3",
	  false },
	{ "memory.models", "SELECT d.name AS model, length(v.vector) AS dim,"
	  " count(*) AS n FROM memory_vector v JOIN memory_model d ON d.id ="
	  " v.model GROUP BY d.name, length(v.vector) ORDER BY 1, 2", false },
	{ "memory.kinds", "SELECT s.name AS ns, k.kind FROM memory_kind k JOIN"
	  " memory_space s ON s.id = k.ns ORDER BY 1, 2", false },
	/* The last row that is too many, or too much: it and those before it. */
	{ "memory.over", "SELECT max(id) AS row FROM (SELECT id, row_number() OVER"
	  " w AS n, sum(bytes) OVER w AS sum FROM (SELECT m.id, coalesce(length("
	  "CAST(m.text AS BLOB)), 0) + coalesce(length(m.value), 0) AS bytes FROM"
	  " memory m JOIN memory_space s ON s.id = m.ns WHERE s.name = :ns AND"
	  " m.kind = :kind AND " ALIVE ") WINDOW w AS (ORDER BY id DESC)) WHERE n"
	  " > :count OR sum > :bytes", false },
	/* Working memory of runs that are over. */
	{ "memory.idle_working", "SELECT DISTINCT s.name AS ns, m.run FROM memory m"
	  " JOIN memory_space s ON s.id = m.ns JOIN runs r ON r.id = m.run WHERE"
	  " m.layer = 1 AND r.ended IS NOT NULL", false },
	{ "memory.drop_graves", "DELETE FROM memory_grave WHERE gone < :before",
	  false },
	/* Whether rows, vectors, fields and tombstones agree: how many do not. */
	{ "memory.check", "SELECT (SELECT count(*) FROM memory_vector WHERE id NOT"
	  " IN (SELECT id FROM memory)) AS vectors, (SELECT count(*) FROM"
	  " memory_field WHERE id NOT IN (SELECT id FROM memory)) AS fields,"
	  " (SELECT count(*) FROM memory_grave WHERE id IN (SELECT id FROM"
	  " memory)) AS graves, (SELECT count(*) FROM memory WHERE ns NOT IN"
	  " (SELECT id FROM memory_space)) AS spaces, (SELECT count(*) FROM"
	  " memory a JOIN memory b ON a.ns = b.ns AND a.kind = b.kind AND a.key ="
	  " b.key AND a.id < b.id AND a.valid_to IS NULL AND b.valid_to IS NULL)"
	  " AS versions", false },
	{ "store.shrink", "PRAGMA incremental_vacuum(256)", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_memory = { schema, verbs, NULL, upgrade_3, NULL, NULL, NULL };

/* ---- statements --------------------------------------------------------- */

#define META "SELECT m.id, m.layer, m.importance, " SINCE ", m.valid_to,"\
	" m.expires, m.kind, m.trust, m.session, m.speaker, m.text, d.name,"\
	" v.vector FROM "
#define VECTORS " LEFT JOIN memory_vector v ON v.id = m.id LEFT JOIN"\
	" memory_model d ON d.id = v.model"

static const char *const texts[STATEMENTS] = {
	[SPACE_MAKE] = "INSERT INTO memory_space(name, stamp, floor) VALUES(?1,"
		" 0, 0) RETURNING id",
	[SPACE_BUMP] = "UPDATE memory_space SET stamp = stamp + ?2, floor ="
		" max(floor, stamp + ?2 - ?3) WHERE id = ?1 RETURNING stamp",
	[SPACE_FIND] = "SELECT id, stamp, floor, max(coalesce((SELECT max(id) FROM"
		" memory), 0), coalesce((SELECT max(id) FROM memory_grave), 0))"
		" FROM memory_space WHERE name = ?1",
	[NEWEST] = "SELECT max(coalesce((SELECT max(id) FROM memory), 0), coalesce("
		"(SELECT max(id) FROM memory_grave), 0))",
	[CHANGE] = "INSERT INTO memory_change(ns, stamp, id) VALUES(?1, ?2, ?3)",
	[CHANGE_TRIM] = "DELETE FROM memory_change WHERE ns = ?1 AND stamp <="
		" (SELECT floor FROM memory_space WHERE id = ?1)",
	[VERSION_BEFORE] = "SELECT id, text, value, valid_to, trust FROM memory"
		" WHERE ns = ?1 AND kind = ?2 AND key = ?3 AND valid_from <= ?4"
		" AND (valid_to IS NULL OR valid_to > valid_from)"
		" ORDER BY valid_from DESC, id DESC LIMIT 1",
	[VERSION_AFTER] = "SELECT min(valid_from) FROM memory WHERE ns = ?1 AND"
		" kind = ?2 AND key = ?3 AND valid_from > ?4 AND (valid_to IS"
		" NULL OR valid_to > valid_from)",
	[END_VERSION] = "UPDATE memory SET valid_to = ?2 WHERE id = ?1",
	[TWIN] = "SELECT id, text, value FROM memory WHERE id = ?1 AND ns = ?2"
		" AND (kind = ?3 OR ?3 = 'note') AND (key IS ?5 OR ?5 IS NULL)"
		" AND (valid_to IS NULL OR ?5 IS NOT NULL AND valid_to ="
		" valid_from) AND (expires IS NULL OR expires > ?4)",
	[HASHES] = "SELECT id, hash FROM memory INDEXED BY memory_ns WHERE ns ="
		" ?1",
	[REFRESH] = "UPDATE memory SET importance = nullif(max(coalesce("
		"importance, 0.5), ?2), 0.5), expires = CASE WHEN expires IS"
		" NULL OR ?3 IS NULL THEN NULL ELSE max(expires, ?3) END WHERE"
		" id = ?1 AND (coalesce(importance, 0.5) < ?2 OR expires < ?3"
		" OR (expires IS NOT NULL AND ?3 IS NULL))",
	[INSERT_ROW] = "INSERT INTO memory(ns, layer, kind, key, name,"
		" importance, trust, session, speaker, created, valid_from,"
		" valid_to, expires, run, seq, hash, reason, text, value, tags,"
		" source, id) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
		"?14,?15,?16,?17,?18,?19,?20,?21,?22)",
	[KIND_NOTE] = "INSERT OR IGNORE INTO memory_kind(ns, kind) VALUES(?1, ?2)",
	[MODEL_FIND] = "SELECT id, dim FROM memory_model WHERE name = ?1",
	/* Of a model that has no vector left, the dimension may be another. */
	[MODEL_MAKE] = "INSERT INTO memory_model(name, dim) VALUES(?1, ?2) ON"
		" CONFLICT(name) DO UPDATE SET dim = ?2 WHERE NOT EXISTS (SELECT"
		" 1 FROM memory_vector v WHERE v.model = memory_model.id)"
		" RETURNING id, dim",
	[NEW_VECTOR] = "INSERT INTO memory_vector(id, model, vector) VALUES(?1, ?2,"
		" ?3)",
	[PUT_VECTOR] = "INSERT OR REPLACE INTO memory_vector(id, model, vector)"
		" VALUES(?1, ?2, ?3)",
	[INSERT_FIELD] = "INSERT OR IGNORE INTO memory_field(ns, name, value, id)"
		" VALUES(?1, ?2, ?3, ?4)",
	[BURY] = "INSERT INTO memory_grave SELECT id, ns, layer, kind,"
		" key, name, created, valid_from, valid_to, run, seq, hash, ?2,"
		" ?3 FROM memory WHERE id = ?1",
	[DROP_ROW] = "DELETE FROM memory WHERE id = ?1",
	[DROP_VECTOR] = "DELETE FROM memory_vector WHERE id = ?1",
	[DROP_VECTORS] = "DELETE FROM memory_vector WHERE id BETWEEN ?1 AND ?2 AND"
		" id NOT IN (SELECT id FROM memory WHERE id BETWEEN ?1 AND ?2)",
	[DROP_FIELDS] = "DELETE FROM memory_field WHERE id = ?1",
	/* Most of the store: walk it in its order. A small part of it: find its
	 * rows in the index first. */
	[MANY] = "SELECT 1 FROM memory INDEXED BY memory_ns WHERE ns = ?1 LIMIT"
		" 1 OFFSET ?2",
	[ROWS_ALL] = META "memory m" VECTORS " WHERE m.id > ?2 AND +m.ns = ?1"
		" ORDER BY m.id",
	[ROWS_FEW] = META "(SELECT id FROM memory INDEXED BY memory_ns WHERE ns"
		" = ?1 AND id > ?2 ORDER BY id) c CROSS JOIN memory m ON m.id ="
		" c.id" VECTORS,
	[ROW_META] = META "memory m" VECTORS " WHERE m.id = ?1",
	[CHANGED_IDS] = "SELECT DISTINCT id FROM memory_change WHERE ns = ?1 AND"
		" stamp > ?2 AND id <= ?3 ORDER BY id",
	[HAVING_IS] = "SELECT id FROM memory_field WHERE ns = ?1 AND name = ?2 AND"
		" value = ?3",
	[HAVING_RANGE] = "SELECT id FROM memory_field WHERE ns = ?1 AND name = ?2"
		" AND (?3 IS NULL OR value >= ?3) AND (?4 IS NULL OR value <= ?4)"
		" AND (typeof(value) = 'text') = (typeof(coalesce(?3, ?4)) ="
		" 'text')",
	[FITTING] = "SELECT id FROM memory INDEXED BY memory_ns WHERE ns = ?1"
		" AND (kind || '/' || coalesce(key, '')) GLOB ?2",
};

struct sqlite_memory {
	sqlite3_stmt *st[STATEMENTS];
	struct memory_known known[3];
	struct memory_twins *twins;
	int64_t newest;		/* id given last; 0: not looked for yet */
};

/* An id that no row and no tombstone has had. */
int memory_next_id(struct sqlite_db *db, int64_t *id, struct err *e)
{
	sqlite3_stmt *st;

	if (db->memory->newest == 0) {
		if ((st = memory_statement(db, NEWEST, e)) == NULL)
			return memory_unprepared(e);
		if (sqlite3_step(st) == SQLITE_ROW)
			db->memory->newest = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
	}
	*id = ++db->memory->newest;
	return 0;
}

struct memory_twins **memory_twins(struct sqlite_db *db)
{
	return &db->memory->twins;
}

void sqlite_memory_doubt(struct sqlite_db *db)
{
	if (db->memory != NULL)
		memset(db->memory->known, 0, sizeof(db->memory->known));
}

struct memory_known *memory_known(struct sqlite_db *db, int which)
{
	return &db->memory->known[which];
}

void sqlite_memory_release(struct sqlite_db *db)
{
	int i;

	for (i = 0; db->memory != NULL && i < STATEMENTS; i++)
		sqlite3_finalize(db->memory->st[i]);
	if (db->memory != NULL)
		memory_twins_free(db->memory->twins);
	free(db->memory);
	db->memory = NULL;
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
	if (db->memory->st[which] == NULL)
		db->memory->st[which] = sqlite_prepare(db, texts[which], e);
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

int store_memory_space(struct db *base, struct span ns, struct memory_space *out,
		       struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = memory_statement(db, SPACE_FIND, e);

	memset(out, 0, sizeof(*out));
	if (st == NULL)
		return memory_unprepared(e);
	memory_bind_span(st, 1, ns);
	if (sqlite3_step(st) == SQLITE_ROW) {
		out->number = sqlite3_column_int64(st, 0);
		out->stamp = sqlite3_column_int64(st, 1);
		out->floor = sqlite3_column_int64(st, 2);
		out->newest = sqlite3_column_int64(st, 3);
	}
	return memory_finish(db, st, "looking for a namespace", e);
}

static void read_meta(sqlite3_stmt *st, struct memory_meta *m)
{
	m->id = sqlite3_column_int64(st, 0);
	m->gone = false;
	m->layer = sqlite3_column_int(st, 1);
	m->importance = sqlite3_column_type(st, 2) == SQLITE_NULL
		? 0.5 : sqlite3_column_double(st, 2);
	m->valid_from = sqlite3_column_int64(st, 3);
	m->valid_to = memory_column_time(st, 4, MEMORY_FOREVER);
	m->expires = memory_column_time(st, 5, MEMORY_FOREVER);
	m->kind = memory_column_span(st, 6);
	m->trust = memory_column_span(st, 7);
	if (m->trust.p == NULL)
		m->trust = (struct span){ "internal", 8 };
	m->session = memory_column_span(st, 8);
	m->speaker = memory_column_span(st, 9);
	m->text = memory_column_span(st, 10);
	m->model = memory_column_span(st, 11);
	m->vector = memory_column_span(st, 12);
}

static int walk_rows(struct sqlite_db *db, sqlite3_stmt *st, memory_each *each,
		     void *arg, struct err *e)
{
	struct memory_meta m;
	int rc = 0, step = SQLITE_DONE;

	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		read_meta(st, &m);
		rc = each(arg, &m, e);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "reading memory");
	sqlite3_reset(st);
	return rc;
}

/* Whether an eighth of the rows behind `after` are the namespace's, at least. */
static int is_most(struct sqlite_db *db, const struct memory_space *s,
		   int64_t after, bool *most, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, MANY, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, s->number);
	sqlite3_bind_int64(st, 2, (s->newest - after) / 8);
	*most = s->newest - after < 256 || sqlite3_step(st) == SQLITE_ROW;
	return memory_finish(db, st, "counting memory", e);
}

int store_memory_rows(struct db *base, const struct memory_space *s,
		      int64_t after, memory_each *each, void *arg, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st;
	bool most;
	int rc = is_most(db, s, after, &most, e);

	if (rc != 0)
		return rc;
	if ((st = memory_statement(db, most ? ROWS_ALL : ROWS_FEW, e)) == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, s->number);
	sqlite3_bind_int64(st, 2, after);
	return walk_rows(db, st, each, arg, e);
}

static int walk_ids(struct sqlite_db *db, sqlite3_stmt *st, memory_each_id *each,
		    void *arg, struct err *e)
{
	int rc = 0, step = SQLITE_DONE;

	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = each(arg, sqlite3_column_int64(st, 0), e);
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "reading memory");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

struct gone {
	memory_each *each;
	void *arg;
	sqlite3_stmt *row;
};

/* A changed id: the row as it is now, or that it is gone. */
static int changed(void *arg, int64_t id, struct err *e)
{
	struct memory_meta m = { .id = id, .gone = true };
	struct gone *g = arg;
	int rc;

	sqlite3_bind_int64(g->row, 1, id);
	if (sqlite3_step(g->row) == SQLITE_ROW)
		read_meta(g->row, &m);
	rc = g->each(g->arg, &m, e);
	sqlite3_reset(g->row);
	return rc;
}

int store_memory_changes(struct db *base, const struct memory_space *s,
			 int64_t since, int64_t newest, memory_each *each,
			 void *arg, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = memory_statement(db, CHANGED_IDS, e);
	struct gone g = { each, arg, memory_statement(db, ROW_META, e) };

	if (st == NULL || g.row == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, s->number);
	sqlite3_bind_int64(st, 2, since);
	sqlite3_bind_int64(st, 3, newest);
	return walk_ids(db, st, changed, &g, e);
}

/* Codec bytes of a scalar; false for what is none. */
bool memory_bind_scalar(sqlite3_stmt *st, int at, struct span value)
{
	struct codec_reader r;
	struct codec_item it;

	codec_read(&r, value.p, value.n);
	if (value.p == NULL || codec_next(&r, &it) != 0)
		return false;
	if (it.type == CODEC_INT)
		sqlite3_bind_int64(st, at, it.integer);
	else if (it.type == CODEC_FLOAT)
		sqlite3_bind_double(st, at, it.number);
	else if (it.type == CODEC_TRUE || it.type == CODEC_FALSE)
		sqlite3_bind_int64(st, at, it.type == CODEC_TRUE);
	else if (it.type == CODEC_STRING)
		sqlite3_bind_text64(st, at, (const char *)it.bytes, it.len,
				    SQLITE_STATIC, SQLITE_UTF8);
	else
		return false;
	return true;
}

int store_memory_having(struct db *base, int64_t number,
			const struct memory_field *f, memory_each_id *each,
			void *arg, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	bool equal = f->is.p != NULL;
	sqlite3_stmt *st = memory_statement(db, equal ? HAVING_IS : HAVING_RANGE,
					    e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, number);
	memory_bind_span(st, 2, f->name);
	if (equal ? !memory_bind_scalar(st, 3, f->is)
		  : !memory_bind_scalar(st, 3, f->least) &
		    !memory_bind_scalar(st, 4, f->most))
		return 0;
	return walk_ids(db, st, each, arg, e);
}

int store_memory_fitting(struct db *base, int64_t number, struct span pattern,
			 memory_each_id *each, void *arg, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = memory_statement(db, FITTING, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, number);
	memory_bind_span(st, 2, pattern);
	return walk_ids(db, st, each, arg, e);
}
