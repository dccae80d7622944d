/* shelf.h -- a namespace's rows as a search wants them: cards, words, vectors.
 *
 *   ids      12    15    40   ...      ascending, one a row of the store
 *   cards   [..]  [..]  [..]           when valid, kind, importance, ...
 *   rows    [int8 x stride] ...        one vector behind the other, or zeros
 *   words   stem -> texts              full text (postings.h)
 *
 * A shelf is a copy and may be thrown away; shelf_sync makes it true again from
 * what changed, before every search. Rows of other namespaces are not on it: an
 * id that is not found here does not exist for the search. A row that is
 * forgotten leaves a hole; when a quarter is holes the shelf is made anew. */
#ifndef KEEL_SHELF_H
#define KEEL_SHELF_H

#include "names.h"
#include "postings.h"
#include "store_memory.h"

struct card {
	int64_t from, to, expires;
	uint32_t kind, trust, session, speaker;	/* in names; 0: none     */
	float importance;
	uint8_t layer;
	bool gone;
};

struct shelf {
	struct shelf *next;
	char *ns, *model;
	size_t ns_n, model_n;
	int64_t number, stamp;
	int64_t newest;		/* the store's last row that was looked at */
	struct names *names;	/* shared by all shelves */

	size_t n, cap, holes;
	int64_t *ids;
	struct card *cards;
	uint16_t *length;	/* words in the text; 0: none    */
	size_t dim, stride;	/* 0 until the first vector came */
	int8_t *rows;
	float *inverse;		/* of vec.h                      */
	uint64_t *signs;	/* of vec.h; NULL on small ones  */
	float *text;		/* scratch of a search, all zero */
	struct postings words;

	int64_t words_n;	/* in texts that are not gone ... */
	size_t texts;		/* ... and how many those are     */
};

int shelf_new(struct shelf **out, struct span ns, struct names *names,
	      struct stem *stem, struct err *e);
void shelf_free(struct shelf *s);

/* Hold vectors of this model: of another one the shelf is emptied first. */
int shelf_model(struct shelf *s, struct span model, struct err *e);

/* Take in what has changed. */
int shelf_sync(struct shelf *s, struct db *db, struct err *e);

/* Position of the row, or -1. */
ptrdiff_t shelf_find(const struct shelf *s, int64_t id);

/* Bytes that it holds, about. */
size_t shelf_bytes(const struct shelf *s);

#endif
