/* store_sqlite_memory_write.c -- memory in SQLite: versions and tombstones. */
#include "store_sqlite_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

/* ---- writing ------------------------------------------------------------ */

struct place {			/* where a write goes */
	int64_t ns, stamp;
};

static int bump(struct sqlite_db *db, struct span ns, struct place *at,
		struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, SPACE_BUMP, e);

	if (st == NULL)
		return memory_unprepared(e);
	memory_bind_span(st, 1, ns);
	if (sqlite3_step(st) == SQLITE_ROW) {
		at->ns = sqlite3_column_int64(st, 0);
		at->stamp = sqlite3_column_int64(st, 1);
	}
	return memory_finish(db, st, "counting a change of memory", e);
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
	sqlite3_stmt *st = memory_statement(db, VERSION_BEFORE, e);

	v->id = v->valid_to = 0;
	v->same = false;
	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	memory_bind_span(st, 2, m->kind);
	memory_bind_span(st, 3, m->key);
	sqlite3_bind_int64(st, 4, m->valid_from);
	if (sqlite3_step(st) == SQLITE_ROW) {
		v->id = sqlite3_column_int64(st, 0);
		v->same = same_bytes(memory_column_span(st, 1), m->text) &&
			same_bytes(memory_column_span(st, 2), m->value);
		v->valid_to = memory_column_time(st, 3, MEMORY_FOREVER);
	}
	return memory_finish(db, st, "looking for a version", e);
}

static int version_after(struct sqlite_db *db, const struct place *at,
			 const struct memory_item *m, int64_t *valid_to,
			 struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, VERSION_AFTER, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	memory_bind_span(st, 2, m->kind);
	memory_bind_span(st, 3, m->key);
	sqlite3_bind_int64(st, 4, m->valid_from);
	if (sqlite3_step(st) == SQLITE_ROW)
		*valid_to = memory_column_time(st, 0, MEMORY_FOREVER);
	return memory_finish(db, st, "looking for a later version", e);
}

/* A live row of the namespace that says the same: text that was recalled and is
 * stored once more, mostly. 0 when there is none. */
static int find_twin(struct sqlite_db *db, const struct place *at,
		     const struct memory_item *m, int64_t *id, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, TWIN, e);

	*id = 0;
	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	sqlite3_bind_int64(st, 2, m->hash);
	memory_bind_span(st, 3, m->kind);
	sqlite3_bind_int64(st, 4, m->now_ms);
	while (*id == 0 && sqlite3_step(st) == SQLITE_ROW)
		if (m->value.p == NULL ||
		    same_bytes(memory_column_span(st, 1), m->value))
			*id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return 0;
}

static int refresh(struct sqlite_db *db, const struct place *at,
		   const struct memory_item *m, int64_t id, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, REFRESH, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, at->stamp);
	sqlite3_bind_double(st, 3, m->importance);
	memory_bind_time(st, 4, m->expires, MEMORY_FOREVER);
	return memory_finish(db, st, "refreshing a memory", e);
}

static int end_version(struct sqlite_db *db, const struct place *at,
		       int64_t id, int64_t valid_to, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, END_VERSION, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, valid_to);
	sqlite3_bind_int64(st, 3, at->stamp);
	return memory_finish(db, st, "ending a version", e);
}

static int insert_tags(struct sqlite_db *db, const struct place *at,
		       struct span tags, int64_t id, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, INSERT_TAG, e);
	struct codec_reader r;
	struct codec_item it;
	size_t i, n;
	int rc = 0;

	if (st == NULL)
		return memory_unprepared(e);
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
		rc = memory_finish(db, st, "keeping a tag", e);
	}
	return rc;
}

static int insert_row(struct sqlite_db *db, const struct place *at,
		      const struct memory_item *m, int64_t valid_to,
		      int64_t *id, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, INSERT_ROW, e);
	int rc;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, at->ns);
	sqlite3_bind_int64(st, 2, at->stamp);
	sqlite3_bind_int(st, 3, m->layer);
	memory_bind_span(st, 4, m->kind);
	memory_bind_span(st, 5, m->key);
	memory_bind_span(st, 6, m->name);
	sqlite3_bind_double(st, 7, m->importance);
	memory_bind_span(st, 8, m->trust);
	memory_bind_span(st, 9, m->session);
	memory_bind_span(st, 10, m->speaker);
	sqlite3_bind_int64(st, 11, m->now_ms);
	sqlite3_bind_int64(st, 12, m->valid_from);
	memory_bind_time(st, 13, valid_to, MEMORY_FOREVER);
	memory_bind_time(st, 14, m->expires, MEMORY_FOREVER);
	memory_bind_time(st, 15, m->run, 0);
	memory_bind_time(st, 16, m->seq, 0);
	sqlite3_bind_int64(st, 17, m->hash);
	sqlite3_bind_int(st, 18, m->words);
	memory_bind_span(st, 19, m->model);
	memory_bind_bytes(st, 20, m->vector);
	memory_bind_span(st, 21, m->text);
	memory_bind_bytes(st, 22, m->value);
	memory_bind_bytes(st, 23, m->tags);
	memory_bind_bytes(st, 24, m->source);
	if ((rc = memory_finish(db, st, "keeping a memory", e)) != 0)
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

/* ---- forgetting --------------------------------------------------------- */

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
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	memory_bind_span(st, 2, w->kind);
	memory_bind_span(st, 3, w->key);
	memory_bind_span(st, 4, w->name);
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
	sqlite3_stmt *row = memory_statement(db, FORGET_ROW, e), *tags;
	int rc;

	if (row == NULL || (tags = memory_statement(db, FORGET_TAGS, e)) == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(row, 1, id);
	sqlite3_bind_int64(row, 2, at->stamp);
	sqlite3_bind_int64(row, 3, now_ms);
	memory_bind_span(row, 4, reason);
	if ((rc = memory_finish(db, row, "forgetting", e)) != 0)
		return rc;
	sqlite3_bind_int64(tags, 1, id);
	return memory_finish(db, tags, "forgetting tags", e);
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
