#include "loop.h"

#include <ev.h>
#include <stdlib.h>

#include "clock.h"
#include "pulse.h"

struct loop {
	struct ev_loop *ev;
	struct loop_soon *soon, **soon_end;
	ev_check check;		/* calls the soons, after each look at the fds */
	ev_idle idle;		/* runs while there are soons: do not sleep    */
	ev_check awake;		/* first after each look, last before it:      */
	ev_prepare asleep;	/* in between others wait                      */
	int64_t awake_us;	/* 0: it did not look yet                      */
	struct pulse pulse;
};

#define FITS(type) _Static_assert(sizeof(type) <= sizeof(union loop_room), \
				  "union loop_room is too small for " #type)
FITS(ev_timer);
FITS(ev_io);
FITS(ev_async);
FITS(ev_signal);

/* The room is the first member of every watcher, so the addresses are equal. */
#define ROOM(w, type) ((type *)(void *)&(w)->room)

static void nothing(struct ev_loop *ev, ev_idle *w, int events)
{
	(void)ev;
	(void)w;
	(void)events;
}

/* ---- the loop ------------------------------------------------------------ */

/* Take the whole list first: what is started meanwhile waits for a turn. A soon
 * that is stopped by an earlier one unlinks itself from `now`. */
static void call_soons(struct ev_loop *ev, ev_check *w, int events)
{
	struct loop *l = w->data;
	struct loop_soon *now = l->soon, *s;

	(void)events;
	if (now == NULL)
		return;
	now->at = &now;
	l->soon = NULL;
	l->soon_end = &l->soon;
	ev_idle_stop(ev, &l->idle);
	while ((s = now) != NULL) {
		now = s->next;
		if (now != NULL)
			now->at = &now;
		s->at = NULL;
		s->fn(s->arg);
	}
}

static void on_awake(struct ev_loop *ev, ev_check *w, int events)
{
	(void)ev;
	(void)events;
	((struct loop *)w->data)->awake_us = clock_mono_us();
}

static void on_asleep(struct ev_loop *ev, ev_prepare *w, int events)
{
	struct loop *l = w->data;
	int64_t now;

	(void)ev;
	(void)events;
	if (l->awake_us == 0)
		return;
	now = clock_mono_us();
	pulse_note(&l->pulse, now, now - l->awake_us);
}

void loop_held(const struct loop *l, int64_t *longest_us, int64_t *p99_us)
{
	pulse_read(&l->pulse, clock_mono_us(), longest_us, p99_us);
}

static void start_pulse(struct loop *l)
{
	ev_check_init(&l->awake, on_awake);
	ev_set_priority(&l->awake, EV_MAXPRI);
	l->awake.data = l;
	ev_check_start(l->ev, &l->awake);
	ev_unref(l->ev);
	ev_prepare_init(&l->asleep, on_asleep);
	ev_set_priority(&l->asleep, EV_MINPRI);
	l->asleep.data = l;
	ev_prepare_start(l->ev, &l->asleep);
	ev_unref(l->ev);
}

struct loop *loop_open(struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		err_set(e, ERR_NOMEM, "no memory for an event loop");
		return NULL;
	}
	l->ev = ev_loop_new(EVFLAG_NOENV);
	if (l->ev == NULL) {
		free(l);
		err_set(e, ERR_IO, "the system gives no event loop");
		return NULL;
	}
	l->soon_end = &l->soon;
	ev_idle_init(&l->idle, nothing);
	ev_check_init(&l->check, call_soons);
	l->check.data = l;
	ev_check_start(l->ev, &l->check);
	ev_unref(l->ev);
	start_pulse(l);
	return l;
}

void loop_close(struct loop *l)
{
	if (l == NULL)
		return;
	ev_ref(l->ev);
	ev_check_stop(l->ev, &l->check);
	ev_ref(l->ev);
	ev_check_stop(l->ev, &l->awake);
	ev_ref(l->ev);
	ev_prepare_stop(l->ev, &l->asleep);
	ev_loop_destroy(l->ev);
	free(l);
}

void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ONE);
}

