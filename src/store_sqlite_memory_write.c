/* store_sqlite_memory_write.c -- memory in SQLite: versions, fields, vectors. */
#include "store_sqlite_memory.h"

#include <string.h>

#include "codec.h"
#include "token.h"

/* ---- writing ------------------------------------------------------------ */

#define HASH_BITS 0x7fffffff	/* as much of a hash as an index holds */

/* Number and, of a model, dimension of a name, by one of two statements; 0 when it
 * gives none. */
static int ask_number(struct sqlite_db *db, enum statement which, struct span name,
		      int64_t dim, struct memory_known *out, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, which, e);

	if (st == NULL)
		return memory_unprepared(e);
	memory_bind_span(st, 1, name);
	if (which == MODEL_MAKE)
		sqlite3_bind_int64(st, 2, dim);
	out->number = 0;
	if (sqlite3_step(st) == SQLITE_ROW) {
		out->number = sqlite3_column_int64(st, 0);
		if (which == MODEL_FIND || which == MODEL_MAKE)
			out->dim = sqlite3_column_int64(st, 1);
	}
	return memory_finish(db, st, "looking for a name", e);
}

/* A name that is new, or a model whose vectors are of another dimension, is made
 * known. */
static int number_of(struct sqlite_db *db, bool model, struct span name,
		     int64_t dim, struct memory_known *out, struct err *e)
{
	struct memory_known *k;
	int rc;

	if (memory_statement(db, SPACE_FIND, e) == NULL)
		return memory_unprepared(e);
	k = memory_known(db, model);
	if (k->number != 0 && k->n == name.n && k->dim == dim &&
	    memcmp(k->name, name.p, name.n) == 0) {
		*out = *k;
		return 0;
	}
	memset(out, 0, sizeof(*out));
	rc = ask_number(db, model ? MODEL_FIND : SPACE_FIND, name, dim, out, e);
	if (rc == 0 && (out->number == 0 || out->dim != dim))
		rc = ask_number(db, model ? MODEL_MAKE : SPACE_MAKE, name, dim,
				out, e);
	if (rc == 0 && name.n <= sizeof(out->name)) {
		memcpy(out->name, name.p, name.n);
		out->n = name.n;
		*k = *out;
	}
	return rc;
}

int memory_bump(struct sqlite_db *db, int64_t ns, int64_t n, int64_t *first,
		struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, SPACE_BUMP, e);
	int64_t last = 0;
	int rc;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	sqlite3_bind_int64(st, 2, n);
	sqlite3_bind_int64(st, 3, CHANGES_KEPT);
	if (sqlite3_step(st) == SQLITE_ROW)
		last = sqlite3_column_int64(st, 0);
	rc = memory_finish(db, st, "counting a change of memory", e);
	*first = last - n + 1;
	if (rc != 0 || last / 1024 == (last - n) / 1024)
		return rc;
	if ((st = memory_statement(db, CHANGE_TRIM, e)) == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	return memory_finish(db, st, "trimming the changes of memory", e);
}

int memory_changed(struct sqlite_db *db, int64_t ns, int64_t stamp, int64_t id,
		   struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, CHANGE, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	sqlite3_bind_int64(st, 2, stamp);
	sqlite3_bind_int64(st, 3, id);
	return memory_finish(db, st, "noting a change of memory", e);
}

static int change(struct sqlite_db *db, int64_t ns, int64_t id, struct err *e)
{
	int64_t stamp;
	int rc = memory_bump(db, ns, 1, &stamp, e);

	return rc != 0 ? rc : memory_changed(db, ns, stamp, id, e);
}

int memory_put_vector(struct sqlite_db *db, bool fresh, int64_t id,
		      struct span model, struct span vector, struct err *e)
{
	struct memory_known known;
	sqlite3_stmt *st;
	int rc = number_of(db, true, model, (int64_t)vector.n, &known, e);

	if (rc != 0)
		return rc;
	if (known.number == 0)
		return err_set(e, ERR_INPUT, "vectors of %.*s in this store have"
			       " another dimension than %zu", (int)model.n,
			       model.p, vector.n);
	st = memory_statement(db, fresh ? NEW_VECTOR : PUT_VECTOR, e);
	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, known.number);
	memory_bind_bytes(st, 3, vector);
	return memory_finish(db, st, "keeping a vector", e);
}

