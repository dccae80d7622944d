/* store.c -- threads, queues and group commit around a driver. */
#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crash.h"
#include "digest.h"
#include "spare.h"
#include "store_driver.h"

#define GROUP_MAX 1024		/* transactions in one commit                  */
#define WINDOW_MS 2		/* the longest wait for a fuller group ...     */
#define WINDOW_FULL 256		/* ... and one that waits for no more          */
#define LAZY_MS 20		/* what nobody waits for may wait so long ...  */
#define LAZY_FULL 512		/* ... unless there is so much of it           */
#define BACKLOG_IDLE 1024	/* log pages that an idle writer moves         */
#define BACKLOG_BUSY 8192	/* log pages for which a busy one asks for help */
#define BACKLOG_MOST (4 * BACKLOG_BUSY)	/* then it moves them itself: only a log
					 * that is moved whole starts over  */

struct store {
	const struct store_driver *driver;
	struct db *writer, *mover, *looker;
	char *path;
	bool shared;		/* looker is the writer's connection (:memory:) */
	struct store_options opt;

	pthread_mutex_t lock;	/* guards all below, and nothing of the data    */
	pthread_cond_t work, asked, known;
	struct txn *queue, **queue_end;
	int queued;		/* how many; those behind a full group may be
				 * missing from it                           */
	bool holding;		/* the writer waits for a fuller group       */
	int urgent;		/* of them, those that somebody waits for    */
	struct txn *told, **told_end;		/* outcomes to deliver */
	struct txn *due, **due_end;		/* those being delivered, of
						 * the polling thread alone  */
	bool stop, want_checkpoint, mover_runs;
	bool closed;		/* nobody commits (any more) */
	atomic_int coming;	/* store_expect() */
	struct err broken;			/* the writer's: code 0 is well */
	pthread_t writer_thread, mover_thread;

	pthread_mutex_t connection;	/* the shared connection of :memory: */
	atomic_llong lsn, id;
	atomic_llong commits, txns;
};

/* ---- transactions ----------------------------------------------------- */

struct txn *txn_new(void)
{
	struct txn *t = spare_take(sizeof(*t));

	if (t == NULL)
		return NULL;
	memset(t, 0, offsetof(struct txn, err));
	t->err.code = 0;
	t->err.msg[0] = 0;
	t->done = NULL;
	t->arg = NULL;
	t->last = &t->first;
	return t;
}

void txn_free(struct txn *t)
{
	struct op *op, *next;

	if (t == NULL)
		return;
	for (op = t->first; op != NULL; op = next) {
		next = op->next;
		op->drop(op);
	}
	spare_give(t, sizeof(*t));
}

void txn_add(struct txn *t, struct op *op)
{
	op->next = NULL;
	*t->last = op;
	t->last = &op->next;
}

struct verb_op {
	struct op op;
	const char *verb;
	size_t n, size;
	unsigned char args[];	/* and the verb's name */
};

static int verb_apply(struct db *db, struct op *op, struct err *e)
{
	struct verb_op *v = (struct verb_op *)op;

	return db->driver->verb(db, v->verb, v->args, v->n, NULL, e);
}

static void verb_drop(struct op *op)
{
	spare_give(op, ((struct verb_op *)op)->size);
}

int txn_verb(struct txn *t, const char *verb, const void *args, size_t n,
	     struct err *e)
{
	size_t len = strlen(verb) + 1, size = sizeof(struct verb_op) + n + len;
	struct verb_op *v = spare_take(size);

	if (v == NULL)
		return err_set(e, ERR_NOMEM, "no memory for '%s'", verb);
	v->size = size;
	v->op.apply = verb_apply;
	v->op.drop = verb_drop;
	v->n = n;
	memcpy(v->args, args, n);
	v->verb = memcpy(v->args + n, verb, len);
	t->may_refuse = true;
	txn_add(t, &v->op);
	return 0;
}

/* ---- the writer -------------------------------------------------------- */

