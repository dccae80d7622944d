/* runner.c -- the runs of one thread, taking turns. */
#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "run_core.h"

/* Of turns in one go: then timers and descriptors of the loop have theirs. */
#define ROUND_US 8000

int runner_open(struct runner **out, struct store *s,
		const struct run_hooks *hooks, struct err *e)
{
	struct runner *rn = calloc(1, sizeof(*rn));

	if (rn == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a runner");
	rn->store = s;
	rn->hooks = *hooks;
	rn->turn_end = &rn->turn;
	rn->mono_us = clock_mono_us;
	rn->mark = &rn->own_mark;
	*out = rn;
	return 0;
}

int64_t runner_now(const struct runner *rn)
{
	return rn->hooks.now != NULL ? rn->hooks.now(rn->hooks.arg)
				     : clock_now_ms();
}

void runner_stop(struct runner *rn)
{
	while (rn->runs != NULL)
		run_release(rn->runs);
}

void runner_close(struct runner *rn)
{
	runner_stop(rn);
	free(rn->took);
	free(rn);
}

int runner_measure(struct runner *rn, size_t n, struct err *e)
{
	int64_t *took = calloc(n ? n : 1, sizeof(*took));

	if (took == NULL)
		return err_set(e, ERR_NOMEM, "no memory to measure");
	free(rn->took);
	rn->took = took;
	rn->took_room = n;
	rn->took_n = 0;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

size_t runner_measured(struct runner *rn, int64_t *p50_us, int64_t *p99_us)
{
	size_t n = rn->took_n;

	*p50_us = *p99_us = 0;
	if (n == 0)
		return 0;
	qsort(rn->took, n, sizeof(*rn->took), by_number);
	*p50_us = rn->took[n / 2];
	*p99_us = rn->took[n - 1 - n / 100];
	return n;
}

void runner_ready(struct runner *rn, struct run *r)
{
	if (r->queued || r->turning || r->released)
		return;
	r->queued = true;
	r->next_turn = NULL;
	*rn->turn_end = r;
	rn->turn_end = &r->next_turn;
	rn->turns++;
}

void runner_forget(struct runner *rn, struct run *r)
{
	struct run **at = &rn->turn;

	if (!r->queued)
		return;
	while (*at != r)
		at = &(*at)->next_turn;
	*at = r->next_turn;
	if (*at == NULL)
		rn->turn_end = at;
	r->queued = false;
	rn->turns--;
}

void runner_mark(struct runner *rn, struct supervise_mark *mark)
{
	rn->mark = mark;
}

static void put(_Atomic int64_t *where, int64_t value)
{
	atomic_store_explicit(where, value, memory_order_relaxed);
}

static int64_t get(const _Atomic int64_t *where)
{
	return atomic_load_explicit(where, memory_order_relaxed);
}

int runner_resume(struct run *r, struct fiber *f, int *nresults)
{
	struct supervise_mark *m = r->rn->mark;
	int rc;

	put(&m->pulse, get(&m->pulse) + 1);
	rc = sandbox_resume(r->sb, f->co, f->args, nresults);
	put(&m->pulse, get(&m->pulse) + 1);
	return rc;
}

static bool take_turn(struct runner *rn, struct run *r)
{
	struct supervise_mark *m = rn->mark;
	int64_t before = supervise_work_for(m, run_id(r));
	bool again;

	put(&m->slices, r->slices);
	again = run_turn(r);
	put(&m->slices, again ? r->slices : 0);	/* r may be gone else */
	supervise_work_for(m, before);
	return again;
}

/* One round: those that are ready now, as far as its time goes. Who becomes ready
 * meanwhile, or has only had its slice, is next; who was not reached is first in the
 * next round, and what they will store is still to be expected. */
bool runner_turn(struct runner *rn)
{
	int64_t end = rn->mono_us() + ROUND_US;
	size_t n = rn->turns;
	struct run *r;

	while (rn->turn != NULL && n-- > 0) {
		r = rn->turn;
		runner_forget(rn, r);
		if (n > 0 && rn->store != NULL)
			store_expect(rn->store, (int)n);
		if (take_turn(rn, r))
			runner_ready(rn, r);
		if (n > 0 && rn->turn != NULL && rn->mono_us() >= end)
			return true;
	}
	if (rn->store != NULL)
		store_expect(rn->store, 0);
	return rn->turn != NULL;
}
