/* words.h -- vectors of English words, and through them of texts.
 *
 * The table (vendor/vectors, 50,000 words, 100 dimensions, int8) lies in the
 * binary's read-only data: loading costs nothing, a page is read when a word on
 * it is first asked for. It finds "invoice" near "payment"; it knows no other
 * language and no word order, and is no match for a trained sentence embedder. */
#ifndef KEEL_WORDS_H
#define KEEL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_DIM 100
#define WORDS_MODEL "words-50k-100d-1"	/* stored beside its vectors */

/* Number of words in the table. */
size_t words_count(void);

/* Index of a folded word (token.h), or -1. */
int32_t words_find(const char *word, size_t n);

/* The word's vector times its weight, which falls with the word's frequency:
 * out[i] = scale * v[i]. The scale of a stop word is 0. */
const int8_t *words_vector(int32_t index, float *scale);

/* The word of that index, folded; borrowed, no NUL at its end. */
const char *words_text(int32_t index, size_t *n);

/* Whether the folded word says nothing about what a text is about. */
bool words_stop(const char *word, size_t n);

/* The text's direction: the sum over its words, of length 1. Returns how many
 * words had a part in it; when 0, out is all zero. */
size_t words_embed(const void *text, size_t n, float out[WORDS_DIM]);

/* Cosine of the two texts' directions, -1..1; 0 when either has no words. */
double words_similarity(const void *a, size_t a_len, const void *b,
			size_t b_len);

#endif