static int apply_ops(struct db *db, struct txn *t)
{
	struct op *op;

	for (op = t->first; op != NULL; op = op->next) {
		t->rc = op->apply(db, op, &t->err);
		if (t->rc != 0)
			return t->rc;
	}
	return 0;
}

/* Errors of the world, not of the transaction: nothing else can succeed. */
static bool hopeless(int rc)
{
	return rc == ERR_FULL || rc == ERR_IO || rc == ERR_DAMAGED ||
	       rc == ERR_LOCKED || rc == ERR_NOMEM || rc == ERR_DENIED;
}

static int apply_one(struct store *s, struct txn *t)
{
	const struct store_driver *d = s->driver;

	t->rc = 0;
	if (!t->may_refuse)
		return apply_ops(s->writer, t);
	if ((t->rc = d->mark(s->writer, &t->err)) != 0)
		return t->rc;
	if (apply_ops(s->writer, t) == 0)
		return t->rc = d->unmark(s->writer, true, &t->err);
	if (!hopeless(t->rc)) {
		struct err ignored;

		if (d->unmark(s->writer, false, &ignored) == 0 && !t->linked)
			return 0;	/* refused alone; the group goes on */
	}
	return t->rc;
}

static void tell_all(struct txn *group, int rc, const struct err *e)
{
	for (; group != NULL; group = group->next) {
		group->rc = rc;
		group->err = *e;
	}
}

/* One commit for the whole list. On failure nothing of it is true. */
static int commit_group(struct store *s, struct txn *group, struct err *e)
{
	const struct store_driver *d = s->driver;
	struct txn *t;
	int rc;

	if (group->tidy != TIDY_NOT)
		return d->tidy(s->writer, group->tidy == TIDY_WHOLE, e);
	rc = d->begin(s->writer, e);

	for (t = group; t != NULL && rc == 0; t = t->next)
		if ((rc = apply_one(s, t)) != 0)
			*e = t->err;
	CRASH_POINT("before_commit");
	if (rc == 0)
		rc = d->commit(s->writer, e);
	CRASH_POINT("after_commit");
	if (rc != 0)
		d->rollback(s->writer);
	return rc;
}

/* Nothing may become true behind this failure: what was submitted later may build
 * on it, and a journal with a missing record is lost as a whole. */
static void note_failure(struct store *s, const struct txn *t)
{
	if (t->rc == 0 || t->done == NULL || s->broken.code != 0 ||
	    t->tidy != TIDY_NOT || (!hopeless(t->rc) && !t->linked))
		return;
	s->broken = t->err;
	s->broken.code = t->rc;
}

/* When a group fails, or one failed before, each of its transactions is tried
 * alone, so that one that cannot succeed does not take its neighbours along. */
static void commit_apart(struct store *s, struct txn *group)
{
	struct txn *t, *next;
	struct err e;
	int rc;

	for (t = group; t != NULL; t = next) {
		next = t->next;
		t->next = NULL;
		if (s->broken.code != 0 && t->done != NULL) {
			tell_all(t, s->broken.code, &s->broken);
		} else {
			rc = commit_group(s, t, &e);
			if (rc != 0)
				tell_all(t, rc, &e);
			note_failure(s, t);
		}
		t->next = next;
	}
}


static void commit_list(struct store *s, struct txn *group)
{
	struct err e;
	int rc;

	if (s->shared)
		pthread_mutex_lock(&s->connection);
	rc = s->broken.code != 0 ? s->broken.code : commit_group(s, group, &e);
	if (rc != 0 && (group->next != NULL || s->broken.code != 0)) {
		commit_apart(s, group);
	} else if (rc != 0) {
		tell_all(group, rc, &e);
		note_failure(s, group);
	}
	if (s->shared)
		pthread_mutex_unlock(&s->connection);
}

static struct txn *take_group(struct store *s)
{
	struct txn *group = s->queue, *t = group;
	int n;

