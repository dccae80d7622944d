/* names.h -- small numbers for words that recur: kinds, sessions, speakers. */
#ifndef KEEL_NAMES_H
#define KEEL_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names {
	struct name_entry {
		uint64_t hash;
		const char *text;
		size_t len;
	} *entry;			/* [1..n] */
	uint32_t n, cap;
	uint32_t *slot, slots;		/* open addressing; 0 is free */
};

void names_init(struct names *t);
void names_release(struct names *t);

/* The number of the word, from 1; a new word is copied and numbered. 0 for an
 * absent word (NULL). -1 when memory is short. */
int64_t names_put(struct names *t, const char *s, size_t len);

/* The number of a word, or 0 when it was never put. */
uint32_t names_find(const struct names *t, const char *s, size_t len);

#endif
