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
 * by a new child: at once when it had become ready, else after a growing delay.
 *
 * The child says in shared memory for which run it works right now. A death while
 * it worked for one is kept there until a child has heard of it: it is told to the
 * children, who know what a run is. A death while it worked for none is nobody's. */
#ifndef KEEL_SUPERVISE_H
#define KEEL_SUPERVISE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct supervise_options {
	int stall_ms;		/* a loop silent for so long stands still      */
	int busy_ms;		/* CPU of one stretch of a script              */
	int stopped_ms;		/* held by a signal                            */
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

/* For which run this process works, and whether a script of it has the thread.
 * Only the thread of the loop writes. */
struct supervise_mark {
	_Atomic int64_t run;	/* 0: for none                                */
	_Atomic int64_t pulse;	/* odd while a script runs, see heart.h       */
	_Atomic int64_t last;	/* for whom it worked last                    */
	_Atomic int64_t others;	/* 0: for nobody else since it began          */
	_Atomic int64_t slices;	/* that the last one has used up without waiting
				 * for anything; it wants the next one then  */
};

/* From now on it works for that run (0: for none); for which it did before. */
int64_t supervise_work_for(struct supervise_mark *m, int64_t run);

/* The mark of this process: never NULL, and read by nobody without a parent. */
struct supervise_mark *supervise_mark(void);

#define SUPERVISE_DEATHS 16	/* kept; of more the newest are */

struct supervise_death {
	int64_t run;
	int64_t at_ms;		/* since 1970                                 */
	int64_t slices;		/* of about a millisecond, in a row           */
	bool only;		/* that engine had worked for no other run    */
	bool outside;		/* SIGKILL or SIGSTOP: somebody else's doing, as
				 * far as one can see */
	char cause[48];		/* "signal 11", "exit 9", ... */
};

struct supervise_history {
	int64_t restarts;
	char cause[48];		/* of the last death, in a run or not         */
	int count;		/* deaths in runs that nobody has heard of    */
	struct supervise_death deaths[SUPERVISE_DEATHS];	/* oldest first */
};
struct supervise_history supervise_history(void);

/* The first n of these are written down elsewhere. */
void supervise_heard(int n);

/* Listening sockets outlive a child: who connects while there is none waits instead
 * of being refused, and a port that the system picked stays. keep() gives the parent
 * a copy of one, for a role ("http") and the address that was asked for; the role's
 * former one is closed. With fd < 0 it has none any more. kept() is a copy of what a
 * role has at this very address, which is the caller's, or -1: then this process
 * lets go of what the role had at another. Both texts together: below 255 bytes. */
void supervise_keep(const char *role, const char *address, int fd);
int supervise_kept(const char *role, const char *address);

#endif
