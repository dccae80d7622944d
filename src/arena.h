/* arena.h -- memory of one run: small pieces from pages of its own.
 *
 * The pieces of a run lie close together (a thousand runs that take turns do not
 * chase one another through the whole heap), and all go back at once when the run
 * is forgotten. The first of them, of all sizes, fill its home. A page holds pieces
 * of one size class and may serve another class once all of its pieces were freed.
 * Pieces above ARENA_SMALL that find no room at home come from malloc.
 *
 * The sequence of calls alone decides which pages are used, so how many there are
 * is as reproducible as the run. One thread at a time uses an arena. Built with
 * the address sanitizer every piece comes from malloc, so that it is watched. */
#ifndef KEEL_ARENA_H
#define KEEL_ARENA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __SANITIZE_ADDRESS__
#define ARENA_SMALL ((size_t)0)
#define ARENA_AT_HOME ((size_t)0)
#else
#define ARENA_SMALL ((size_t)512)
#define ARENA_AT_HOME ((size_t)2048)
#endif

#define ARENA_STEP 16			/* size classes below 256 bytes ...   */
#define ARENA_CLASSES 20		/* ... and four a doubling above      */
#define ARENA_HOME_CLASSES 28
#define ARENA_PAGE 1024
#define ARENA_HOME ((size_t)20 << 10)	/* a state with the safe globals, and some */

struct piece;
struct arena_page;
struct arena_block;
struct arena_large;

struct arena {				/* zeroed is an empty one */
	char *home, *bare;			/* from here on never used yet */
	struct piece *loose[ARENA_HOME_CLASSES];	/* given back, at home  */
	struct arena_page *open[ARENA_CLASSES];	/* pages with room, by class */
	struct arena_page *empty;		/* pages of no class         */
	struct arena_block *blocks;
	struct arena_large *large;
	size_t pages;				/* that hold pieces, home too */
};

/* A piece of n > 0 bytes, or NULL when the machine has no memory. */
void *arena_take(struct arena *a, size_t n);
/* n is the size that the piece was taken with. */
void arena_give(struct arena *a, void *p, size_t n);
/* Like realloc; p stays as it is when NULL is given. Both sizes above 0. */
void *arena_resize(struct arena *a, void *p, size_t from, size_t to);

/* All pieces go back. */
void arena_release(struct arena *a);

/* Bytes of pages that the process keeps for arenas, in use or ready for use. */
size_t arena_kept_bytes(void);

#endif
