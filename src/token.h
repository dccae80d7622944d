/* token.h -- the words of a text: where they are, and folded for comparing.
 *
 * A word is a run of letters, digits and marks. Folding lowers case and takes
 * accents off Latin and Greek letters ("Café" and "cafe" fold alike), lowers
 * Cyrillic, and leaves other scripts alone. Endings behind an apostrophe of one
 * or two letters ("it's", "we'll") are dropped. Bytes that are not UTF-8 part
 * words and are never part of one. */
#ifndef KEEL_TOKEN_H
#define KEEL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_MAX 64		/* bytes of a folded word; longer ones are cut */

struct token_reader {
	const unsigned char *p, *end;
};

struct token {
	const unsigned char *at;	/* the word as written, borrowed */
	size_t len;
	char word[TOKEN_MAX];		/* folded; not NUL-terminated    */
	size_t n;
};

void token_read(struct token_reader *r, const void *text, size_t n);

/* Take the next word. False at the end. */
bool token_next(struct token_reader *r, struct token *t);

/* A number for the folded word: FNV-1a. */
static inline uint64_t token_word_hash(const struct token *t)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < t->n; i++)
		h = (h ^ (unsigned char)t->word[i]) * 1099511628211u;
	return h;
}

/* A number for what a text says: equal for texts that differ only in case,
 * accents, spaces and the punctuation between words. Signs that can turn the
 * meaning ("can't", "-5", "1.5", "C++") count. FNV-1a, 63 bits. */
int64_t token_hash(const void *text, size_t n);

#endif
