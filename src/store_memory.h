/* store_memory.h -- what a driver provides for memory, beside its verbs.
 *
 * These are typed because they are hot (a write is several statements) or stream
 * (a search sees every match). Reading by key goes through verbs: memory.row,
 * memory.get, memory.history, memory.list, memory.stats, memory.spaces.
 *
 * Rows have ids that rise and are never used again. Each namespace counts its
 * changes: a row carries the count (`stamp`) of its last change, so whoever holds
 * a copy asks for what is newer and has it all. Nothing here reads or returns a
 * row of another namespace than the one that is named. */
#ifndef KEEL_STORE_MEMORY_H
#define KEEL_STORE_MEMORY_H

#include "store_driver.h"

#define MEMORY_FOREVER INT64_MAX	/* no end of validity, no expiry    */
#define MEMORY_TERMS 32			/* words of one full text question  */

struct span {
	const char *p;		/* NULL: absent */
	size_t n;
};

enum memory_layer { MEMORY_WORKING = 1, MEMORY_SESSION = 2, MEMORY_LONG = 3 };

/* An item to be kept; everything is borrowed. */
struct memory_item {
	struct span ns, kind;		/* always there                        */
	struct span key, name;		/* name: the caller's own id           */
	struct span text, trust, session, speaker;
	struct span value, tags, source;/* codec bytes; tags: array of strings */
	struct span model, vector;	/* int8 numbers                        */
	int layer;
	double importance;		/* 0..1                                */
	int64_t now_ms, valid_from, expires;
	int64_t run, seq;		/* 0: by no run                        */
	int64_t hash;			/* of the folded text, else of value   */
	int words;			/* in the text                         */
};

enum memory_outcome {
	MEMORY_NEW,		/* a row was added                              */
	MEMORY_SUPERSEDED,	/* the same, and an older version has ended     */
	MEMORY_SAME		/* it was known: nothing added, expiry refreshed */
};

struct memory_put {
	int64_t id;
	enum memory_outcome outcome;
};

int store_memory_put(struct db *db, const struct memory_item *item,
		     struct memory_put *out, struct err *e);

/* Which rows: absent spans, 0 and MEMORY_FOREVER ask nothing. */
struct memory_which {
	struct span ns, kind, key, name;
	int64_t id, run;
	int layer;
	int64_t expired_by;	/* expires <= this                            */
	int64_t limit;		/* at most so many rows; 0: all               */
};

/* Leave tombstones: text, value, tags, source, index entries and vector go, the
 * key and the hash stay. Adds the number of rows to *count. */
int store_memory_forget(struct db *db, const struct memory_which *which,
			int64_t now_ms, struct span reason, int64_t *count,
			struct err *e);

/* A row as a search wants to hold it; spans are borrowed during the call. */
struct memory_meta {
	int64_t id, valid_from, valid_to, expires;
	int layer, words;
	bool gone;
	double importance;
	struct span kind, trust, session, speaker, model, vector;
};

/* Number and stamp of the namespace, 0 and 0 when there is none of that name; and
 * the id of the newest row of all. */
int store_memory_space(struct db *db, struct span ns, int64_t *number,
		       int64_t *stamp, int64_t *newest, struct err *e);

/* Rows of the namespace changed after `since`, by ascending id, to `each`, which
 * stops the walk by returning an error. */
int store_memory_changes(struct db *db, int64_t number, int64_t since,
			 int (*each)(void *arg, const struct memory_meta *m,
				     int64_t stamp, struct err *e),
			 void *arg, struct err *e);

/* Rows whose text holds any of the words (as written: the driver stems them), to
 * `each`, with how often each word occurs (0..255). `whole` leaves out the test
 * of the namespace, for a caller that knows its rows and tests every id. */
int store_memory_match(struct db *db, int64_t number, bool whole,
		       const struct span *terms, size_t n,
		       int (*each)(void *arg, int64_t id,
				   const unsigned char *counts, struct err *e),
		       void *arg, struct err *e);

/* Ids of rows of the namespace that carry a tag; or whose "kind/key" fits a
 * pattern of SQLite's GLOB. */
int store_memory_tagged(struct db *db, int64_t number, struct span tag,
			int (*each)(void *arg, int64_t id, struct err *e),
			void *arg, struct err *e);
int store_memory_fitting(struct db *db, int64_t number, struct span pattern,
			 int (*each)(void *arg, int64_t id, struct err *e),
			 void *arg, struct err *e);

#endif