static bool same_bytes(struct span a, struct span b)
{
	return a.n == b.n && (a.p == NULL) == (b.p == NULL) &&
	       (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The newest version of the key that is not younger than the item. */
struct version {
	int64_t id, valid_to;
	bool same, trusted;
};

static bool is_external(struct span trust)
{
	return trust.n == 8 && memcmp(trust.p, "external", 8) == 0;
}

static int version_before(struct sqlite_db *db, int64_t ns,
			  const struct memory_item *m, struct version *v,
			  struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, VERSION_BEFORE, e);

	memset(v, 0, sizeof(*v));
	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	memory_bind_span(st, 2, m->kind);
	memory_bind_span(st, 3, m->key);
	sqlite3_bind_int64(st, 4, m->valid_from);
	if (sqlite3_step(st) == SQLITE_ROW) {
		v->id = sqlite3_column_int64(st, 0);
		v->same = same_bytes(memory_column_span(st, 1), m->text) &&
			same_bytes(memory_column_span(st, 2), m->value);
		v->valid_to = memory_column_time(st, 3, MEMORY_FOREVER);
		v->trusted = !is_external(memory_column_span(st, 4));
	}
	return memory_finish(db, st, "looking for a version", e);
}

static int version_after(struct sqlite_db *db, int64_t ns,
			 const struct memory_item *m, int64_t *valid_to,
			 struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, VERSION_AFTER, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	memory_bind_span(st, 2, m->kind);
	memory_bind_span(st, 3, m->key);
	sqlite3_bind_int64(st, 4, m->valid_from);
	if (sqlite3_step(st) == SQLITE_ROW)
		*valid_to = memory_column_time(st, 0, MEMORY_FOREVER);
	return memory_finish(db, st, "looking for a later version", e);
}

static bool says_same(sqlite3_stmt *st, const struct memory_item *m)
{
	struct span text = memory_column_span(st, 1);

	if (m->value.p != NULL && !same_bytes(memory_column_span(st, 2), m->value))
		return false;
	if (m->text.p == NULL || text.p == NULL)
		return m->text.p == NULL && text.p == NULL;
	return token_hash(text.p, text.n) == m->hash;
}

struct looking {
	struct sqlite_db *db;
	int64_t ns, id;
	const struct memory_item *m;
	struct span key;
};

static int compare(void *arg, int64_t id, bool *found, struct err *e)
{
	struct looking *l = arg;
	sqlite3_stmt *st = memory_statement(l->db, TWIN, e);

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, l->ns);
	memory_bind_span(st, 3, l->m->kind);
	sqlite3_bind_int64(st, 4, l->m->now_ms);
	memory_bind_span(st, 5, l->key);
	*found = sqlite3_step(st) == SQLITE_ROW && says_same(st, l->m);
	l->id = *found ? id : 0;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return 0;
}

/* A live row of the namespace that says the same: text that was recalled and is
 * stored once more, mostly. With `key`: a disputed version of the key that does.
 * 0 when there is none. */
static int find_twin(struct sqlite_db *db, int64_t ns, const struct memory_item *m,
		     struct span key, int64_t *id, struct err *e)
{
	struct looking l = { db, ns, 0, m, key };
	int rc = memory_twins_find(db, ns, m->hash & HASH_BITS, compare, &l, e);

	*id = l.id;
	return rc;
}

static int refresh(struct sqlite_db *db, int64_t ns, const struct memory_item *m,
		   int64_t id, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, REFRESH, e);
	int rc;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_double(st, 2, m->importance);
	memory_bind_time(st, 3, m->expires, MEMORY_FOREVER);
	rc = memory_finish(db, st, "refreshing a memory", e);
	return rc != 0 || sqlite3_changes(db->h) == 0 ? rc : change(db, ns, id, e);
}

static int end_version(struct sqlite_db *db, int64_t ns, int64_t id,
		       int64_t valid_to, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, END_VERSION, e);
	int rc;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, valid_to);
	rc = memory_finish(db, st, "ending a version", e);
	return rc != 0 ? rc : change(db, ns, id, e);
}

/* ---- fields ------------------------------------------------------------- */

static int insert_field(struct sqlite_db *db, int64_t ns, struct span name,
			const unsigned char *value, size_t n, int64_t id,
			struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, INSERT_FIELD, e);
	struct span v = { (const char *)value, n };

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	memory_bind_span(st, 2, name);
	sqlite3_bind_int64(st, 4, id);
	if (!memory_bind_scalar(st, 3, v)) {
		sqlite3_clear_bindings(st);
		return 0;
	}
	return memory_finish(db, st, "keeping a field", e);
}

