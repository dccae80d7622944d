/* store_bench.h -- what the disk and bare SQLite can do, measured beside us.
 *
 * Every bench of the store prints the raw figure of the same process and folder, so
 * that a slow machine is not mistaken for a slow engine. */
#ifndef KEEL_STORE_BENCH_H
#define KEEL_STORE_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct store_raw {
	double rows_per_s;
	double p50_us, p99_us;		/* of one commit */
};

/* Insert rows of `bytes` bytes into a journal table of a new database at path (WAL,
 * synchronous=FULL), `group` rows a commit, on the calling thread. */
int store_bench_commits(const char *path, int64_t rows, int group, size_t bytes,
			struct store_raw *out, struct err *e);

/* Read every row of the journal of the store at path, oldest first, all columns. */
int store_bench_scan(const char *path, int64_t *rows, double *ms,
		     struct err *e);

/* Median time of appending 4 KiB to a file at path with fdatasync. */
int store_bench_fsync(const char *path, int times, double *p50_us,
		      struct err *e);

/* Run SQL on the database at path, past every verb and promise: for specs that damage a
 * store as somebody with a tool would. */
int store_bench_damage(const char *path, const char *sql, struct err *e);

#endif