	s->urgent -= !t->lazy;
	for (n = 1; t->next != NULL && n < GROUP_MAX && t->tidy == TIDY_NOT &&
	     t->next->tidy == TIDY_NOT; n++) {
		t = t->next;
		s->urgent -= !t->lazy;
	}
	s->queue = t->next;
	if (s->queue == NULL)
		s->queue_end = &s->queue;
	s->queued -= n;
	t->next = NULL;
	return group;
}

static void give_back(struct store *s, struct txn *group)
{
	atomic_fetch_add(&s->commits, 1);
	*s->told_end = group;
	while (*s->told_end != NULL) {
		s->told_end = &(*s->told_end)->next;
		atomic_fetch_add(&s->txns, 1);
	}
	pthread_cond_broadcast(&s->known);
}

/* Wait for work; moves the log into the file when there is a pause. */
static void wait_for_work(struct store *s)
{
	struct timespec until;
	struct err e;

	if (s->driver->backlog(s->writer) < BACKLOG_IDLE &&
	    !s->driver->owes(s->writer)) {
		pthread_cond_wait(&s->work, &s->lock);
		return;
	}
	clock_deadline(100, &until);
	if (pthread_cond_timedwait(&s->work, &s->lock, &until) == 0 ||
	    s->queue != NULL || s->stop)
		return;
	pthread_mutex_unlock(&s->lock);
	if (s->driver->backlog(s->writer) >= BACKLOG_IDLE)
		s->driver->checkpoint(s->writer, &e);
	s->driver->pay(s->writer);
	pthread_mutex_lock(&s->lock);
}

/* Whether a commit now would be a small one beside those that follow at once. The
 * half is taken and not the whole, so that one half is on its way to the disk
 * while the other is made. */
static bool too_few(const struct store *s)
{
	return s->queued < WINDOW_FULL && !s->stop &&
	       s->queued < atomic_load_explicit(&s->coming,
						memory_order_relaxed);
}

static void hold_for_more(struct store *s)
{
	struct timespec until;

	clock_deadline(WINDOW_MS, &until);
	s->holding = true;
	while (too_few(s))
		if (pthread_cond_timedwait(&s->work, &s->lock, &until) != 0)
			break;
	s->holding = false;
}

/* What nobody waits for gathers. */
static void let_gather(struct store *s)
{
	struct timespec until;

	clock_deadline(LAZY_MS, &until);
	while (s->urgent == 0 && s->queued < LAZY_FULL && !s->stop)
		if (pthread_cond_timedwait(&s->work, &s->lock, &until) != 0)
			break;
}

static void start_mover(struct store *s);

static void *writer_main(void *arg)
{
	struct store *s = arg;
	struct txn *group;
	struct err e;

	pthread_mutex_lock(&s->lock);
	while (s->queue != NULL || !s->stop) {
		if (s->queue == NULL) {
			wait_for_work(s);
			continue;
		}
		if (s->urgent == 0)
			let_gather(s);
		if (too_few(s))
			hold_for_more(s);
		group = take_group(s);
		pthread_mutex_unlock(&s->lock);
		commit_list(s, group);
		if (s->driver->backlog(s->writer) > BACKLOG_MOST)
			s->driver->checkpoint(s->writer, &e);
		pthread_mutex_lock(&s->lock);
		give_back(s, group);
		if (s->driver->backlog(s->writer) > BACKLOG_BUSY &&
		    !s->shared) {
			s->want_checkpoint = true;
			start_mover(s);
			pthread_cond_signal(&s->asked);
		}
		if (s->opt.wake != NULL)
			s->opt.wake(s->opt.wake_arg);
	}
	pthread_mutex_unlock(&s->lock);
	digest_thread_ends();
	return NULL;
}

/* ---- the mover: the log into the file, beside commits ------------------- */

