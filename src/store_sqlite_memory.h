/* store_sqlite_memory.h -- shared by the SQLite driver's files on memory. */
#ifndef KEEL_STORE_SQLITE_MEMORY_H
#define KEEL_STORE_SQLITE_MEMORY_H

#include "store_memory.h"
#include "store_sqlite.h"
#include <stdbool.h>

enum statement {
	SPACE_MAKE, SPACE_BUMP, SPACE_FIND, NEWEST, CHANGE, CHANGE_TRIM, VERSION_BEFORE,
	VERSION_AFTER, END_VERSION, TWIN, REFRESH, INSERT_ROW, KIND_NOTE, MODEL_FIND,
	MODEL_MAKE, NEW_VECTOR, PUT_VECTOR, INSERT_FIELD, BURY, DROP_ROW, DROP_VECTOR,
	DROP_VECTORS,	DROP_FIELDS, HASHES, MANY, ROWS_ALL, ROWS_FEW, ROW_META, CHANGED_IDS, HAVING_IS,
	HAVING_RANGE, FITTING, STATEMENTS
};

/* Changes that are kept for those who hold a copy. */
#define CHANGES_KEPT 131072

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

/* The namespace or model that was looked for last, in this transaction. */
struct memory_known {
	char name[64];
	size_t n;
	int64_t number, dim;
};

int memory_next_id(struct sqlite_db *db, int64_t *id, struct err *e);
/* 0 is the namespace, 1 the model, 2 a kind (number: of its namespace). */
struct memory_known *memory_known(struct sqlite_db *db, int which);

/* What is known by its hash, for finding what says the same (a row is added to it
 * when it is kept); `each` is called for rows whose hash is that one, perhaps, until
 * it has found what it looks for. */
struct memory_twins;

struct memory_twins **memory_twins(struct sqlite_db *db);
int memory_twins_find(struct sqlite_db *db, int64_t ns, int64_t hash,
		      int (*each)(void *arg, int64_t id, bool *found,
				  struct err *e),
		      void *arg, struct err *e);
int memory_twins_add(struct sqlite_db *db, int64_t ns, int64_t hash, int64_t id,
		     struct err *e);
void memory_twins_free(struct memory_twins *all);

bool memory_bind_scalar(sqlite3_stmt *st, int at, struct span value);

/* Count n changes of the namespace: *first becomes the stamp of the first. */
int memory_bump(struct sqlite_db *db, int64_t ns, int64_t n, int64_t *first,
		struct err *e);
/* Say that the row was changed or went. */
int memory_changed(struct sqlite_db *db, int64_t ns, int64_t stamp, int64_t id,
		   struct err *e);
/* The row's vector, of the model (made known when it is new). */
int memory_put_vector(struct sqlite_db *db, bool fresh, int64_t id,
		      struct span model, struct span vector, struct err *e);

/* Run to its end a statement whose rows are of no interest, and reset it. */
int memory_finish(struct sqlite_db *db, sqlite3_stmt *st, const char *what,
		  struct err *e);

#endif
