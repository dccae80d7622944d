/* supervise.h -- a parent that keeps one child at work.
 *
 * supervise() forks. The child gets SUPERVISE_CHILD and goes on as the engine;
 * the parent stays inside, holding nothing but the call, and forks another child
 * when this one dies or its heart stops. It must be called while the process has
 * one thread and nothing open that two processes must not share.
 *
 * The child is in a process group of its own, so a terminal's signals reach only
 * the parent, which passes them on; a second one kills the child. When the parent
 * dies, even by SIGKILL, the kernel kills the child.
 *
 * A child that *exits* (with a code) before it ever said supervise_ready() ends
 * the parent too, with that code, since another try would end alike; so does one
 * that exits with 0, or after a signal was passed on. Any other end is followed
 * by a new child: at once when it had become ready, else after a growing delay. */
#ifndef KEEL_SUPERVISE_H
#define KEEL_SUPERVISE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct supervise_options {
	int stall_ms;		/* a heart silent for so long has stopped      */
	int start_ms;		/* patience until a child is ready             */
	int stop_ms;		/* patience with a child that was told to stop */
	/* What happened, for a person; may be NULL. */
	void (*told)(void *arg, const char *text);
	void *arg;
};

enum { SUPERVISE_OVER = 0, SUPERVISE_CHILD = 1 };

/* In the parent: SUPERVISE_OVER and *status, what to exit with (130 after SIGINT
 * or a second signal). In the child: SUPERVISE_CHILD. Or an error. */
int supervise(const struct supervise_options *o, int *status, struct err *e);

/* ---- in the child (all of these do nothing in a process without a parent) -- */

void supervise_ready(void);
void supervise_beat(void);
bool supervise_supervised(void);

/* Where the engine writes the id of the run that it executes right now, 0 for
 * none: memory shared with the parent, which looks there when the child dies. */
_Atomic int64_t *supervise_run_mark(void);

/* How the children before this one died: the run that was executing (0: none)
 * and how many deaths in a row it was executing. Whoever reads it may put that
 * run into quarantine. */
struct supervise_history {
	int64_t restarts;
	int64_t run, deaths;
	char cause[64];		/* "signal 9", "exit 9", "its heart stopped" */
};
struct supervise_history supervise_history(void);

#endif