bool loop_turn(struct loop *l, bool wait)
{
	return ev_run(l->ev, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

void loop_hold(struct loop *l)
{
	ev_ref(l->ev);
}

void loop_release(struct loop *l)
{
	ev_unref(l->ev);
}

/* ---- timers -------------------------------------------------------------- */

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
	struct loop_timer *t = w->data;

	(void)ev;
	(void)events;
	t->fn(t->arg);
}

/* libev counts from the time of its last look, which a long callback has made
 * old; a timer would then come early. */
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t ms,
		      int64_t repeat_ms, void (*fn)(void *arg), void *arg)
{
	ev_timer *w = ROOM(t, ev_timer);

	loop_timer_stop(l, t);
	ev_now_update(l->ev);
	ev_timer_init(w, on_timer, ms > 0 ? (double)ms / 1e3 : 0,
		      repeat_ms > 0 ? (double)repeat_ms / 1e3 : 0);
	w->data = t;
	t->fn = fn;
	t->arg = arg;
	ev_timer_start(l->ev, w);
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	ev_timer_stop(l->ev, ROOM(t, ev_timer));
}

bool loop_timer_active(const struct loop_timer *t)
{
	return ev_is_active((const ev_timer *)(const void *)&t->room);
}

/* ---- descriptors --------------------------------------------------------- */

static void on_fd(struct ev_loop *ev, ev_io *w, int events)
{
	struct loop_fd *f = w->data;

	(void)ev;
	f->fn(f->arg, w->fd, (events & EV_READ ? LOOP_READ : 0) |
	      (events & EV_WRITE ? LOOP_WRITE : 0));
}

void loop_fd_start(struct loop *l, struct loop_fd *f, int fd, int events,
		   void (*fn)(void *arg, int fd, int events), void *arg)
{
	ev_io *w = ROOM(f, ev_io);

	loop_fd_stop(l, f);
	ev_io_init(w, on_fd, fd, (events & LOOP_READ ? EV_READ : 0) |
		   (events & LOOP_WRITE ? EV_WRITE : 0));
	w->data = f;
	f->fn = fn;
	f->arg = arg;
	ev_io_start(l->ev, w);
}

void loop_fd_stop(struct loop *l, struct loop_fd *f)
{
	ev_io_stop(l->ev, ROOM(f, ev_io));
}

/* ---- wakes --------------------------------------------------------------- */

static void on_wake(struct ev_loop *ev, ev_async *w, int events)
{
	struct loop_wake *k = w->data;

	(void)ev;
	(void)events;
	k->fn(k->arg);
}

void loop_wake_start(struct loop *l, struct loop_wake *k, void (*fn)(void *arg),
		     void *arg)
{
	ev_async *w = ROOM(k, ev_async);

	loop_wake_stop(k);
	ev_async_init(w, on_wake);
	w->data = k;
	k->loop = l;
	k->fn = fn;
	k->arg = arg;
	ev_async_start(l->ev, w);
	ev_unref(l->ev);
}

void loop_wake_stop(struct loop_wake *k)
{
	ev_async *w = ROOM(k, ev_async);

	if (!ev_is_active(w))
		return;
	ev_ref(k->loop->ev);
	ev_async_stop(k->loop->ev, w);
}

void loop_wake_send(struct loop_wake *k)
{
	ev_async_send(k->loop->ev, ROOM(k, ev_async));
}

/* ---- signals ------------------------------------------------------------- */

static void on_signal(struct ev_loop *ev, ev_signal *w, int events)
{
	struct loop_signal *s = w->data;

	(void)ev;
	(void)events;
	s->fn(s->arg, w->signum);
}

void loop_signal_start(struct loop *l, struct loop_signal *s, int signum,
		       void (*fn)(void *arg, int signum), void *arg)
{
	ev_signal *w = ROOM(s, ev_signal);

	loop_signal_stop(l, s);
	ev_signal_init(w, on_signal, signum);
	w->data = s;
	s->fn = fn;
	s->arg = arg;
	ev_signal_start(l->ev, w);
	ev_unref(l->ev);
}

void loop_signal_stop(struct loop *l, struct loop_signal *s)
{
	ev_signal *w = ROOM(s, ev_signal);

	if (!ev_is_active(w))
		return;
	ev_ref(l->ev);
	ev_signal_stop(l->ev, w);
}

/* ---- soon ---------------------------------------------------------------- */

void loop_soon_start(struct loop *l, struct loop_soon *s, void (*fn)(void *arg),
		     void *arg)
{
	s->fn = fn;
	s->arg = arg;
	if (s->at != NULL)
		return;
	s->next = NULL;
	s->at = l->soon_end;
	*l->soon_end = s;
	l->soon_end = &s->next;
	ev_idle_start(l->ev, &l->idle);
}

void loop_soon_stop(struct loop *l, struct loop_soon *s)
{
	if (s->at == NULL)
		return;
	*s->at = s->next;
	if (s->next != NULL)
		s->next->at = s->at;
	else if (l->soon_end == &s->next)
		l->soon_end = s->at;
	s->at = NULL;
	if (l->soon == NULL)
		ev_idle_stop(l->ev, &l->idle);
}
