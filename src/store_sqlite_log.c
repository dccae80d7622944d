/* store_sqlite_log.c -- the log: room ahead of the commits, and moving it away.
 *
 * A commit that makes the log file longer must sync the file's inode too, which
 * takes as long again as syncing what was written. A log that has been moved into
 * the store is written over from its beginning and does not grow; this gives one
 * that grows the same pace: it is made longer with zeros, a piece at a time, by
 * the writer between two commits, more the longer it is. To SQLite the zeros are
 * the end of the log (a frame of theirs has no valid checksum), as is what an
 * older round has left there. */
#include <string.h>

#include "crash.h"
#include "store_sqlite.h"

#define FRAME (4096 + 24)	/* a page in the log                           */
#define FEW_PAGES 12		/* who commits a little and ends needs no room */
#define LEAST ((sqlite3_int64)64 << 10)
#define MOST ((sqlite3_int64)1 << 20)

static sqlite3_file *log_file(struct sqlite_db *db)
{
	sqlite3_file *f = NULL;

	if (sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER,
				 &f) != SQLITE_OK || f == NULL ||
	    f->pMethods == NULL)
		return NULL;
	return f;
}

/* What cannot be made longer will say so in the commit that needs it. */
void sqlite_log_room(struct sqlite_db *db)
{
	static const char zeros[64 << 10];
	sqlite3_int64 used = (db->wal_pages + 1) * FRAME, size = 0, to;
	sqlite3_file *f;

	if (db->wal_pages < FEW_PAGES || used + LEAST / 4 < db->log_bytes)
		return;
	f = log_file(db);
	if (f == NULL || f->pMethods->xFileSize(f, &size) != SQLITE_OK)
		return;
	to = used + (used < LEAST ? LEAST : used > MOST ? MOST : used);
	while (size < to) {
		sqlite3_int64 n = (sqlite3_int64)sizeof(zeros) -
				  size % (sqlite3_int64)sizeof(zeros);

		if (f->pMethods->xWrite(f, zeros, (int)n, size) != SQLITE_OK)
			break;
		size += n;
	}
	db->log_bytes = size > to ? size : to;	/* not again for each commit */
}

/* ---- moving the log into the store ------------------------------------------- */

int64_t sqlite_backlog(struct db *base)
{
	return sqlite_of(base)->wal_pages;
}

int sqlite_checkpoint(struct db *base, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	int log = 0, moved = 0;

	CRASH_POINT("before_checkpoint");
	if (sqlite3_wal_checkpoint_v2(db->h, NULL, SQLITE_CHECKPOINT_PASSIVE,
				      &log, &moved) != SQLITE_OK)
		return sqlite_err(db, e, "moving the log into the store");
	CRASH_POINT("after_checkpoint");
	db->wal_pages = log - moved;
	return 0;
}

/* Above this the new file is made beside, not in memory. */
#define TIDY_IN_MEMORY "(256 << 20)"

#define TRIES 1000		/* of 5 ms */

/* Who reads or moves the log at this moment is waited for. SQLite itself does not
 * wait for one who moves it. */
static int empty_log(struct sqlite_db *db)
{
	int log, moved, rc, i = 0;

	sqlite3_busy_timeout(db->h, 0);
	while ((rc = sqlite3_wal_checkpoint_v2(db->h, NULL,
					       SQLITE_CHECKPOINT_TRUNCATE, &log,
					       &moved)) == SQLITE_BUSY &&
	       i++ < TRIES)
		sqlite3_sleep(5);
	sqlite3_busy_timeout(db->h, BUSY_MS);
	return rc;
}

int sqlite_tidy(struct db *base, bool whole, struct err *e)
{
	struct sqlite_db *db = sqlite_of(base);
	int rc = 0;

	if (whole) {
		if (sqlite_number(db, "SELECT page_count * page_size > "
				  TIDY_IN_MEMORY " FROM pragma_page_count,"
				  " pragma_page_size"))
			rc = sqlite_run(db, "PRAGMA temp_store = FILE",
					"writing the store anew", e);
		if (rc == 0)
			rc = sqlite_run(db, "VACUUM", "writing the store anew", e);
		sqlite_run(db, "PRAGMA temp_store = MEMORY", "", NULL);
	}
	if (rc != 0)
		return rc;
	rc = empty_log(db);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return err_set(e, ERR_CONFLICT, "another process is reading the"
			       " store, so its log could not be emptied");
	if (rc != SQLITE_OK)
		return sqlite_err(db, e, "emptying the log");
	db->wal_pages = 0;
	db->log_bytes = 0;
	return 0;
}
