/* store_sqlite_scan.c -- journal rows by their number, newest first, quickly.
 *
 * Who walks back along `prev` mostly finds the record wanted next close before the
 * one at hand. So one descending cursor goes on over the few rows of other runs that
 * lie between, and only a larger gap is worth finding its place in the tree anew:
 * that takes as long as stepping over some twenty rows. */
#include <string.h>

#include "store_sqlite.h"

#define NEAR 20

void sqlite_load_row(sqlite3_stmt *st, struct journal_row *row)
{
	const void *hash = sqlite3_column_blob(st, 8);

	memset(row, 0, sizeof(*row));
	row->lsn = sqlite3_column_int64(st, 0);
	row->run = sqlite3_column_int64(st, 1);
	row->prev = sqlite3_column_int64(st, 2);
	row->seq = sqlite3_column_int(st, 3);
	row->kind = (uint8_t)sqlite3_column_int(st, 4);
	row->effect = (uint8_t)sqlite3_column_int(st, 5);
	row->flags = (uint8_t)sqlite3_column_int(st, 6);
	row->name = (const char *)sqlite3_column_text(st, 7);
	if (hash != NULL && sqlite3_column_bytes(st, 8) == JOURNAL_HASH)
		memcpy(row->hash, hash, JOURNAL_HASH);
	row->fuel = sqlite3_column_int64(st, 9);
	row->cost = sqlite3_column_int64(st, 10);
	row->t_ms = sqlite3_column_int64(st, 11);
	row->took_us = sqlite3_column_int64(st, 12);
	row->args = sqlite3_column_blob(st, 13);
	row->args_len = (size_t)sqlite3_column_bytes(st, 13);
	row->data = sqlite3_column_blob(st, 14);
	row->len = (size_t)sqlite3_column_bytes(st, 14);
}

/* Bring the cursor of st, now at *at (0: nowhere), down to lsn: SQLITE_ROW when it is
 * there, SQLITE_DONE when no row has that number. */
static int move_to(struct sqlite_db *db, sqlite3_stmt *st, int64_t *at,
		   int64_t lsn, struct err *e)
{
	int step;

	if (lsn >= *at || *at - lsn > NEAR) {
		sqlite3_reset(st);
		sqlite3_bind_int64(st, 1, lsn);
	}
	do {
		step = sqlite3_step(st);
		*at = step == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	} while (*at > lsn);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		sqlite_err(db, e, "reading the journal");
	return step == SQLITE_ROW && *at != lsn ? SQLITE_DONE : step;
}

int sqlite_scan_row(struct sqlite_db *db, int64_t lsn, struct journal_row *row,
		    struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, JOURNAL_SCAN,
		"SELECT lsn, run, prev, seq, kind, effect, flags, name, hash,"
		" fuel, cost, t, took, args, data FROM journal WHERE lsn <= ?1"
		" ORDER BY lsn DESC", e);
	int step;

	if (st == NULL)
		return SQLITE_ERROR;
	step = move_to(db, st, &db->scan_at, lsn, e);
	if (step == SQLITE_ROW)
		sqlite_load_row(st, row);
	return step;
}

void sqlite_scan_end(struct sqlite_db *db)
{
	if (db->kept[JOURNAL_SCAN] != NULL)
		sqlite3_reset(db->kept[JOURNAL_SCAN]);
	db->scan_at = 0;
}

/* ---- what an index of a run needs to know ---------------------------------- */

static void load_little(sqlite3_stmt *st, struct journal_row *row)
{
	row->lsn = sqlite3_column_int64(st, 0);
	row->run = sqlite3_column_int64(st, 1);
	row->prev = sqlite3_column_int64(st, 2);
	row->seq = sqlite3_column_int(st, 3);
	row->kind = (uint8_t)sqlite3_column_int(st, 4);
	row->effect = (uint8_t)sqlite3_column_int(st, 5);
	row->name = (const char *)sqlite3_column_text(st, 6);
	row->t_ms = sqlite3_column_int64(st, 7);
}

static int skim(struct sqlite_db *db, sqlite3_stmt *st, int64_t lsn,
		int (*each)(void *arg, const struct journal_row *row),
		void *arg, struct err *e)
{
	struct journal_row row = { 0 };
	int64_t at = 0;
	int rc = 0, step;

	while (lsn != 0 && rc == 0) {
		step = move_to(db, st, &at, lsn, e);
		if (step == SQLITE_DONE)	/* not here: that is walk's */
			return db->db.driver->walk(&db->db, lsn, each, arg, e);
		if (step != SQLITE_ROW)
			return e != NULL ? e->code : ERR_IO;
		load_little(st, &row);
		if (row.prev < 0 || row.prev >= lsn)
			return err_set(e, ERR_DAMAGED, "journal record %lld leads "
				       "to a later one", (long long)lsn);
		lsn = row.prev;
		rc = each(arg, &row);
	}
	return rc;
}

int sqlite_skim(struct db *base, int64_t lsn,
		int (*each)(void *arg, const struct journal_row *row), void *arg,
		struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	sqlite3_stmt *st = sqlite_kept(db, JOURNAL_SKIM, "SELECT lsn, run, prev,"
		" seq, kind, effect, name, t FROM journal WHERE lsn <= ?1 ORDER BY lsn"
		" DESC", e);
	int rc;

	if (st == NULL)
		return ERR_IO;
	rc = skim(db, st, lsn, each, arg, e);
	sqlite3_reset(st);
	return rc;
}
