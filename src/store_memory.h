/* store_memory.h -- what a driver provides for memory, beside its verbs.
 *
 * These are typed because they are hot (a write is several statements) or stream
 * (a search holds a copy of what it searches). Reading by key goes through verbs:
 * memory.row, memory.get, memory.history, memory.list, memory.stats, ...
 *
 * Rows have ids that rise and are never used again. Each namespace counts its
 * changes to rows that were there (`stamp`) and keeps a list of the last ones, so
 * whoever holds a copy asks for newer ids and newer changes and has it all.
 * Nothing here reads or returns a row of another namespace than is named. */
#ifndef KEEL_STORE_MEMORY_H
#define KEEL_STORE_MEMORY_H

#include "store_driver.h"

#define MEMORY_FOREVER INT64_MAX	/* no end of validity, no expiry    */
#define MEMORY_FIELDS 32		/* indexed fields of one value      */
#define MEMORY_FIELD_MAX 200		/* bytes of an indexed text         */

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
};

enum memory_outcome {
	MEMORY_NEW,		/* a row was added                              */
	MEMORY_SUPERSEDED,	/* the same, and an older version has ended     */
	MEMORY_SAME,		/* it was known: nothing added, expiry refreshed */
	MEMORY_DISPUTED		/* kept beside what holds: it is trusted less   */
};

struct memory_put {
	int64_t id;
	enum memory_outcome outcome;
};

int store_memory_put(struct db *db, const struct memory_item *item,
		     struct memory_put *out, struct err *e);

/* Which rows: absent spans, 0 and MEMORY_FOREVER ask nothing. */
struct memory_which {
	struct span ns, kind, key, name, session;
	int64_t id, run;
	int layer;
	int64_t expired_by;	/* expires <= this                            */
	int64_t made_before;	/* created < this                             */
	bool ended;		/* superseded or disputed versions alone      */
	double faded;		/* importance halved every half_life_ms since  */
	int64_t half_life_ms;	/* ... valid_from is below this at now_ms      */
	int64_t now_ms;
	int64_t after;		/* ids above this alone                       */
	int64_t up_to;		/* ... and not above this                     */
	int64_t limit;		/* at most so many rows; 0: all               */
	int64_t scan;		/* look at so many rows at most; 0: all       */
};

struct memory_forgotten {
	int64_t rows;		/* how many went (or would)                   */
	int64_t last;		/* where a scan has come to; 0: to the end    */
	int64_t bytes;		/* of their texts, values and vectors         */
};

/* Leave tombstones: the row, its fields and its vector go; namespace, key and hash
 * stay. `dry` only counts. */
int store_memory_forget(struct db *db, const struct memory_which *which,
			bool dry, struct span reason,
			struct memory_forgotten *out, struct err *e);

/* Give rows another vector, of the model. Rows that are gone are passed over. */
int store_memory_embed(struct db *db, struct span ns, int64_t id,
		       struct span model, struct span vector, struct err *e);

/* Write a stretch of rows anew, close together: up to `rows` of them behind
 * `*after`, which becomes the last one, or 0 at the end. What was deleted among
 * them leaves whole pages free. */
int store_memory_compact(struct db *db, int64_t *after, int64_t rows,
			 struct err *e);

/* A row as a search wants to hold it; spans are borrowed during the call. */
struct memory_meta {
	int64_t id, valid_from, valid_to, expires;
	int layer;
	bool gone;		/* then nothing but the id is there           */
	double importance;
	struct span kind, trust, session, speaker, text, model, vector;
};

/* A namespace: all 0 when there is none of that name. A copy that has seen the
 * changes up to a stamp below `floor` cannot catch up. */
struct memory_space {
	int64_t number, stamp, floor;
	int64_t newest;		/* the last row, of any namespace             */
};

int store_memory_space(struct db *db, struct span ns, struct memory_space *out,
		       struct err *e);

typedef int memory_each(void *arg, const struct memory_meta *m, struct err *e);
typedef int memory_each_id(void *arg, int64_t id, struct err *e);

/* Rows of the namespace with ids above `after`, ascending, to `each`, which stops
 * the walk by returning an error. */
int store_memory_rows(struct db *db, const struct memory_space *s,
		      int64_t after, memory_each *each, void *arg,
		      struct err *e);

/* Rows up to `newest` that were changed or forgotten after the stamp `since`. */
int store_memory_changes(struct db *db, const struct memory_space *s,
			 int64_t since, int64_t newest, memory_each *each,
			 void *arg, struct err *e);

/* A condition on a field of values: equal to one of what is there, or between.
 * Tags are the field "#". */
struct memory_field {
	struct span name;
	struct span is;		/* codec bytes of a scalar, or absent         */
	struct span least, most;/* codec bytes, or absent                     */
};

/* Ids of rows of the namespace whose field fits; or whose "kind/key" fits a
 * pattern of SQLite's GLOB. */
int store_memory_having(struct db *db, int64_t number,
			const struct memory_field *f, memory_each_id *each,
			void *arg, struct err *e);
int store_memory_fitting(struct db *db, int64_t number, struct span pattern,
			 memory_each_id *each, void *arg, struct err *e);

#endif