static int insert_tags(struct sqlite_db *db, int64_t ns, struct span tags,
		       int64_t id, struct err *e)
{
	struct codec_reader r;
	struct codec_item it;
	size_t i, n;
	int rc = 0;

	codec_read(&r, tags.p, tags.n);
	if (codec_next(&r, &it) != 0 || it.type != CODEC_ARRAY)
		return err_set(e, ERR_INPUT, "tags are a list of words");
	n = it.len;
	for (i = 0; i < n && rc == 0; i++) {
		const unsigned char *from = r.p;

		if (codec_next(&r, &it) != 0 || it.type != CODEC_STRING)
			return err_set(e, ERR_INPUT, "a tag is a word");
		rc = insert_field(db, ns, (struct span){ "#", 1 }, from,
				  (size_t)(r.p - from), id, e);
	}
	return rc;
}

/* The scalars at the top of a value, the first MEMORY_FIELDS of them. */
static int insert_fields(struct sqlite_db *db, int64_t ns, struct span value,
			 int64_t id, struct err *e)
{
	struct codec_reader r;
	struct codec_item it;
	struct span name;
	size_t i, n, kept = 0;
	int rc = 0;

	codec_read(&r, value.p, value.n);
	if (codec_next(&r, &it) != 0 || it.type != CODEC_OBJECT)
		return 0;
	n = it.len;
	for (i = 0; i < n && rc == 0 && kept < MEMORY_FIELDS; i++) {
		const unsigned char *key, *from;

		if (codec_next_key(&r, &key, &name.n) != 0)
			return err_set(e, ERR_DAMAGED, "a value is damaged");
		name.p = (const char *)key;
		from = r.p;
		if (codec_skip(&r) != 0)
			return err_set(e, ERR_DAMAGED, "a value is damaged");
		if (*from == CODEC_ARRAY || *from == CODEC_OBJECT ||
		    r.p - from > MEMORY_FIELD_MAX ||
		    (name.n == 1 && *name.p == '#'))
			continue;
		kept++;
		rc = insert_field(db, ns, name, from, (size_t)(r.p - from), id,
				  e);
	}
	return rc;
}

/* ---- a row -------------------------------------------------------------- */

static struct span unless(struct span s, const char *usual)
{
	size_t n = strlen(usual);

	return s.n == n && memcmp(s.p, usual, n) == 0 ? (struct span){ NULL, 0 }
						      : s;
}

static int insert_row(struct sqlite_db *db, int64_t ns,
		      const struct memory_item *m, int64_t valid_to,
		      const char *reason, int64_t *id, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, INSERT_ROW, e);
	int rc;

	if (st == NULL)
		return memory_unprepared(e);
	if ((rc = memory_next_id(db, id, e)) != 0)
		return rc;
	sqlite3_bind_int64(st, 22, *id);
	sqlite3_bind_int64(st, 1, ns);
	sqlite3_bind_int(st, 2, m->layer);
	memory_bind_span(st, 3, m->kind);
	memory_bind_span(st, 4, m->key);
	memory_bind_span(st, 5, m->name);
	if (m->importance != 0.5)
		sqlite3_bind_double(st, 6, m->importance);
	memory_bind_span(st, 7, unless(m->trust, "internal"));
	memory_bind_span(st, 8, m->session);
	memory_bind_span(st, 9, m->speaker);
	sqlite3_bind_int64(st, 10, m->now_ms);
	if (m->key.p != NULL || m->valid_from != m->now_ms)
		sqlite3_bind_int64(st, 11, m->valid_from);
	memory_bind_time(st, 12, valid_to, MEMORY_FOREVER);
	memory_bind_time(st, 13, m->expires, MEMORY_FOREVER);
	memory_bind_time(st, 14, m->run, 0);
	memory_bind_time(st, 15, m->seq, 0);
	sqlite3_bind_int64(st, 16, m->hash & HASH_BITS);
	sqlite3_bind_text(st, 17, reason, -1, SQLITE_STATIC);
	memory_bind_span(st, 18, m->text);
	memory_bind_bytes(st, 19, m->value);
	memory_bind_bytes(st, 20, m->tags);
	memory_bind_bytes(st, 21, m->source);
	if ((rc = memory_finish(db, st, "keeping a memory", e)) != 0)
		return rc;
	rc = memory_twins_add(db, ns, m->hash & HASH_BITS, *id, e);
	if (rc == 0 && m->vector.p != NULL)
		rc = memory_put_vector(db, true, *id, m->model, m->vector, e);
	if (rc == 0 && m->tags.p != NULL)
		rc = insert_tags(db, ns, m->tags, *id, e);
	if (rc == 0 && m->value.p != NULL)
		rc = insert_fields(db, ns, m->value, *id, e);
	return rc;
}

