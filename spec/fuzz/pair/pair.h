/* pair.h -- one source in two Luas: a run of ours, and stock Lua beside it.
 *
 * A program tells values by calling R(...): they are written as text that does not
 * depend on addresses or on the order of keys. What it told, and how it ended, is
 * all that is compared. */
#ifndef KEEL_FUZZ_PAIR_H
#define KEEL_FUZZ_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOLD_BYTES 65536

struct told {
	char text[TOLD_BYTES];
	size_t n;
	bool cut;		/* there was more */
};

enum pair_end { PAIR_OK, PAIR_ERROR, PAIR_REFUSED, PAIR_CAP };

struct outcome {
	enum pair_end end;	/* the value or message was told last         */
	struct told told;
	int death;		/* ours: enum sandbox_death                   */
	char where[80];
	int64_t script, total;	/* ours: counts                               */
	size_t peak;
};

/* How ours is run; nothing that is told may depend on slice and gc_pause. */
struct pair_caps {
	int64_t instructions;
	size_t memory;
	int gc_pause;
	int64_t slice;
};

/* The seed with which a run hashes strings as stock Lua does here (rules.mk gives
 * it the hash seed 42), so that both walk through a table in the same order. */
#define PAIR_SEED UINT64_C(0x3b0ef8d59dc12ee3)

void pair_ours(const char *src, size_t n, const struct pair_caps *caps,
	       struct outcome *out);
void stock_pair(const char *src, size_t n, struct outcome *out);

/* Run src in ours twice, and in stock Lua if that is wanted (which has bugs that a
 * source can reach); ends the process where a promise breaks. `turn` chooses how the
 * second run is interrupted and collected. */
void pair_check(const char *src, size_t n, unsigned turn, bool stock_too);

#endif
