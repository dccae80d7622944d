/* memory.h -- what was learned, found again, with its reasons.
 *
 * Writes are operations of a transaction (store.h), so that what a run remembers
 * becomes true together with its journal row. A key has versions: the new one
 * ends the old one, both are kept. Text without a key that is known already (the
 * same words, whatever the case and punctuation) is not stored again.
 *
 * A search holds a copy of its namespace in memory: one card, the words and one
 * int8 vector a row, filled when the namespace is first searched and brought up to
 * date before every search, so a commit is visible to the next one. Candidates
 * come from full text and from an exact vector scan; score.h adds up the reasons. */
#ifndef KEEL_MEMORY_H
#define KEEL_MEMORY_H

#include "score.h"
#include "store_memory.h"

#define MEMORY_TEXT_MAX ((size_t)1 << 20)	/* bytes of one text */
#define MEMORY_K_MAX 1000			/* hits of one search */
#define MEMORY_ALSO 8				/* rows that are told of with a hit */
#define MEMORY_FEW 64				/* kinds, tags, patterns of one */

struct memory;

/* The store is borrowed and must outlive the memory. */
int memory_open(struct memory **out, struct store *s, struct err *e);
void memory_close(struct memory *m);

/* ---- writing: operations to add to a transaction (txn_add) ------------------- */

/* Copies the item; fills hash, words and, when it has none, its vector. When
 * result is not NULL it is written on commit and must live until the outcome is
 * told. ERR_LIMIT for a text that is too long, ERR_INPUT for what is malformed. */
int memory_put_op(struct op **out, const struct memory_item *item,
		  struct memory_put *result, struct err *e);

/* Leave tombstones; *out (or NULL) says how many rows went. `dry`: it only counts. */
int memory_forget_op(struct op **out, const struct memory_which *which,
		     const char *reason, bool dry,
		     struct memory_forgotten *told, struct err *e);

/* Another vector for a row that is there. */
int memory_embed_op(struct op **out, struct span ns, int64_t id,
		    struct span model, struct span vector, struct err *e);

/* Move a stretch of `rows` rows behind *after together; *after must live until the
 * outcome is told, and is then where it has come to (0: the end). */
int memory_compact_op(struct op **out, int64_t *after, int64_t rows,
		      struct err *e);

/* ---- searching ------------------------------------------------------------------ */

/* What counts how much, for a kind. */
struct memory_tuning {
	struct span kind;
	struct score_weights weights;
	double k1, b;			/* BM25; k1 = 0: by the texts' length  */
	int64_t half_life_ms;		/* of recency                          */
};

struct memory_query {
	struct span ns;			/* always                              */
	struct span text;
	struct span model, vector;	/* int8; absent: the built-in embedder  */
	size_t k;
	int64_t now_ms;
	int64_t as_of;			/* 0: now                              */
	int layer;			/* 0: any                              */
	int64_t run;			/* whose working layer is seen; 0: all */
	bool distinct;			/* leave out what says nearly the same  */
	struct span kinds[MEMORY_FEW], allow[MEMORY_FEW];
	size_t kinds_n;			/* 0: any; else one of them            */
	size_t allow_n;			/* 0: any; else fits one: "kind/key"   */
	struct memory_field fields[MEMORY_FEW];
	size_t fields_n;		/* all of them; tags are among them    */
	struct span trust, session, speaker;
	int64_t since, until;		/* of valid_from; 0: open              */
	int64_t about_from, about_until;	/* the time that is asked about ...    */
	int about_month, about_day;	/* ... or its month, of any year, and its
					 * day; all 0: none is named           */
	struct memory_tuning usual;	/* for every other kind                */
	struct memory_tuning tuned[MEMORY_FEW];
	size_t tuned_n;
};

struct memory_hit {
	struct score_item score;	/* id is the row's number        */
	double similarity;		/* cosine, -1..1                 */
	int64_t also[MEMORY_ALSO];	/* rows that say nearly the same */
	size_t also_n;
	size_t at, len;			/* the row, in hits.rows (codec) */
};

struct memory_hits {
	struct memory_hit *hit;
	size_t n;
	struct buf rows;
};

/* Best first, at most k. On 0 release the hits. */
int memory_search(struct memory *m, const struct memory_query *q,
		  struct memory_hits *out, struct err *e);
void memory_hits_release(struct memory_hits *h);

#endif
