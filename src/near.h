/* near.h -- words that are near in meaning: "bought" near "purchased".
 *
 * By the cosine of their vectors (words.h). The whole table is read for a word that
 * is new, some 0.4 ms; what was found is kept for the next question. */
#ifndef KEEL_NEAR_H
#define KEEL_NEAR_H

#include <stddef.h>
#include <stdint.h>

#define NEAR_MOST 5		/* words                               */
#define NEAR_LEAST 0.65f	/* cosine: below, words share a field,
				 * and no meaning                      */

struct near_word {
	int32_t index;		/* in the table                        */
	float likeness;		/* cosine, NEAR_LEAST..1               */
};

struct near;

/* NULL when memory is short. One thread at a time. */
struct near *near_new(void);
void near_free(struct near *n);

/* The words next to the one of that index, the nearest first, stop words not among
 * them; returns how many, at most NEAR_MOST. */
size_t near_of(struct near *n, int32_t index, struct near_word out[NEAR_MOST]);

#endif
