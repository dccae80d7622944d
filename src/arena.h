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
#define ARENA_AT_HOME ((size_t)8192)
#endif

#define ARENA_STEP 16			/* size classes below 256 bytes ...   */
#define ARENA_CLASSES 20		/* ... and four a doubling above      */
#define ARENA_HOME_CLASSES 36
#define ARENA_PAGE 1024

/* Homes come in two sizes: for a state with the safe globals and some more, and for
 * one with the prelude of a run too. */
enum arena_home { ARENA_PLAIN, ARENA_ROOMY };

struct piece;
struct arena_pool;
struct arena_page;
struct arena_block;
struct arena_large;

struct arena {
	char *home, *bare;			/* from here on never used yet */
	struct arena_pool *from;
	struct piece *loose[ARENA_HOME_CLASSES];	/* given back, at home  */
	struct arena_page *open[ARENA_CLASSES];	/* pages with room, by class */
	struct arena_page *empty;		/* pages of no class         */
	struct arena_block *blocks;
	struct arena_large *large;
	size_t pages;				/* that hold pieces, home too */
};

/* A home, whose first n bytes are its owner's: zeroed, and as long in use as the arena,
 * which may lie in them; else the whole of it is zeroed. NULL without memory. */
void *arena_settle(enum arena_home size, size_t n);
/* Make a empty, with room in that home, of which n bytes are taken. */
void arena_begin(struct arena *a, enum arena_home size, void *home, size_t n);

/* A piece of n > 0 bytes, or NULL when the machine has no memory. */
void *arena_take(struct arena *a, size_t n);
/* n is the size that the piece was taken with. */
void arena_give(struct arena *a, void *p, size_t n);
/* Like realloc; p stays as it is when NULL is given. Both sizes above 0. */
void *arena_resize(struct arena *a, void *p, size_t from, size_t to);

/* All pieces go back, and the home with what its owner has there. */
void arena_release(struct arena *a);

/* Two arenas whose owners did the same with them are compared: words that differ as
 * the places of the two homes do are pointers into the home, all others are what they
 * are. From that, copies of the home can be made anywhere in the process. NULL when
 * something else differs, or lies outside of the homes, or without memory. */
struct arena_image;
struct arena_image *arena_image_make(const struct arena *a, const struct arena *b);
void arena_image_free(struct arena_image *im);	/* NULL is fine */
size_t arena_image_bytes(const struct arena_image *im);
/* Another home with the same content, the owner's part included; or NULL. */
void *arena_image_copy(const struct arena_image *im);

/* Bytes of pages that the process keeps for arenas, in use or ready for use. */
size_t arena_kept_bytes(void);

#endif
