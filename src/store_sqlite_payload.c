/* store_sqlite_payload.c -- payloads by the hash of their bytes.
 *
 * A prompt that is sent ten times, a mail that is an event and the input of two
 * runs: what is larger than PAYLOAD_INLINE is kept once, under its SHA-256, and
 * refs counts from how many places it is referred to. The counts change in the
 * transactions that write and delete the references, so they are exact after any
 * crash; what falls to 0 is loose until payload.sweep takes it away.
 *
 * packed: 0 as it is, 1 packed (segment.h), 2 as it is, because packing does not
 * make it smaller. Payloads are packed when the run that refers to them is. */
#include "store_sqlite.h"

#include <string.h>

#include "codec.h"
#include "digest.h"
#include "segment.h"

#define REFERS(x, count) \
	" UPDATE payloads SET refs = refs " count " WHERE hash = substr(" x \
	", 2) AND substr(" x ", 1, 1) = x'10' AND length(" x ") = 33;"
#define IS_REF(x) "substr(" x ", 1, 1) = x'10'"

/* Triggers for a column of a table in which verbs write references. */
#define COUNTED(table, column) \
	"CREATE TRIGGER " table "_" column "_new AFTER INSERT ON " table \
	" WHEN " IS_REF("new." column) " BEGIN" REFERS("new." column, "+ 1") \
	" END;" \
	"CREATE TRIGGER " table "_" column "_set AFTER UPDATE OF " column " ON " \
	table " WHEN " IS_REF("new." column) " OR " IS_REF("old." column) \
	" BEGIN" REFERS("new." column, "+ 1") REFERS("old." column, "- 1") \
	" END;" \
	"CREATE TRIGGER " table "_" column "_old AFTER DELETE ON " table \
	" WHEN " IS_REF("old." column) " BEGIN" REFERS("old." column, "- 1") \
	" END;"

static const char schema[] =
"CREATE TABLE payloads(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, refs"
" INTEGER NOT NULL, bytes INTEGER NOT NULL, packed INTEGER NOT NULL DEFAULT 0,"
" body BLOB NOT NULL);"
"CREATE INDEX payloads_loose ON payloads(id) WHERE refs = 0;"

"CREATE TRIGGER journal_old AFTER DELETE ON journal WHEN " IS_REF("old.args")
" OR " IS_REF("old.data") " BEGIN" REFERS("old.args", "- 1")
REFERS("old.data", "- 1") " END;"

COUNTED("runs", "input")
COUNTED("runs", "output")
COUNTED("runs", "error")
COUNTED("approvals", "proposal")
COUNTED("approvals", "value")
COUNTED("events", "payload");

#define REF(table, column) \
	" UNION ALL SELECT substr(" column ", 2) FROM " table " WHERE " \
	IS_REF(column) " AND length(" column ") = 33"

static const struct sqlite_verb verbs[] = {
	/* Payloads whose count is not that of the references there are, and
	 * references to none: no rows, ever. */
	{ "payload.check", "WITH RECURSIVE part(refs, at) AS (SELECT refs, 1 FROM"
	  " segments WHERE length(refs) > 0 UNION ALL SELECT refs, at + 32 FROM"
	  " part WHERE at + 32 < length(refs)), there(hash) AS (SELECT"
	  " substr(refs, at, 32) FROM part" REF("journal", "args")
	  REF("journal", "data") REF("runs", "input") REF("runs", "output")
	  REF("runs", "error") REF("approvals", "proposal")
	  REF("approvals", "value") REF("events", "payload") "), counted AS"
	  " (SELECT hash, count(*) AS n FROM there GROUP BY hash) SELECT"
	  " hex(p.hash) AS hash, p.refs, coalesce(c.n, 0) AS there FROM payloads"
	  " p LEFT JOIN counted c ON c.hash = p.hash WHERE p.refs != coalesce("
	  "c.n, 0) UNION ALL SELECT hex(c.hash), -1, c.n FROM counted c WHERE"
	  " c.hash NOT IN (SELECT hash FROM payloads)", false },
	{ "payload.sweep", "DELETE FROM payloads WHERE id IN (SELECT id FROM"
	  " payloads WHERE refs = 0 LIMIT :limit)", false },
	{ "payload.loose", "SELECT count(*) AS n, coalesce(sum(length(body)),"
	  " 0) AS bytes FROM payloads WHERE refs = 0", false },
	{ "payload.sums", "SELECT count(*) AS n, coalesce(sum(refs), 0) AS refs,"
	  " coalesce(sum(bytes), 0) AS bytes, coalesce(sum(bytes * refs), 0) AS"
	  " referred, coalesce(sum(length(body)), 0) AS kept FROM payloads",
	  false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_payloads = { schema, verbs, schema, NULL, NULL, NULL, NULL };

/* ---- keeping -------------------------------------------------------------- */

int sqlite_payload_put(struct sqlite_db *db, const void *p, size_t n, int refs,
		       unsigned char ref[PAYLOAD_REF], struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, PAYLOAD_PUT, "INSERT INTO payloads("
		"hash, refs, bytes, body) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO"
		" UPDATE SET refs = refs + excluded.refs WHERE excluded.refs > 0",
		e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	ref[0] = PAYLOAD_MARK;
	digest_sha256(p, n, ref + 1);
	sqlite3_bind_blob(st, 1, ref + 1, DIGEST_BYTES, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, refs);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)n);
	sqlite3_bind_blob64(st, 4, p, n, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "keeping a payload");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

static sqlite3_stmt *payload_at(struct sqlite_db *db, const unsigned char *hash,
				struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, PAYLOAD_GET, "SELECT body, packed,"
		" bytes FROM payloads WHERE hash = ?1", e);

	if (st != NULL)
		sqlite3_bind_blob(st, 1, hash, DIGEST_BYTES, SQLITE_TRANSIENT);
	return st;
}

