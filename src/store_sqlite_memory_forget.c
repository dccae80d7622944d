/* store_sqlite_memory_forget.c -- memory in SQLite: forgetting, and moving what is
 * left together. */
#include "store_sqlite_memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct victim {
	int64_t id;
	bool fields;		/* it has tags or a value */
};

struct victims {
	struct victim *row;
	size_t n, cap;
};

static int collect(struct victims *v, int64_t id, bool fields, struct err *e)
{
	size_t cap = v->cap ? 2 * v->cap : 64;
	struct victim *grown;

	if (v->n == v->cap) {
		grown = realloc(v->row, cap * sizeof(*grown));
		if (grown == NULL)
			return err_set(e, ERR_NOMEM, "no memory to forget");
		v->row = grown;
		v->cap = cap;
	}
	v->row[v->n++] = (struct victim){ id, fields };
	return 0;
}

/* Whether what is left of its importance is below the measure. */
static bool faded(const struct memory_which *w, double importance, int64_t since)
{
	double age = (double)(w->now_ms - since);

	return w->half_life_ms <= 0 || age <= 0 ? importance < w->faded
		: importance * exp2(-age / (double)w->half_life_ms) < w->faded;
}

/* Rare, and of many shapes: built and prepared each time. */
static sqlite3_stmt *question(struct sqlite_db *db, int64_t ns,
			      const struct memory_which *w, struct err *e)
{
	char sql[1000];
	sqlite3_stmt *st;

	snprintf(sql, sizeof(sql), "SELECT id, coalesce(importance, 0.5),"
		 " coalesce(valid_from, created), coalesce(length(CAST(text AS"
		 " BLOB)), 0) + coalesce(length(value), 0), tags IS NOT NULL OR"
		 " value IS NOT NULL FROM memory%s WHERE"
		 " %sns = ?1 AND id > ?10%s%s%s%s%s%s%s%s%s%s%s%s%s",
		 w->expired_by != MEMORY_FOREVER ? " INDEXED BY memory_expires"
		 : w->made_before != MEMORY_FOREVER ? " INDEXED BY memory_ns"
		 : "", w->scan > 0 ? "+" : "",
		 w->kind.p ? " AND kind = ?2" : "",
		 w->key.p ? " AND key = ?3" : "",
		 w->name.p ? " AND name = ?4" : "",
		 w->id ? " AND id = ?5" : "", w->run ? " AND run = ?6" : "",
		 w->layer ? " AND layer = ?7" : "",
		 w->expired_by != MEMORY_FOREVER ? " AND expires <= ?8" : "",
		 w->session.p ? " AND session = ?9" : "",
		 w->made_before != MEMORY_FOREVER
		 ? " AND created < ?11" : "",
		 w->ended ? " AND valid_to IS NOT NULL" : "",
		 w->up_to > 0 ? " AND id <= ?13" : "",
		 w->scan > 0 ? " AND id <= ?12" : "",
		 w->expired_by == MEMORY_FOREVER &&
		 w->made_before == MEMORY_FOREVER &&
		 (w->after > 0 || w->scan > 0 || w->limit > 0)
		 ? " ORDER BY id" : "");
	if ((st = sqlite_prepare(db, sql, e)) == NULL)
		return NULL;
	sqlite3_bind_int64(st, 1, ns);
	memory_bind_span(st, 2, w->kind);
	memory_bind_span(st, 3, w->key);
	memory_bind_span(st, 4, w->name);
	sqlite3_bind_int64(st, 5, w->id);
	sqlite3_bind_int64(st, 6, w->run);
	sqlite3_bind_int(st, 7, w->layer);
	sqlite3_bind_int64(st, 8, w->expired_by);
	memory_bind_span(st, 9, w->session);
	sqlite3_bind_int64(st, 10, w->after);
	sqlite3_bind_int64(st, 11, w->made_before);
	sqlite3_bind_int64(st, 12, w->after + w->scan);
	sqlite3_bind_int64(st, 13, w->up_to);
	return st;
}

static int find_victims(struct sqlite_db *db, const struct memory_space *s,
			const struct memory_which *w, struct victims *v,
			struct memory_forgotten *out, struct err *e)
{
	sqlite3_stmt *st = question(db, s->number, w, e);
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return memory_unprepared(e);
	out->last = w->scan > 0 && w->after + w->scan < s->newest &&
		(w->up_to == 0 || w->after + w->scan < w->up_to)
		? w->after + w->scan : 0;
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		if (w->faded > 0 && !faded(w, sqlite3_column_double(st, 1),
					   sqlite3_column_int64(st, 2)))
			continue;
		rc = collect(v, sqlite3_column_int64(st, 0),
			     sqlite3_column_int(st, 4) != 0, e);
		out->bytes += sqlite3_column_int64(st, 3);
		if (w->limit > 0 && (int64_t)v->n == w->limit) {
			out->last = v->row[v->n - 1].id;	/* > 0: there is more */
			step = SQLITE_DONE;
			break;
		}
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "looking for what to forget");
	sqlite3_finalize(st);
	return rc;
}