static void *mover_main(void *arg)
{
	struct store *s = arg;
	struct err e;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		if (!s->want_checkpoint) {
			pthread_cond_wait(&s->asked, &s->lock);
			continue;
		}
		s->want_checkpoint = false;
		pthread_mutex_unlock(&s->lock);
		s->driver->checkpoint(s->mover, &e);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Started when first needed: an idle engine has no thread that it does not use.
 * Called with the lock held. */
static void start_mover(struct store *s)
{
	struct err e;

	if (s->mover_runs)
		return;
	if (s->mover == NULL &&
	    s->driver->open(&s->mover, s->path, false, &e) != 0)
		return;
	s->mover_runs = pthread_create(&s->mover_thread, NULL, mover_main,
				       s) == 0;
}

/* ---- opening and closing ----------------------------------------------- */

static void release(struct store *s)
{
	if (s->looker != NULL && !s->shared)
		s->driver->close(s->looker);
	if (s->mover != NULL)
		s->driver->close(s->mover);
	if (s->writer != NULL)
		s->driver->close(s->writer);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->connection);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->asked);
	pthread_cond_destroy(&s->known);
	free(s->path);
	free(s);
}

static int open_connections(struct store *s, struct err *e)
{
	int64_t lsn = 0, id = 0;
	int rc = 0;

	if (!s->opt.read_only)
		rc = s->driver->open(&s->writer, s->path, true, e);
	if (rc == 0 && s->shared)
		s->looker = s->writer;
	else if (rc == 0)
		rc = s->driver->open(&s->looker, s->path, false, e);
	if (rc == 0)
		rc = s->driver->tops(s->looker, &lsn, &id, e);
	atomic_store(&s->lsn, lsn);
	atomic_store(&s->id, id);
	return rc;
}

