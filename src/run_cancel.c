/* run_cancel.c -- giving a script up in the middle, at a place that the journal knows.
 *
 * A cancellation is a NOTE of the run. From the first rest (every fiber waits) behind
 * it no fiber goes on, but for those inside of a step's body, until the body is over:
 * what a step did is undone by its result, which only its end gives. Results that are
 * on their way still arrive. Then every fiber is given up. When a body could last for
 * ever a second, hard note stops that too. Playing the journal again comes to the same
 * rest with the same commands begun, so it is given up at the same place. */
#include <string.h>

#include "codec.h"
#include "run_core.h"

bool run_is_cancel(const struct journal_row *row)
{
	return row->kind == JOURNAL_NOTE && row->name != NULL &&
	       strcmp(row->name, RUN_NOTE_CANCEL) == 0;
}

static bool says(const void *why, size_t len, const char *what)
{
	struct codec_reader at;
	struct codec_item it;

	return codec_member(why, len, what, &at) == 0 &&
	       codec_next(&at, &it) == 0 && it.type == CODEC_TRUE;
}

/* The first reason is the one that counts; a harder one hurries it. A script that is
 * over already, and being undone, has nothing left to be given up, unless its sandbox
 * died of that. */
void run_note_cancel(struct run *r, const void *why, size_t len, int64_t t_ms)
{
	bool dead = says(why, len, "dead");

	r->cancels += !dead;
	if (!dead && (r->cancel == CANCEL_DONE || r->undoing))
		return;
	if (r->cancel == CANCEL_NOT || r->cancel == CANCEL_DONE) {
		buf_reset(&r->cancel_why);
		if (buf_add(&r->cancel_why, why, len) != 0) {
			run_no_memory(r, "a cancellation");
			return;
		}
		r->cancel_ms = t_ms;
		r->cancel = CANCEL_SOFT;
	}
	if (dead) {
		r->cancel = CANCEL_DEAD;
		r->died_undoing = says(why, len, "undoing");
	} else if (says(why, len, "hard"))
		r->cancel = CANCEL_HARD;
}

/* Whether the sandbox died, by this note, in the stretch that is about to run: behind
 * the result or the cancellation at the cursor's left, and not behind a later one. */
static bool died_here(const struct run *r, const struct journal_row *row)
{
	struct codec_reader at;
	struct codec_item it;

	return codec_member(row->data, row->len, "heard", &at) == 0 &&
	       codec_next(&at, &it) == 0 && it.type == CODEC_INT &&
	       it.integer == r->cancels;
}

/* The record of such a death that comes before the next result, or -1. */
static int next_death(struct run *r)
{
	const struct journal_row *row;
	int i;

	for (i = r->cursor; i < r->records; i++) {
		row = run_record(r, i);
		if (row == NULL || row->kind == JOURNAL_STEP ||
		    row->kind == JOURNAL_RESULT)
			return -1;
		if (run_is_cancel(row) && says(row->data, row->len, "dead"))
			return died_here(r, row) ? i : -1;
	}
	return -1;
}

void run_note_death(struct run *r)
{
	const struct journal_row *row;
	int died;

	while ((died = next_death(r)) >= 0)
		for (; r->cursor <= died; run_pass(r)) {
			row = run_record(r, r->cursor);
			if (row == NULL)
				return;
			r->cost += row->cost;
			if (run_is_cancel(row))
				run_note_cancel(r, row->data, row->len,
						row->t_ms);
		}
}

/* Whether a fiber may not be resumed any more. */
bool run_frozen(const struct run *r, const struct fiber *f)
{
	return r->cancel >= CANCEL_HARD ? r->cancel != CANCEL_DONE :
	       r->cancel == CANCEL_SOFT && f->bodies == 0;
}

/* What the script did itself will be recorded, or is. */
static bool will_arrive(struct run *r, const struct command *c)
{
	return c != NULL && c->worked &&
	       (c->outcome.len > 0 || c->finished ||
		run_recorded(r, c->seq) != NULL);
}

static bool must_wait(struct run *r)
{
	const struct fiber *f;

	for (f = r->fibers; f != NULL; f = f->next) {
		if (f->over)
			continue;
		if (!run_frozen(r, f))
			return true;
		if (f->waiting != 0 &&
		    will_arrive(r, run_command_of(r, f->waiting)))
			return true;
	}
	return false;
}

bool run_apply_cancel(struct run *r)
{
	struct fiber *f;
	struct err e;

	if (r->cancel == CANCEL_DONE ||
	    (r->cancel != CANCEL_DEAD && must_wait(r)))
		return false;
	r->cancel = CANCEL_DONE;
	for (f = r->fibers; f != NULL; f = f->next)
		run_cancel_fiber(r, f);
	r->now_ms = r->cancel_ms;
	sandbox_begin(r->sb);
	r->fuel_mark = sandbox_script_instructions(r->sb);
	if (run_cancel_main(r, &e) != 0)
		run_end_dead(r, &e);
	return true;
}

enum run_cancelled run_cancelled(const struct run *r)
{
	return r->cancel == CANCEL_DONE ? RUN_CANCEL_DONE :
	       r->cancel == CANCEL_NOT ? RUN_CANCEL_NOT : RUN_CANCEL_ASKED;
}

int64_t run_cancelled_at(struct run *r)
{
	const struct journal_row *row;
	int i;

	for (i = r->records - 1; i >= 0; i--) {
		row = run_record(r, i);
		if (row == NULL)
			break;
		if (run_is_cancel(row) && !says(row->data, row->len, "dead"))
			return row->t_ms;
	}
	return 0;
}

int run_cancels_heard(const struct run *r)
{
	return r->cancels;
}

int run_undos(const struct run *r)
{
	return r->undos;
}

bool run_undoing(const struct run *r)
{
	return r->undoing;
}

void run_hold(struct run *r, bool held)
{
	r->held = held;
	if (!held)
		runner_ready(r->rn, r);
}
