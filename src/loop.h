/* loop.h -- timers, descriptors, signals and wakes of one thread, over libev.
 *
 * A loop belongs to the thread that made it; only loop_wake_send() may be called
 * from elsewhere. Watchers are structs that you embed; zeroed memory is a stopped
 * watcher, and stopping a stopped one is fine. A started watcher must not move or
 * be freed before it is stopped. Callbacks may start and stop any watcher, their
 * own included.
 *
 * Started timers, descriptors and soons *hold* the loop: loop_run() goes on while
 * one is there. Wakes and signals do not; whoever waits for an answer that comes
 * by a wake says so with loop_hold(). */
#ifndef KEEL_LOOP_H
#define KEEL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct loop;

/* Room for a watcher of libev, whose header stays in loop.c. */
union loop_room {
	void *align;
	double number;
	unsigned char bytes[72];
};

struct loop *loop_open(struct err *e);
void loop_close(struct loop *l);		/* NULL is fine */

/* Turn until loop_stop(), or until nothing holds the loop. */
void loop_run(struct loop *l);
/* Make the innermost loop_run() or loop_turn() return after this turn. */
void loop_stop(struct loop *l);
/* One turn: what is ready is called; with `wait`, sleep until something is.
 * Whether anything still holds the loop. */
bool loop_turn(struct loop *l, bool wait);

/* How long timers were kept waiting by callbacks, over the last minute: see pulse.h. */
void loop_held(const struct loop *l, int64_t *longest_us, int64_t *p99_us);

void loop_hold(struct loop *l);
void loop_release(struct loop *l);

/* ---- timers: ms from now, then every repeat_ms (0: once) --------------- */

struct loop_timer {
	union loop_room room;
	void (*fn)(void *arg);
	void *arg;
};

/* A started timer starts again. ms below 0 counts as 0. */
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t ms,
		      int64_t repeat_ms, void (*fn)(void *arg), void *arg);
void loop_timer_stop(struct loop *l, struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);

/* ---- descriptors ------------------------------------------------------- */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_fd {
	union loop_room room;
	void (*fn)(void *arg, int fd, int events);
	void *arg;
};

/* events are what to wait for; a started one changes to them. The descriptor
 * stays yours: stop before you close it. */
void loop_fd_start(struct loop *l, struct loop_fd *w, int fd, int events,
		   void (*fn)(void *arg, int fd, int events), void *arg);
void loop_fd_stop(struct loop *l, struct loop_fd *w);

/* ---- wakes: from any thread, several sends may become one call --------- */

struct loop_wake {
	union loop_room room;
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
};

void loop_wake_start(struct loop *l, struct loop_wake *w, void (*fn)(void *arg),
		     void *arg);
void loop_wake_stop(struct loop_wake *w);
void loop_wake_send(struct loop_wake *w);

/* ---- signals ------------------------------------------------------------ */

struct loop_signal {
	union loop_room room;
	void (*fn)(void *arg, int signum);
	void *arg;
};

/* One loop of the process at most for each signal. */
void loop_signal_start(struct loop *l, struct loop_signal *s, int signum,
		       void (*fn)(void *arg, int signum), void *arg);
void loop_signal_stop(struct loop *l, struct loop_signal *s);

/* ---- soon: once, in the next turn, which then does not sleep ------------ */

struct loop_soon {
	struct loop_soon *next, **at;	/* at is NULL when not started */
	void (*fn)(void *arg);
	void *arg;
};

/* A started one stays where it is in the queue. What a soon starts is called a
 * turn later, so descriptors get their chance in between. */
void loop_soon_start(struct loop *l, struct loop_soon *s, void (*fn)(void *arg),
		     void *arg);
void loop_soon_stop(struct loop *l, struct loop_soon *s);

#endif