/* What comes from outside does not replace what the house itself has written:
 * both are kept, and the owner's words hold until somebody inside says otherwise. */
static int put_disputed(struct sqlite_db *db, int64_t ns,
			const struct memory_item *m, struct memory_put *out,
			struct err *e)
{
	int rc = find_twin(db, ns, m, m->key, &out->id, e);

	out->outcome = out->id != 0 ? MEMORY_SAME : MEMORY_DISPUTED;
	return rc != 0 || out->id != 0 ? rc
		: insert_row(db, ns, m, m->valid_from,
			     "external, and what holds is not", &out->id, e);
}

static int put_keyed(struct sqlite_db *db, int64_t ns,
		     const struct memory_item *m, struct memory_put *out,
		     struct err *e)
{
	int64_t valid_to = MEMORY_FOREVER;
	struct version old;
	int rc = version_before(db, ns, m, &old, e);

	if (rc != 0)
		return rc;
	if (old.id != 0 && old.same && old.valid_to > m->valid_from) {
		out->id = old.id;
		out->outcome = MEMORY_SAME;
		return refresh(db, ns, m, old.id, e);
	}
	if (old.id != 0 && old.trusted && is_external(m->trust) &&
	    old.valid_to > m->valid_from)
		return put_disputed(db, ns, m, out, e);
	if ((rc = version_after(db, ns, m, &valid_to, e)) != 0)
		return rc;
	if (old.id != 0 && old.valid_to > m->valid_from &&
	    (rc = end_version(db, ns, old.id, m->valid_from, e)) != 0)
		return rc;
	out->outcome = old.id != 0 ? MEMORY_SUPERSEDED : MEMORY_NEW;
	return insert_row(db, ns, m, valid_to, NULL, &out->id, e);
}

static int note_kind(struct sqlite_db *db, int64_t ns, struct span kind,
		     struct err *e)
{
	struct memory_known *k = memory_known(db, 2);
	sqlite3_stmt *st;
	int rc;

	if (k->number == ns && k->n == kind.n &&
	    memcmp(k->name, kind.p, kind.n) == 0)
		return 0;
	if ((st = memory_statement(db, KIND_NOTE, e)) == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, ns);
	memory_bind_span(st, 2, kind);
	rc = memory_finish(db, st, "noting a kind", e);
	if (rc == 0 && kind.n <= sizeof(k->name)) {
		memcpy(k->name, kind.p, kind.n);
		k->n = kind.n;
		k->number = ns;
	}
	return rc;
}

int store_memory_put(struct db *base, const struct memory_item *m,
		     struct memory_put *out, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct memory_known known;
	int64_t ns;
	int rc = number_of(db, false, m->ns, 0, &known, e);

	if (rc != 0)
		return rc;
	ns = known.number;
	if ((rc = note_kind(db, ns, m->kind, e)) != 0)
		return rc;
	if (m->key.p != NULL)
		return put_keyed(db, ns, m, out, e);
	if ((rc = find_twin(db, ns, m, m->key, &out->id, e)) != 0)
		return rc;
	out->outcome = out->id != 0 ? MEMORY_SAME : MEMORY_NEW;
	if (out->id != 0)
		return refresh(db, ns, m, out->id, e);
	return insert_row(db, ns, m, MEMORY_FOREVER, NULL, &out->id, e);
}

int store_memory_embed(struct db *base, struct span name, int64_t id,
		       struct span model, struct span vector, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	struct memory_space s;
	sqlite3_stmt *st;
	bool there;
	int rc = store_memory_space(base, name, &s, e);

	if (rc != 0 || s.number == 0)
		return rc;
	if ((st = memory_statement(db, ROW_META, e)) == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, id);
	there = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_reset(st);
	if (!there)
		return 0;
	if ((rc = memory_put_vector(db, false, id, model, vector, e)) != 0)
		return rc;
	return change(db, s.number, id, e);
}
