/* store.h -- the one door to durable state.
 *
 * What is promised, whatever database is behind it:
 *   - a transaction becomes true as a whole or not at all;
 *   - when its outcome is 0 the change survives kill -9 and power loss;
 *   - transactions become true in the order in which they were submitted, and
 *     none that was submitted behind one that the world refused (a full disk, a
 *     damaged file): it may build on it, as a journal record on the one before;
 *   - one process owns a store: a second one is refused (ERR_LOCKED), and a
 *     stale owner cannot write (the owner epoch is checked in every commit);
 *   - times are milliseconds handed in by the caller, never read here.
 *
 * The database is spoken to in verbs ("run.put", "memory.remember"), never in
 * SQL: a verb takes one object and gives a list of rows, both in codec bytes
 * (codec.h). The tables of verbs, with the fields of each, are in the drivers'
 * files (store_sqlite_*.c); spec/store_spec.lua is their contract. Three things
 * are hot enough, or clever enough, to be typed C instead: journal rows
 * (journal.h), the ledger, and the vector scan.
 *
 * Threads: a storage thread owns the writing connection. It takes every
 * transaction that waits, makes them one commit (group commit: the group is what
 * arrived during the last commit; while many more are announced, see
 * store_expect(), it waits a moment for them) and reports each. Under load a
 * third thread moves the WAL into the file. Outcomes come back to the thread that
 * calls store_poll(); reading happens on the thread that asks. */
#ifndef KEEL_STORE_H
#define KEEL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct store;
struct db;			/* one connection, as a driver sees it */

struct store_options {
	bool read_only;		/* no lock, no writer: for looking on       */
	void (*wake)(void *arg);/* from a storage thread: call store_poll() */
	void *wake_arg;
};

/* path is the database file, ":memory:" a store that dies with the process. */
int store_open(struct store **out, const char *path,
	       const struct store_options *opt, struct err *e);
/* Waits until everything submitted has become true or failed. */
void store_close(struct store *s);

/* Copy the store at `from`, as of one moment, into a new file, durably; whoever owns
 * it goes on. With `trial` only what was learned and kept: memory and records, and
 * nothing that could go on or be spent. Takes as long as the file is large.
 * ERR_CONFLICT when `to` is there; a failure leaves nothing behind. */
int store_copy(const char *from, const char *to, bool trial, struct err *e);

/* Whether the store at `path` is sound: its structure, and with `thorough` that its
 * indexes hold what its rows say. ERR_DAMAGED, with what was found first. */
int store_check(const char *path, bool thorough, struct err *e);

/* Log numbers rise by one a journal row, from the highest ever used. */
int64_t store_next_lsn(struct store *s);
/* Ids of runs, from the highest ever used. */
int64_t store_next_id(struct store *s);

/* ---- operations and transactions ------------------------------------- */

/* One operation of a transaction; a module embeds it first in its own struct.
 * apply runs on the storage thread inside the transaction: 0, or an error that
 * undoes the whole transaction. drop frees it, after the outcome was told. */
struct op {
	struct op *next;
	int (*apply)(struct db *db, struct op *op, struct err *e);
	void (*drop)(struct op *op);
};

struct txn {
	struct op *first, **last;
	struct txn *next;
	bool may_refuse;	/* an op may fail for its own reasons, so this
				 * one needs a savepoint inside the group    */
	bool lazy;		/* nobody waits for it: it may lie for LAZY_MS, so
				 * that more of its kind make one commit     */
	bool linked;		/* others build on it: whatever it is refused
				 * for, nothing submitted behind it is tried */
	enum { TIDY_NOT, TIDY_LOG, TIDY_WHOLE } tidy;	/* no transaction: the
				 * file is tidied instead, on its own, and its
				 * failure is nobody else's                  */
	int rc;
	struct err err;
	void (*done)(void *arg, struct txn *t);	/* from store_poll()       */
	void *arg;
};

struct txn *txn_new(void);
void txn_free(struct txn *t);			/* with its ops           */
void txn_add(struct txn *t, struct op *op);	/* op becomes the txn's   */

/* Add a verb with its object (copied). Verbs that must change a row fail with
 * ERR_CONFLICT when they change none. */
int txn_verb(struct txn *t, const char *verb, const void *args, size_t n,
	     struct err *e);

/* Hand over. t->done is called from store_poll() with t->rc and t->err set, and
 * then t is freed. */
void store_submit(struct store *s, struct txn *t);
/* About n more transactions will be submitted within the next ms by this thread,
 * which says 0 as soon as that is no longer so. A group that would be small beside
 * what is coming waits for it, WINDOW_MS at most (store.c). */
void store_expect(struct store *s, int n);
/* The same, and wait; t is freed. What one waits for builds on nothing that failed,
 * so it is tried also after a failure. */
int store_commit(struct store *s, struct txn *t, struct err *e);
/* Its two halves, for who prepares the next meanwhile. What was begun must be waited
 * for; when it cannot begin (a store that is only read), t is freed. */
int store_begin(struct store *s, struct txn *t, struct err *e);
int store_wait(struct store *s, struct txn *t, struct err *e);

/* Deliver what has become known; returns how many. Call from one thread. */
int store_poll(struct store *s);

/* Commits made so far, and the transactions in them. */
void store_counts(struct store *s, int64_t *commits, int64_t *txns);

/* ---- reading ---------------------------------------------------------- */

/* Rows of a reading verb, as a codec array of objects, appended to out. Sees all
 * that has become true. Runs on the caller's thread, so it is for short questions
 * (by key, or a page of a list). */
int store_read(struct store *s, const char *verb, const void *args, size_t n,
	       struct buf *out, struct err *e);

/* Run op->apply on the reading connection, on the caller's thread. */
int store_look(struct store *s, struct op *op, struct err *e);

#endif