int sqlite_payload_get(struct sqlite_db *db, const unsigned char *ref,
		       struct buf *out, struct err *e)
{
	sqlite3_stmt *st = payload_at(db, ref + 1, e);
	int rc = 0, step;

	if (st == NULL)
		return ERR_IO;
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		const void *p = sqlite3_column_blob(st, 0);
		size_t n = (size_t)sqlite3_column_bytes(st, 0);

		rc = sqlite3_column_int(st, 1) == 1
			? segment_unpack(p, n, out, e)
			: buf_add(out, p, n) != 0
			? buf_err(out, e, "a payload") : 0;
	} else {
		rc = step != SQLITE_DONE
			? sqlite_err(db, e, "reading a payload")
			: err_set(e, ERR_DAMAGED, "a payload is missing");
	}
	sqlite3_reset(st);
	return rc;
}

int sqlite_payload_count(struct sqlite_db *db, const unsigned char *hashes,
			 size_t n, int more, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, PAYLOAD_COUNT, "UPDATE payloads SET"
		" refs = refs + ?2 WHERE hash = ?1", e);
	int rc = 0;
	size_t i;

	if (st == NULL)
		return ERR_IO;
	for (i = 0; i < n && rc == 0; i++) {
		sqlite3_bind_blob(st, 1, hashes + i * DIGEST_BYTES,
				  DIGEST_BYTES, SQLITE_TRANSIENT);
		sqlite3_bind_int(st, 2, more);
		if (sqlite3_step(st) != SQLITE_DONE)
			rc = sqlite_err(db, e, "counting payloads");
		sqlite3_reset(st);
	}
	return rc;
}

static int put_packed(struct sqlite_db *db, const unsigned char *hash,
		      const struct buf *packed, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, PAYLOAD_PACK, "UPDATE payloads SET"
		" packed = ?2, body = coalesce(?3, body) WHERE hash = ?1", e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_blob(st, 1, hash, DIGEST_BYTES, SQLITE_TRANSIENT);
	sqlite3_bind_int(st, 2, packed != NULL ? 1 : 2);
	if (packed != NULL)
		sqlite3_bind_blob64(st, 3, packed->data, packed->len,
				    SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 3);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "packing a payload");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int sqlite_payload_pack(struct sqlite_db *db, const unsigned char *hash,
			struct err *e)
{
	sqlite3_stmt *st = payload_at(db, hash, e);
	struct buf out;
	bool smaller = false;
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	buf_init(&out, SEGMENT_BYTES);
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 1) == 0) {
		size_t n = (size_t)sqlite3_column_bytes(st, 0);

		rc = segment_pack(sqlite3_column_blob(st, 0), n, &out, e);
		smaller = out.len + n / 16 < n;
		sqlite3_reset(st);
		if (rc == 0)
			rc = put_packed(db, hash, smaller ? &out : NULL, e);
	}
	sqlite3_reset(st);
	buf_release(&out);
	return rc;
}

/* ---- in SQL ----------------------------------------------------------------- */

/* The bytes of an argument, references resolved into *b: false when there are
 * none, or *e is set. */
static bool bytes_of(sqlite3_context *c, sqlite3_value *v, struct buf *b,
		     const unsigned char **p, size_t *n)
{
	struct err e;

	if (sqlite3_value_type(v) == SQLITE_NULL)
		return false;
	*p = sqlite3_value_blob(v);
	*n = (size_t)sqlite3_value_bytes(v);
	if (sqlite3_value_type(v) != SQLITE_BLOB || !sqlite_is_ref(*p, *n))
		return true;
	if (sqlite_payload_get(sqlite3_user_data(c), *p, b, &e) != 0) {
		sqlite3_result_error(c, e.msg, -1);
		return false;
	}
	*p = b->data;
	*n = b->len;
	return true;
}

