/* postings.h -- which texts hold a word, how often: full text in memory.
 *
 * Texts are numbered 0, 1, 2, ... in the order in which they are added. A word is
 * kept by its stem; a stem has a list of bytes, one entry a text that holds it:
 *
 *   varint(2 * (text - text before) + more)   [byte: how often, when more = 1]
 *
 * and, every POSTINGS_STEP entries, a note of where that entry begins, so that a
 * reader may leap. A list only grows. A text that is gone stays in it until the whole is built
 * anew; who searches tests what it finds. */
#ifndef KEEL_POSTINGS_H
#define KEEL_POSTINGS_H

#include <stdint.h>

#include <stddef.h>

#include "err.h"
#include "stem.h"

/* Numbers for words, by 40 bits of their hash alone. Of a million words, two may
 * share a number, and nothing comes of it but a word more in a text. The words
 * themselves are not kept. */
struct word_map {
	uint64_t *slot;		/* 40 bits of hash, 24 of the number; 0: free */
	uint32_t n, slots;
};

#define POSTINGS_STEP 128

struct posting_step {
	uint32_t text;		/* of the entry before; 0 at the beginning */
	uint32_t at;		/* the byte where the entry begins         */
};

struct posting_list {
	unsigned char *bytes;
	uint32_t len, cap;
	uint32_t last;		/* the text of the last entry, plus 1 */
	uint32_t texts;		/* entries                            */
	struct posting_step *step;
	uint32_t steps, steps_cap;
};

struct postings {
	struct stem *stem;	/* borrowed                          */
	struct word_map written;	/* words as they stand in texts: their stem */
	struct word_map stems;
	struct posting_list *list;	/* [stem], from 1            */
	uint32_t stems_n, stems_cap;
	uint32_t *scratch;
	size_t scratch_cap;
};

void postings_init(struct postings *p, struct stem *stem);
void postings_release(struct postings *p);

/* Add a text; its number is above those added before. *words becomes the number
 * of its words. */
int postings_add(struct postings *p, uint32_t text, const void *s, size_t n,
		 uint32_t *words, struct err *e);

/* The stem of a folded word, or 0 when no text holds it. */
uint32_t postings_stem(const struct postings *p, const char *word, size_t n);

/* Reading a list. */
struct posting {
	const unsigned char *p, *end;
	uint32_t text, times;
};

static inline void postings_read(const struct posting_list *l, struct posting *at)
{
	at->p = l->bytes;
	at->end = l->bytes + l->len;
	at->text = 0;
}

static inline int postings_next(struct posting *at)
{
	uint32_t v, shift = 0;
	unsigned char c;

	if (at->p == at->end)
		return 0;
	c = *at->p++;
	for (v = c & 0x7f; c & 0x80; ) {
		c = *at->p++;
		shift += 7;
		v |= (uint32_t)(c & 0x7f) << shift;
	}
	at->text += v >> 1;
	at->times = v & 1 ? *at->p++ : 1;
	return 1;
}

/* Go on to the first entry whose text is not below `text`, leaping where it can;
 * false at the end. `at` has been read from this list. */
int postings_leap(const struct posting_list *l, struct posting *at, uint32_t text);

#endif
