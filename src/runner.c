/* runner.c -- the runs of one thread, taking turns. */
#include <stdlib.h>

#include "clock.h"
#include "run_core.h"

int runner_open(struct runner **out, struct store *s,
		const struct run_hooks *hooks, struct err *e)
{
	struct runner *rn = calloc(1, sizeof(*rn));

	if (rn == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a runner");
	rn->store = s;
	rn->hooks = *hooks;
	rn->turn_end = &rn->turn;
	rn->now_ms = clock_now_ms;
	rn->mono_us = clock_mono_us;
	*out = rn;
	return 0;
}

void runner_stop(struct runner *rn)
{
	while (rn->runs != NULL)
		run_release(rn->runs);
}

void runner_close(struct runner *rn)
{
	runner_stop(rn);
	free(rn);
}

void runner_ready(struct runner *rn, struct run *r)
{
	if (r->queued || r->turning || r->released)
		return;
	r->queued = true;
	r->next_turn = NULL;
	*rn->turn_end = r;
	rn->turn_end = &r->next_turn;
}

void runner_forget(struct runner *rn, struct run *r)
{
	struct run **at = &rn->turn;

	if (!r->queued)
		return;
	while (*at != r)
		at = &(*at)->next_turn;
	*at = r->next_turn;
	for (rn->turn_end = &rn->turn; *rn->turn_end != NULL; )
		rn->turn_end = &(*rn->turn_end)->next_turn;
	r->queued = false;
}

/* One round: those that are ready now. Who becomes ready meanwhile, or has only
 * had its slice, is next. */
bool runner_turn(struct runner *rn)
{
	struct run *r;
	size_t n = 0;

	for (r = rn->turn; r != NULL; r = r->next_turn)
		n++;
	while (rn->turn != NULL && n-- > 0) {
		r = rn->turn;
		runner_forget(rn, r);
		if (run_turn(r))
			runner_ready(rn, r);
	}
	return rn->turn != NULL;
}
