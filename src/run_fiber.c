/* run_fiber.c -- the fibers of a run: who can go on, who waits for whom. */
#include "run_core.h"

void run_fiber_ready(struct run *r, struct fiber *f)
{
	f->next_ready = NULL;
	*r->ready_end = f;
	r->ready_end = &f->next_ready;
}

static void unready(struct run *r, struct fiber *f)
{
	struct fiber **at = &r->ready;

	while (*at != NULL && *at != f)
		at = &(*at)->next_ready;
	if (*at == NULL)
		return;
	*at = f->next_ready;
	for (r->ready_end = &r->ready; *r->ready_end != NULL; )
		r->ready_end = &(*r->ready_end)->next_ready;
}

/* The next that may go on, in the order in which they became ready. */
struct fiber *run_take_ready(struct run *r)
{
	struct fiber *f = r->ready;

	while (f != NULL && run_frozen(r, f))
		f = f->next_ready;
	if (f != NULL)
		unready(r, f);
	return f;
}

static bool join_satisfied(const struct fiber *f)
{
	int i;

	if (f->join_any) {
		for (i = 0; i < f->joins; i++)
			if (f->join[i]->over)
				return true;
		return f->joins == 0;
	}
	for (i = 0; i < f->joins; i++)
		if (!f->join[i]->over)
			return false;
	return true;
}

/* Nobody wants what this fiber still waits for, nor what it began. */
void run_cancel_fiber(struct run *r, struct fiber *f)
{
	struct fiber *child;

	if (f->over)
		return;
	f->over = true;
	unready(r, f);
	if (f->waiting != 0 && !r->replay_only) {
		struct command *c = run_command_of(r, f->waiting);

		if (c != NULL && c->dispatched)
			r->rn->hooks.cancel(r->rn->hooks.arg, r, f->waiting);
	}
	for (child = f->next; child != NULL; child = child->next)
		if (child->parent == f)
			run_cancel_fiber(r, child);
}

void run_wake_joiners(struct run *r)
{
	struct fiber *f;

	for (f = r->fibers; f != NULL; f = f->next) {
		if (f->over || !f->joining || !join_satisfied(f))
			continue;
		f->joining = false;
		run_fiber_ready(r, f);
	}
}

static const struct command *open_command(const struct run *r, int32_t seq)
{
	const struct command *c;

	for (c = r->open; c != NULL && c->seq != seq; c = c->next)
		;
	return c;
}

/* Whether it is one of the run's: who spawned others may be over, and gone. */
static bool lives(const struct run *r, const struct fiber *f)
{
	const struct fiber *one;

	for (one = r->fibers; one != NULL && one != f; one = one->next)
		;
	return one != NULL;
}

int run_inside(const struct run *r, int32_t seq, const char **names, int max)
{
	const struct fiber *f;
	const struct command *c;
	int n = 0, i;

	for (f = r->fibers; f != NULL && f->waiting != seq; f = f->next)
		;
	for (; lives(r, f); f = f->parent)
		for (i = f->bodies; i-- > 0 && n < max; ) {
			c = open_command(r, f->body[i]);
			if (c != NULL)
				names[n++] = c->label;
		}
	return n;
}