/* keel_payload(x): the bytes that x is, or refers to. */
static void sql_payload(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	const unsigned char *p;
	struct buf b;
	size_t n;

	(void)argc;
	buf_init(&b, CODEC_BYTES);
	if (bytes_of(c, argv[0], &b, &p, &n))
		sqlite3_result_blob64(c, p, n, SQLITE_TRANSIENT);
	buf_release(&b);
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* Whether the bytes hold the words; letters of ASCII count the same in both cases. */
static bool holds(const unsigned char *p, size_t n, const unsigned char *words,
		  size_t m)
{
	size_t i, k;

	for (i = 0; m > 0 && i + m <= n; i++) {
		for (k = 0; k < m && lower(p[i + k]) == lower(words[k]); k++)
			;
		if (k == m)
			return true;
	}
	return false;
}

/* keel_has(x, words): whether x, or what it refers to, holds the words. */
static void sql_has(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	const unsigned char *p, *words = sqlite3_value_text(argv[1]);
	size_t n, m = (size_t)sqlite3_value_bytes(argv[1]);
	struct buf b;

	(void)argc;
	buf_init(&b, CODEC_BYTES);
	if (words != NULL && bytes_of(c, argv[0], &b, &p, &n))
		sqlite3_result_int(c, holds(p, n, words, m));
	buf_release(&b);
}

static int value_has(struct sqlite_db *db, const void *p, size_t n,
		     const unsigned char *words, size_t m, struct err *e)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, CODEC_BYTES);
	if (sqlite_is_ref(p, n)) {
		rc = sqlite_payload_get(db, p, &b, e);
		p = b.data;
		n = b.len;
	}
	if (rc == 0 && p != NULL)
		rc = holds(p, n, words, m);
	buf_release(&b);
	return rc;
}

/* 1 when a record of the segment holds the words, 0, or an error. */
static int segment_has(struct sqlite_db *db, const struct buf *records,
		       const unsigned char *words, size_t m, struct err *e)
{
	struct segment_reader r = { records->data,
				    records->data + records->len };
	struct journal_row row;
	int rc;

	while ((rc = segment_next(&r, &row)) == 1) {
		if (row.name != NULL && holds((const unsigned char *)row.name,
					      strlen(row.name), words, m))
			return 1;
		rc = value_has(db, row.args, row.args_len, words, m, e);
		if (rc == 0)
			rc = value_has(db, row.data, row.len, words, m, e);
		if (rc != 0)
			return rc;
	}
	return rc == 0 ? 0 : err_set(e, rc, "a packed journal is damaged");
}

/* keel_segment_has(body, words): the same for the records of a packed segment. */
static void sql_segment_has(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	const unsigned char *words = sqlite3_value_text(argv[1]);
	const void *body = sqlite3_value_blob(argv[0]);
	struct buf records;
	struct err e;
	int rc;

	(void)argc;
	buf_init(&records, SEGMENT_BYTES);
	rc = words == NULL ? 0 : segment_unpack(body,
		(size_t)sqlite3_value_bytes(argv[0]), &records, &e);
	if (rc == 0 && words != NULL)
		rc = segment_has(sqlite3_user_data(c), &records, words,
				 (size_t)sqlite3_value_bytes(argv[1]), &e);
	if (rc < 0)
		sqlite3_result_error(c, e.msg, -1);
	else
		sqlite3_result_int(c, rc);
	buf_release(&records);
}

/* keel_sha256(x): the digest of the bytes that x is, or refers to, in hex. */
static void sql_sha256(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	unsigned char hash[DIGEST_BYTES];
	char hex[DIGEST_HEX + 1];
	const unsigned char *p;
	struct buf b;
	size_t n;

	(void)argc;
	buf_init(&b, CODEC_BYTES);
	if (bytes_of(c, argv[0], &b, &p, &n)) {
		digest_sha256(p, n, hash);
		digest_hex(hash, sizeof(hash), hex);
		sqlite3_result_text(c, hex, DIGEST_HEX, SQLITE_TRANSIENT);
	}
	buf_release(&b);
}

int sqlite_payload_functions(struct sqlite_db *db, struct err *e)
{
	static const struct {
		const char *name;
		int argc;
		void (*fn)(sqlite3_context *, int, sqlite3_value **);
	} list[] = {
		{ "keel_payload", 1, sql_payload }, { "keel_has", 2, sql_has },
		{ "keel_segment_has", 2, sql_segment_has },
		{ "keel_sha256", 1, sql_sha256 }
	};
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (sqlite3_create_function(db->h, list[i].name, list[i].argc,
				SQLITE_UTF8 | SQLITE_DIRECTONLY, db, list[i].fn,
				NULL, NULL) != SQLITE_OK)
			return sqlite_err(db, e, "opening the store");
	return 0;
}