int store_open(struct store **out, const char *path,
	       const struct store_options *opt, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a store");
	s->driver = &store_sqlite;
	if (opt != NULL)
		s->opt = *opt;
	s->shared = strcmp(path, ":memory:") == 0;
	s->path = strdup(path);
	s->queue_end = &s->queue;
	s->told_end = &s->told;
	s->due_end = &s->due;
	s->closed = s->opt.read_only;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->connection, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->asked, NULL);
	pthread_cond_init(&s->known, NULL);
	rc = s->path == NULL ? err_set(e, ERR_NOMEM, "no memory for a store")
			     : open_connections(s, e);
	if (rc == 0 && !s->opt.read_only &&
	    pthread_create(&s->writer_thread, NULL, writer_main, s) != 0)
		rc = err_set(e, ERR_NOMEM, "no thread for the store");
	if (rc != 0) {
		release(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	struct txn *t;
	int i;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_cond_broadcast(&s->asked);
	pthread_mutex_unlock(&s->lock);
	if (!s->opt.read_only)
		pthread_join(s->writer_thread, NULL);
	if (s->mover_runs)
		pthread_join(s->mover_thread, NULL);
	s->closed = true;
	/* who hears of an outcome may submit again, and hears that it is late;
	 * whoever cannot stop is not heard out */
	for (i = 0; i < 100 && store_poll(s) > 0; i++)
		;
	while ((t = s->told) != NULL) {
		s->told = t->next;
		txn_free(t);
	}
	release(s);
}

int store_copy(const char *from, const char *to, bool trial, struct err *e)
{
	return store_sqlite.copy(from, to, trial, e);
}

int store_check(const char *path, bool thorough, struct err *e)
{
	return store_sqlite.check(path, thorough, e);
}

int64_t store_next_lsn(struct store *s)
{
	return atomic_fetch_add(&s->lsn, 1) + 1;
}

int64_t store_next_id(struct store *s)
{
	return atomic_fetch_add(&s->id, 1) + 1;
}

void store_counts(struct store *s, int64_t *commits, int64_t *txns)
{
	*commits = atomic_load(&s->commits);
	*txns = atomic_load(&s->txns);
}

/* ---- handing over, and hearing ------------------------------------------ */

void store_submit(struct store *s, struct txn *t)
{
	bool wake;

	t->next = NULL;
	pthread_mutex_lock(&s->lock);
	if (s->closed) {
		t->rc = err_set(&t->err, ERR_STATE, s->opt.read_only
				? "the store is open for reading only"
				: "the store is closed");
		*s->told_end = t;
		s->told_end = &t->next;
		pthread_mutex_unlock(&s->lock);
		if (s->opt.wake != NULL)
			s->opt.wake(s->opt.wake_arg);
		return;
	}
	wake = s->queue == NULL || (!t->lazy && s->urgent == 0) ||
	       s->queued + 1 == LAZY_FULL;
	s->urgent += !t->lazy;
	*s->queue_end = t;
	s->queue_end = &t->next;
	s->queued++;
	if (s->holding)
		wake = !too_few(s);
	pthread_mutex_unlock(&s->lock);
	if (wake)
		pthread_cond_signal(&s->work);
}

void store_expect(struct store *s, int n)
{
	bool wake;

	atomic_store_explicit(&s->coming, n, memory_order_relaxed);
	if (n > 0)
		return;
	pthread_mutex_lock(&s->lock);
	wake = s->holding;
	pthread_mutex_unlock(&s->lock);
	if (wake)
		pthread_cond_signal(&s->work);
}

/* Take a told transaction out of the list, when it is there. */
static bool untell(struct store *s, struct txn *t)
{
	struct txn **at;

	for (at = &s->told; *at != NULL; at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		for (s->told_end = &s->told; *s->told_end != NULL; )
			s->told_end = &(*s->told_end)->next;
		return true;
	}
	return false;
}

int store_begin(struct store *s, struct txn *t, struct err *e)
{
	if (s->opt.read_only) {
		txn_free(t);
		return err_set(e, ERR_STATE, "the store is open for reading only");
	}
	t->done = NULL;
	store_submit(s, t);
	return 0;
}

int store_commit(struct store *s, struct txn *t, struct err *e)
{
	int rc;

	store_expect(s, 0);	/* nothing else comes while we wait */
	rc = store_begin(s, t, e);
	return rc != 0 ? rc : store_wait(s, t, e);
}

int store_wait(struct store *s, struct txn *t, struct err *e)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	while (!untell(s, t))
		pthread_cond_wait(&s->known, &s->lock);
	pthread_mutex_unlock(&s->lock);
	rc = t->rc;
	if (rc != 0 && e != NULL)
		*e = t->err;
	txn_free(t);
	return rc;
}

int store_poll(struct store *s)
{
	struct txn *t, **at;
	int n = 0;

	pthread_mutex_lock(&s->lock);
	/* a transaction without `done` has a thread waiting for it */
	for (at = &s->told; (t = *at) != NULL; ) {
		if (t->done == NULL) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		t->next = NULL;
		*s->due_end = t;
		s->due_end = &t->next;
	}
	s->told_end = at;
	pthread_mutex_unlock(&s->lock);

	/* `done` may turn the loop and come here again: what it takes from the
	 * list are the next ones, so nobody hears of a later commit first */
	for (; (t = s->due) != NULL; n++) {
		s->due = t->next;
		if (s->due == NULL)
			s->due_end = &s->due;
		t->done(t->arg, t);
		txn_free(t);
	}
	return n;
}

/* ---- reading ------------------------------------------------------------ */

int store_read(struct store *s, const char *verb, const void *args, size_t n,
	       struct buf *out, struct err *e)
{
	int rc;

	if (s->shared)
		pthread_mutex_lock(&s->connection);
	rc = s->driver->verb(s->looker, verb, args, n, out, e);
	if (s->shared)
		pthread_mutex_unlock(&s->connection);
	return rc;
}

int store_look(struct store *s, struct op *op, struct err *e)
{
	int rc;

	if (s->shared)
		pthread_mutex_lock(&s->connection);
	rc = op->apply(s->looker, op, e);
	if (s->shared)
		pthread_mutex_unlock(&s->connection);
	return rc;
}
