/* run_cancel.c -- giving a script up in the middle, at a place that the journal knows.
 *
 * A cancellation is a NOTE of the run, and takes effect at the first rest (every
 * fiber waits) behind it. Playing the journal again comes to the same rest with the
 * same commands begun, so it is given up at the same place. While the body of a step
 * is under way it is waited for (soft), unless that could last for ever (hard): what
 * a step did is undone by its result, which only its end gives. */
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

/* The first reason is the one that counts; a harder one hurries it. */
void run_note_cancel(struct run *r, const void *why, size_t len, int64_t t_ms)
{
	if (r->cancel == CANCEL_DONE)
		return;
	if (r->cancel == CANCEL_NOT) {
		buf_reset(&r->cancel_why);
		if (buf_add(&r->cancel_why, why, len) != 0) {
			run_no_memory(r, "a cancellation");
			return;
		}
		r->cancel_ms = t_ms;
		r->cancel = CANCEL_SOFT;
	}
	if (says(why, len, "hard"))
		r->cancel = CANCEL_HARD;
}

/* After the result at the cursor's left: did the sandbox die behind it? Then what
 * follows it is not run again. */
void run_note_death(struct run *r)
{
	const struct journal_row *row;
	int i;

	for (i = r->cursor; i < r->records; i++) {
		row = run_record(r, i);
		if (row == NULL || row->kind == JOURNAL_STEP ||
		    row->kind == JOURNAL_RESULT)
			return;
		if (!run_is_cancel(row) || !says(row->data, row->len, "dead"))
			continue;
		run_note_cancel(r, row->data, row->len, row->t_ms);
		r->cancel = CANCEL_DEAD;
		while (r->cursor <= i)
			run_pass(r);
		return;
	}
}

static bool in_a_body(const struct run *r)
{
	const struct fiber *f;

	for (f = r->fibers; f != NULL; f = f->next)
		if (!f->over && f->bodies > 0)
			return true;
	return false;
}

bool run_apply_cancel(struct run *r)
{
	struct fiber *f;
	struct err e;

	if (r->cancel == CANCEL_DONE ||
	    (r->cancel != CANCEL_DEAD && r->ready != NULL) ||
	    (r->cancel == CANCEL_SOFT && in_a_body(r)))
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

bool run_cancelled(const struct run *r)
{
	return r->cancel != CANCEL_NOT;
}

int run_undos(const struct run *r)
{
	return r->undos;
}

void run_hold(struct run *r, bool held)
{
	r->held = held;
	if (!held)
		runner_ready(r->rn, r);
}
