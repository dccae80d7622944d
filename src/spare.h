/* spare.h -- small structs that are made and dropped all the time.
 *
 * What is dropped is kept for the next one of about its size, on the list of the
 * thread that drops it (which need not be the one that made it): a step then makes
 * none of the calls into malloc that take longer the more steps are on their way.
 * Pieces are malloc's; above SPARE_MOST they come and go through it. Built with the
 * address sanitizer all do, so that they are watched. */
#ifndef KEEL_SPARE_H
#define KEEL_SPARE_H

#include <stddef.h>

#define SPARE_MOST ((size_t)1024)

/* n > 0 bytes of any content, or NULL. */
void *spare_take(size_t n);
/* The same, zeroed. */
void *spare_zero(size_t n);
/* n is the size it was taken with; p may be NULL. */
void spare_give(void *p, size_t n);

#endif
