/* sandbox_bench.c -- see sandbox_bench.h. */
#include "sandbox_bench.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "sandbox.h"
#include "sandbox_bench_bare.h"

/* ---- our side ------------------------------------------------------------------ */

static const struct sandbox_caps caps = {
	.instructions = INT64_MAX / 4, .memory_bytes = (size_t)1 << 30,
	.wall_ms = 600000, .seed = 1
};

static void *ours_open(const char *text, size_t len)
{
	struct sandbox *s;
	struct err e;

	if (sandbox_open(&s, &caps, &e) != 0)
		return NULL;
	if (sandbox_load(s, text, len, "@bench", &e) == 0)
		return s;
	fprintf(stderr, "keel bench: %s\n", e.msg);
	sandbox_close(s);
	return NULL;
}

static int ours_run(void *state)
{
	struct sandbox *s = state;
	lua_State *L = sandbox_state(s), *co;
	char text[200];
	struct err e;
	int n;

	lua_pushvalue(L, -1);
	if (sandbox_thread(s, &co, &e) != 0)
		return -1;
	if (sandbox_resume(s, co, 0, &n) == LUA_OK) {
		lua_pop(co, n);
		lua_pushnil(L);
		lua_rawsetp(L, LUA_REGISTRYINDEX, co);
		return 0;
	}
	sandbox_error_text(co, -1, text, sizeof(text));
	fprintf(stderr, "keel bench: %s\n", text);
	return -1;
}

static void ours_close(void *state)
{
	sandbox_close(state);
}

static const struct sandbox_bench_side ours = {
	"a sandbox", ours_open, ours_run, ours_close
};

/* ---- a plain state ---------------------------------------------------------------- */

static const struct sandbox_bench_side plain = {
	"a plain state of the edited Lua", bare_open, bare_run, bare_close
};

const struct sandbox_bench_side *sandbox_bench_raw = &plain;

/* ---- measuring -------------------------------------------------------------------- */

static int timed(const struct sandbox_bench_side *side, void *state, double *best)
{
	int64_t t = clock_thread_ns();
	int rc = side->run(state);

	t = clock_thread_ns() - t;
	if ((double)t < *best)
		*best = (double)t;
	return rc;
}

int sandbox_bench_work(const char *text, size_t len, int rounds, double out[2])
{
	const struct sandbox_bench_side *raw = sandbox_bench_raw;
	void *a = ours.open(text, len), *b = raw->open(text, len);
	int i, rc = a != NULL && b != NULL ? 0 : -1;

	out[0] = out[1] = 1e18;
	for (i = 0; i < rounds && rc == 0; i++)
		if (timed(&ours, a, &out[0]) != 0 || timed(raw, b, &out[1]) != 0)
			rc = -1;
	if (a != NULL)
		ours.close(a);
	if (b != NULL)
		raw->close(b);
	return rc;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int start_once(const struct sandbox_bench_side *side, const char *text,
		      size_t len, double *us)
{
	int64_t t = clock_thread_ns();
	void *state = side->open(text, len);
	int rc = state != NULL ? side->run(state) : -1;

	if (state != NULL)
		side->close(state);
	*us = (double)(clock_thread_ns() - t) / 1000;
	return rc;
}

int sandbox_bench_start(const char *text, size_t len, int n, size_t cold,
			double out[2])
{
	double *us = malloc(2 * (size_t)n * sizeof(*us));
	char *other = cold > 0 ? calloc(1, cold) : NULL;
	int i, side, rc = us != NULL && (cold == 0 || other != NULL) ? 0 : -1;

	for (i = 0; i < n && rc == 0; i++)
		for (side = 0; side < 2 && rc == 0; side++) {
			if (cold > 0)
				memset(other, i, cold);
			rc = start_once(side ? sandbox_bench_raw : &ours, text,
					len, &us[side * n + i]);
		}
	for (side = 0; side < 2 && rc == 0; side++) {
		qsort(us + side * n, (size_t)n, sizeof(*us), by_size);
		out[side] = us[side * n + n / 2];
	}
	free(other);
	free(us);
	return rc;
}

size_t sandbox_bench_rss(void)
{
	long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f != NULL) {
		if (fscanf(f, "%ld %ld", &size, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

static int stand(const struct sandbox_bench_side *side, const char *text,
		 size_t len, int n, void **states, double *rss)
{
	size_t before;
	int i, rc = 0;

	before = sandbox_bench_rss();
	for (i = 0; i < n && rc == 0; i++) {
		states[i] = side->open(text, len);
		rc = states[i] != NULL ? side->run(states[i]) : -1;
	}
	*rss = ((double)sandbox_bench_rss() - (double)before) / n;
	return rc;
}

int sandbox_bench_resident(const char *text, size_t len, int n, double *counted,
			   double rss[2])
{
	void **states = malloc((size_t)n * sizeof(*states));
	int i, side, rc = states != NULL ? 0 : -1;

	*counted = 0;
	for (side = 0; side < 2 && rc == 0; side++) {
		const struct sandbox_bench_side *of = side ? sandbox_bench_raw
							   : &ours;

		memset(states, 0, (size_t)n * sizeof(*states));
		rc = stand(of, text, len, n, states, &rss[side]);
		for (i = 0; i < n; i++) {
			if (states[i] == NULL)
				continue;
			if (side == 0)
				*counted += (double)sandbox_used_bytes(states[i]) / n;
			of->close(states[i]);
		}
	}
	free(states);
	return rc;
}
