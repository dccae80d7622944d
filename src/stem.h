/* stem.h -- words by their stem: "invoices" and "invoicing" are one.
 *
 * Snowball's English stemmer (libstemmer), and before it a list of forms that no
 * rule finds: "went" is "go", "children" is "child". Words of other languages
 * pass through it mostly unharmed; what it does to them, it does to the question
 * as well. */
#ifndef KEEL_STEM_H
#define KEEL_STEM_H

#include <stddef.h>

struct stem;

/* NULL when memory is short. One thread at a time. */
struct stem *stem_new(void);
void stem_free(struct stem *s);

/* The stem of a folded word (token.h); borrowed until the next call. */
const char *stem_of(struct stem *s, const char *word, size_t n, size_t *len);

#endif
