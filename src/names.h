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
	struct name_slot {
		uint32_t mark;		/* of the hash: most others differ */
		uint32_t number;	/* 0 is free                       */
	} *slot;			/* open addressing */
	uint32_t slots;
};

void names_init(struct names *t);
void names_release(struct names *t);

/* The number of the word, from 1; a new word is copied and numbered. 0 for an
 * absent word (NULL). -1 when memory is short. */
int64_t names_put(struct names *t, const char *s, size_t len);

/* The number of a word, or 0 when it was never put. */
uint32_t names_find(const struct names *t, const char *s, size_t len);

#endif
