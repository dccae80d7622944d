/* bind_names.h -- the names of an object, in the order of their bytes.
 *
 * A name is compared by eight of its bytes at once, as a number. Names that are alike
 * so far are sorted among themselves by what comes next, so no byte is looked at twice
 * whatever the names begin with. */
#ifndef KEEL_BIND_NAMES_H
#define KEEL_BIND_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct name {
	uint64_t word;		/* the eight bytes that are compared now       */
	const char *s;		/* borrowed                                    */
	uint32_t n;		/* bytes                                       */
	uint32_t place;		/* of its pair in the table                    */
};

/* Set word to what the sorting begins with. */
void bind_name_begin(struct name *a);

/* Sort n names, all begun; other has room for as many and is overwritten. Says what it
 * is about to do in units of fuel; when pay returns nonzero it stops and returns that. */
int bind_names_sort(struct name *a, struct name *other, size_t n,
		    int (*pay)(void *arg, size_t units), void *arg);

#endif
