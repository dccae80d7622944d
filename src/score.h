/* score.h -- many reasons, one rank (pure).
 *
 * Each candidate has a raw number for each reason. Those in units of their own
 * (text, vector, context) are stretched to 0..1 over the candidates of the query,
 * least to greatest; recency and importance are 0..1 already. Each is multiplied
 * by its weight; the score is the sum. Parts are rounded to multiples of 2^-20,
 * so that they add up to the score exactly, in any order.
 *
 * Why not by ranks (RRF): measured, a weighted sum does better as long as one
 * reason is much weaker than the other, and it can be explained. */
#ifndef KEEL_SCORE_H
#define KEEL_SCORE_H

#include <stddef.h>
#include <stdint.h>

enum score_reason {
	SCORE_TEXT,		/* full text: BM25                            */
	SCORE_VECTOR,		/* cosine of the embeddings                   */
	SCORE_RECENCY,		/* 1 now, halved with every half-life         */
	SCORE_IMPORTANCE,	/* as given                                   */
	SCORE_CONTEXT,		/* what stands around it answers, too         */
	SCORE_TIME,		/* it falls into the time that is asked about  */
	SCORE_REASONS
};

struct score_weights {
	double part[SCORE_REASONS];
};

struct score_item {
	int64_t id;
	int64_t time;			/* newer first among equals  */
	const struct score_weights *weights;	/* of its kind       */
	double raw[SCORE_REASONS];
	double part[SCORE_REASONS];	/* filled                    */
	double score;			/* filled: sum of the parts  */
};

/* A weight below zero is none: who ranks knows a better one (recall_find.c). */
extern const struct score_weights score_defaults;
extern const char *const score_names[SCORE_REASONS];

/* Fill parts and scores, and sort best first (newer, then higher id, among
 * equals). Where all candidates agree, a stretched reason gives its full weight
 * when it is above zero, else nothing. */
void score_rank(struct score_item *items, size_t n);

/* 1 at age 0, a half at half_life_ms; 1 for the future or no half-life. */
double score_recency(int64_t age_ms, int64_t half_life_ms);

#endif
