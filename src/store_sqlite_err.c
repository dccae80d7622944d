/* store_sqlite_err.c -- what SQLite complains of, in our words. */
#include "store_sqlite.h"

int sqlite_err(struct sqlite_db *db, struct err *e, const char *what)
{
	int code = sqlite3_errcode(db->h) & 0xff;

	switch (code) {
	case SQLITE_FULL:
		return err_set(e, ERR_FULL, "%s: no space left for the store",
			       what);
	case SQLITE_NOMEM:
		return err_set(e, ERR_NOMEM, "%s: no memory", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_LOCKED, "%s: the store is locked", what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(e, ERR_DAMAGED, "%s: the store is damaged: %s",
			       what, sqlite3_errmsg(db->h));
	case SQLITE_CONSTRAINT:
		return err_set(e, ERR_CONFLICT, "%s: %s", what,
			       sqlite3_errmsg(db->h));
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return err_set(e, ERR_DENIED, "%s: this user may not write the "
			       "store", what);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (sqlite_no_room(db))
			return err_set(e, ERR_FULL, "%s: no room for the store "
				       "(a quota or a limit on the size of files)",
				       what);
		return err_set(e, ERR_IO, "%s: %s", what,
			       sqlite3_errmsg(db->h));
	default:
		return err_set(e, ERR_INPUT, "%s: %s", what,
			       sqlite3_errmsg(db->h));
	}
}
