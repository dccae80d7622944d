/* torture.h -- failing allocations, one after the other.
 *
 * The program is linked with --wrap, so that every malloc, calloc, realloc, strdup
 * and free of ours, of Lua and of the static libraries comes through here. While
 * armed, the nth allocation of this thread fails, and `count - 1` more behind it:
 * one alone makes Lua collect and try again, two reach its error, all try whoever
 * cleans up. Blocks are counted, so that a leak is known with the n that made it. */
#ifndef KEEL_TORTURE_H
#define KEEL_TORTURE_H

#include <stddef.h>

void torture_arm(long n, long count);
/* Allocations asked for while armed; the nth has failed if it is at least n. */
long torture_disarm(void);

/* Blocks in use by this program, whichever thread took them. */
long torture_live(void);

/* Counted, and never refused. */
void *torture_safe_malloc(size_t n);

/* What an act may return instead of 0: it did all it should and looked at what came
 * out, so a failure that it did without is none (Lua needs not all that it asks for). */
#define TORTURE_DONE 1000

struct scenario {
	const char *name;
	/* Unarmed: make the world. NULL when it cannot. */
	void *(*open)(void);
	/* Armed: 0 when it did all it should, else what failed is in `why`. */
	int (*act)(void *world, char *why, size_t cap);
	/* Unarmed: what is promised of the world after a failure. */
	int (*check)(void *world, char *why, size_t cap);
	void (*close)(void *world);
};

extern const struct scenario lua_scenarios[], run_scenarios[], frontier_scenarios[];

#endif
