/* sandbox_bench.h -- what a sandbox costs beside a bare Lua state doing the same.
 *
 * Both sides run in this thread, in turns, and the best of several counts, as CPU
 * time of the thread: what else the machine does falls on both. In build/keel the
 * other side is a plain state of the same edited Lua; the program of `make
 * bench-sandbox` puts stock Lua in its place (bench/sandbox_stock.c). */
#ifndef KEEL_SANDBOX_BENCH_H
#define KEEL_SANDBOX_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* One side: a state with a script in it. */
struct sandbox_bench_side {
	const char *name;
	/* A state with the safe libraries and this text, compiled; or NULL. */
	void *(*open)(const char *text, size_t len);
	int (*run)(void *state);	/* call it once; 0 when it returned */
	void (*close)(void *state);
};

/* The side that ours is compared with. */
extern const struct sandbox_bench_side *sandbox_bench_raw;

/* The best time in ns of running text once, of `rounds` runs each: out[0] in a
 * sandbox, out[1] raw. -1 when it does not run. */
int sandbox_bench_work(const char *text, size_t len, int rounds, double out[2]);

/* Open, compile, run and close, n times (of at least 1) on each side: medians in
 * us. With `cold` bytes, so much memory is touched between any two. -1 when it does
 * not run. */
int sandbox_bench_start(const char *text, size_t len, int n, size_t cold,
			double out[2]);

/* n states stand side by side, opened, their script run once: bytes of a state as
 * its allocator counts them (ours alone), and as the process's resident set grew
 * for each, ours and raw. -1 when one does not open. */
int sandbox_bench_resident(const char *text, size_t len, int n, double *counted,
			   double rss[2]);

/* Resident bytes of this process. */
size_t sandbox_bench_rss(void);

#endif
