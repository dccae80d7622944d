/* store_sqlite_bench.c -- the same commits through bare SQLite, to compare with. */
#include "store_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double at_fraction(const int64_t *sorted, int64_t n, double fraction)
{
	return n == 0 ? 0 : (double)sorted[(int64_t)((double)(n - 1) * fraction)];
}

static int fill(sqlite3 *h, sqlite3_stmt *st, int64_t rows, int group,
		size_t bytes, int64_t *took)
{
	unsigned char *data = calloc(1, bytes + 1), hash[16] = { 0 };
	int64_t lsn = 0, start;
	int i, rc = data == NULL ? SQLITE_NOMEM : SQLITE_OK;

	while (lsn < rows && rc == SQLITE_OK) {
		start = clock_mono_us();
		rc = sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		for (i = 0; i < group && lsn < rows && rc == SQLITE_OK; i++) {
			lsn++;
			sqlite3_bind_int64(st, 1, lsn);
			sqlite3_bind_int64(st, 2, i);
			sqlite3_bind_text(st, 3, "step:s", -1, SQLITE_STATIC);
			sqlite3_bind_blob(st, 4, hash, 16, SQLITE_STATIC);
			sqlite3_bind_blob(st, 5, data, (int)bytes,
					  SQLITE_STATIC);
			rc = sqlite3_step(st) == SQLITE_DONE ? SQLITE_OK
				: sqlite3_errcode(h);
			sqlite3_reset(st);
		}
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(h, "COMMIT", NULL, NULL, NULL);
		*took++ = clock_mono_us() - start;
	}
	free(data);
	return rc;
}

int store_bench_commits(const char *path, int64_t rows, int group, size_t bytes,
			struct store_raw *out, struct err *e)
{
	static const char tables[] =
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		"PRAGMA wal_autocheckpoint = 0;"
		"CREATE TABLE journal(lsn INTEGER PRIMARY KEY, run INTEGER,"
		" prev INTEGER, seq INTEGER, kind INTEGER, effect INTEGER,"
		" flags INTEGER, name TEXT, hash BLOB, fuel INTEGER,"
		" cost INTEGER, t INTEGER, took INTEGER, args BLOB, data BLOB)";
	int64_t commits = (rows + group - 1) / group, start;
	int64_t *took = calloc((size_t)commits, sizeof(*took));
	sqlite3 *h = NULL;
	sqlite3_stmt *st = NULL;
	int rc = took == NULL ? SQLITE_NOMEM : sqlite3_open(path, &h);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(h, tables, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(h, "INSERT INTO journal VALUES(?1, ?2,"
			" 0, 7, 2, 0, 0, ?3, ?4, 12, 0, 1772442000000, 9, NULL,"
			" ?5)", -1, &st, NULL);
	start = clock_mono_us();
	if (rc == SQLITE_OK)
		rc = fill(h, st, rows, group, bytes, took);
	start = clock_mono_us() - start;
	if (rc != SQLITE_OK)
		err_set(e, ERR_IO, "raw SQLite: %s", sqlite3_errstr(rc));
	else
		qsort(took, (size_t)commits, sizeof(*took), by_number);
	out->rows_per_s = (double)rows * 1e6 / (double)(start > 0 ? start : 1);
	out->p50_us = at_fraction(took, commits, 0.5);
	out->p99_us = at_fraction(took, commits, 0.99);
	sqlite3_finalize(st);
	sqlite3_close(h);
	free(took);
	return rc == SQLITE_OK ? 0 : ERR_IO;
}

static void look_at(sqlite3_stmt *st)
{
	int i, n = sqlite3_column_count(st);

	for (i = 0; i < n; i++)
		if (sqlite3_column_type(st, i) == SQLITE_INTEGER)
			sqlite3_column_int64(st, i);
		else
			sqlite3_column_blob(st, i);
}

int store_bench_scan(const char *path, int64_t *rows, double *ms,
		     struct err *e)
{
	int64_t start = clock_mono_us();
	sqlite3 *h = NULL;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE, NULL);

	*rows = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(h, "SELECT * FROM journal ORDER BY lsn",
					-1, &st, NULL);
	while (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		look_at(st);
		++*rows;
	}
	*ms = (double)(clock_mono_us() - start) / 1e3;
	if (rc != SQLITE_OK)
		err_set(e, ERR_IO, "raw SQLite: %s", sqlite3_errstr(rc));
	sqlite3_finalize(st);
	sqlite3_close(h);
	return rc == SQLITE_OK ? 0 : ERR_IO;
}

int store_bench_fsync(const char *path, int times, double *p50_us,
		      struct err *e)
{
	int64_t *took = calloc((size_t)times, sizeof(*took)), start;
	char block[4096] = { 1 };
	int i, rc = 0, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (took == NULL || fd < 0) {
		rc = err_errno(e, errno, "cannot measure fsync at %s", path);
		goto out;
	}
	for (i = 0; i < times && rc == 0; i++) {
		start = clock_mono_us();
		if (write(fd, block, sizeof(block)) != sizeof(block) ||
		    fdatasync(fd) != 0)
			rc = err_errno(e, errno, "cannot measure fsync");
		took[i] = clock_mono_us() - start;
	}
	qsort(took, (size_t)times, sizeof(*took), by_number);
	*p50_us = at_fraction(took, times, 0.5);
out:
	if (fd >= 0)
		close(fd);
	free(took);
	return rc;
}

int store_bench_damage(const char *path, const char *sql, struct err *e)
{
	sqlite3 *h = NULL;
	char *message = NULL;
	int rc = sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(h, sql, NULL, NULL, &message);
	if (rc != SQLITE_OK)
		err_set(e, ERR_IO, "%s: %s", path,
			message != NULL ? message : sqlite3_errstr(rc));
	sqlite3_free(message);
	sqlite3_close(h);
	return rc == SQLITE_OK ? 0 : ERR_IO;
}