static int drop(struct sqlite_db *db, enum statement which, int64_t id,
		struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, which, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	return memory_finish(db, st, "forgetting", e);
}

static int bury(struct sqlite_db *db, int64_t id, int64_t now_ms,
		struct span reason, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, BURY, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, now_ms);
	memory_bind_span(st, 3, reason);
	return memory_finish(db, st, "leaving a tombstone", e);
}

static int forget_one(struct sqlite_db *db, int64_t ns, int64_t stamp,
		      struct victim v, int64_t now_ms, struct span reason,
		      bool dense, struct err *e)
{
	int64_t id = v.id;
	int rc;

	if ((rc = bury(db, id, now_ms, reason, e)) != 0 ||
	    (rc = drop(db, DROP_ROW, id, e)) != 0 ||
	    (!dense && (rc = drop(db, DROP_VECTOR, id, e)) != 0) ||
	    (v.fields && (rc = drop(db, DROP_FIELDS, id, e)) != 0))
		return rc;
	return memory_changed(db, ns, stamp, id, e);
}

/* Whether most rows between the first and the last go: then their vectors go in one
 * stroke, those that have no row any more. */
static bool is_dense(const struct victims *v)
{
	size_t i;

	for (i = 1; i < v->n; i++)
		if (v->row[i].id < v->row[i - 1].id)
			return false;
	return v->n > 16 &&
	       v->row[v->n - 1].id - v->row[0].id < 2 * (int64_t)v->n;
}

static int drop_vectors(struct sqlite_db *db, int64_t first, int64_t last,
			struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, DROP_VECTORS, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	return memory_finish(db, st, "forgetting vectors", e);
}

int store_memory_forget(struct db *base, const struct memory_which *which,
			bool dry, struct span reason,
			struct memory_forgotten *out, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct victims v = { NULL, 0, 0 };
	struct memory_space s;
	int64_t stamp = 0;
	bool dense;
	size_t i;
	int rc;

	memset(out, 0, sizeof(*out));
	/* No namespace is made by forgetting in it. */
	if ((rc = store_memory_space(base, which->ns, &s, e)) != 0 ||
	    s.number == 0)
		return rc;
	rc = find_victims(db, &s, which, &v, out, e);
	if (rc == 0 && v.n > 0 && !dry)
		rc = memory_bump(db, s.number, (int64_t)v.n, &stamp, e);
	dense = is_dense(&v);
	for (i = 0; i < v.n && rc == 0 && !dry; i++)
		rc = forget_one(db, s.number, stamp + (int64_t)i, v.row[i],
				which->now_ms, reason, dense, e);
	if (rc == 0 && dense && !dry)
		rc = drop_vectors(db, v.row[0].id, v.row[v.n - 1].id, e);
	out->rows = rc == 0 ? (int64_t)v.n : 0;
	free(v.row);
	return rc;
}

/* ---- moving together ----------------------------------------------------- */

/* The rows are taken out and put back in their order: SQLite fills a page before
 * it begins the next, and pages that are empty become free. */
static const char *const moving[] = {
	"DROP TABLE IF EXISTS temp.memory_moving",
	"CREATE TEMP TABLE memory_moving AS SELECT * FROM main.memory_vector WHERE"
	" id > %lld AND id <= %lld ORDER BY id",
	"DELETE FROM main.memory_vector WHERE id > %lld AND id <= %lld",
	"INSERT INTO main.memory_vector SELECT * FROM temp.memory_moving ORDER BY"
	" id",
	"DROP TABLE temp.memory_moving",
	"CREATE TEMP TABLE memory_moving AS SELECT * FROM main.memory WHERE id >"
	" %lld AND id <= %lld ORDER BY id",
	"DELETE FROM main.memory WHERE id > %lld AND id <= %lld",
	"INSERT INTO main.memory SELECT * FROM temp.memory_moving ORDER BY id",
	"DROP TABLE temp.memory_moving",
};

int store_memory_compact(struct db *base, int64_t *after, int64_t rows,
			 struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	char sql[300];
	int64_t last;
	size_t i;
	int rc = 0;

	snprintf(sql, sizeof(sql), "SELECT max(id) FROM (SELECT id FROM memory"
		 " WHERE id > %lld ORDER BY id LIMIT %lld)", (long long)*after,
		 (long long)rows);
	last = sqlite_number(db, sql);
	for (i = 0; i < sizeof(moving) / sizeof(*moving) && rc == 0 && last > 0;
	     i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(sql, sizeof(sql), moving[i], (long long)*after,
			 (long long)last);
#pragma GCC diagnostic pop
		rc = sqlite_run(db, sql, "moving memory together", e);
	}
	if (rc == 0)
		*after = last;
	return rc;
}
