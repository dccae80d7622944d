/* store_sqlite_memory.h -- shared by the SQLite driver's two files on memory. */
#ifndef KEEL_STORE_SQLITE_MEMORY_H
#define KEEL_STORE_SQLITE_MEMORY_H

#include "store_memory.h"
#include "store_sqlite.h"

enum statement {
	SPACE_BUMP, SPACE_FIND, VERSION_BEFORE, VERSION_AFTER, END_VERSION,
	TWIN, REFRESH, INSERT_ROW, INSERT_TAG, FORGET_ROW, FORGET_TAGS, CHANGES,
	MATCH, TAGGED, FITTING, STATEMENTS
};

/* Prepared once a connection; NULL with e filled. */
sqlite3_stmt *memory_statement(struct sqlite_db *db, enum statement which,
			       struct err *e);
/* Why there is no statement: the code that e holds, if the caller gave one. */
int memory_unprepared(const struct err *e);

void memory_bind_span(sqlite3_stmt *st, int at, struct span s);
void memory_bind_bytes(sqlite3_stmt *st, int at, struct span s);
/* NULL for the time that means none. */
void memory_bind_time(sqlite3_stmt *st, int at, int64_t t, int64_t none);
struct span memory_column_span(sqlite3_stmt *st, int c);
int64_t memory_column_time(sqlite3_stmt *st, int c, int64_t none);

/* Run to its end a statement whose rows are of no interest, and reset it. */
int memory_finish(struct sqlite_db *db, sqlite3_stmt *st, const char *what,
		  struct err *e);

#endif
