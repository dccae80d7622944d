/* recall_inside.h -- one search under way; shared by recall.c and recall_find.c. */
#ifndef KEEL_RECALL_INSIDE_H
#define KEEL_RECALL_INSIDE_H

#include "memory_inside.h"
#include "token.h"

struct found {			/* a row in which words of the question occur */
	size_t at;
	unsigned char counts[MEMORY_TERMS];
};

struct recall {
	struct memory *m;
	const struct memory_query *q;
	struct memory_hits *out;
	struct shelf *shelf;
	int64_t as_of;

	uint64_t *mask;
	int8_t *query;			/* padded to the stride */
	float query_inverse;

	struct token_reader reader;
	struct token token[MEMORY_TERMS];
	struct span terms[MEMORY_TERMS];
	size_t terms_n;
	struct found *found;
	size_t found_n, found_cap;
	double best_text;

	size_t *at;			/* candidates, ascending           */
	size_t at_n, at_cap;
	struct score_item *items;
};

int recall_no_memory(struct err *e);

static inline bool test_bit(const uint64_t *mask, size_t at)
{
	return mask[at / 64] >> (at % 64) & 1;
}

static inline void set_bit(uint64_t *mask, size_t at)
{
	mask[at / 64] |= (uint64_t)1 << (at % 64);
}

/* Which rows may be seen at all; then only those with every tag that fit a
 * pattern. */
int recall_mask(struct recall *r, struct err *e);
int recall_narrow(struct recall *r, struct db *db, struct err *e);

/* Find the rows with words of the question, and rate them in the shelf's text
 * column. */
int recall_texts(struct recall *r, struct db *db, struct err *e);

/* Whether the word is one that the question asks for. */
bool recall_asks_for(const struct recall *r, const struct token *t);

#endif
