/* run.h -- one run: a script in its sandbox, played against its journal.
 *
 * A run is a set of fibers (coroutines: the main one, and those of ctx.all). A
 * ctx call makes a *command*: it gets the next number (seq), and its fiber waits
 * for the result. When every fiber waits, exactly one result is delivered, and
 * the fibers run until all wait again; results come from the journal, in the
 * order of log numbers, first those that were recorded, then new ones as they
 * become durable. So what a script sees depends on the journal alone, and playing
 * it again makes the same commands with the same arguments, which is checked:
 * name, hash of the arguments, and the instructions the script spent since the
 * last result (fuel).
 *
 * Only when the recorded results are used up are commands performed. A step (its
 * work was done by the script itself) is one record; others are performed by the
 * host (hooks->perform), which hands the result to run_finish().
 *
 * A run is used by the loop thread alone. */
#ifndef KEEL_RUN_H
#define KEEL_RUN_H

#include "journal_row.h"
#include "sandbox.h"
#include "store.h"

struct run;
struct runner;

/* What happens in a run, told to the host. Borrowed during the call. */
struct run_command {
	int32_t seq;
	const char *kind, *name;
	const void *args;		/* codec bytes */
	size_t args_len;
	bool intended;			/* an INTENT is in the journal already */
	bool worked, failed;		/* the script did the work itself ...  */
	const void *outcome;		/* ... with this, in codec bytes       */
	size_t outcome_len;
};

struct run_difference {
	int32_t seq;
	const char *why;		/* "name", "arguments", "path", "missing", "extra", "result",
					 * or "found": options.find is reached */
	const char *recorded, *got;	/* labels of commands, or NULL */
	const void *args;		/* of what it got: codec bytes, or NULL */
	size_t args_len;
	int line;			/* of the script, or 0         */
	const char *file;
};

struct run_hooks {
	/* Perform a command; answer with run_finish(), now or later. */
	void (*perform)(void *arg, struct run *r, const struct run_command *c);
	/* A command whose result nobody wants any more (ctx.any). */
	void (*cancel)(void *arg, struct run *r, int32_t seq);
	/* The main function is over. failed: value is {code, message, ...}. */
	void (*ended)(void *arg, struct run *r, bool failed, const void *value,
		      size_t len);
	/* All fibers wait, and nothing of this run is on its way to the disk. */
	void (*idle)(void *arg, struct run *r);
	/* A replay did something else than the record. The run is over. */
	void (*diverged)(void *arg, struct run *r,
			 const struct run_difference *d);
	void (*log)(void *arg, struct run *r, const char *level,
		    const char *text, size_t len);
	/* What time it is, in ms; NULL for the machine's own clock. */
	int64_t (*now)(void *arg);
	/* The store refused a commit: nothing further can become true. */
	void (*store_failed)(void *arg, struct run *r, const struct err *e);
	void *arg;
};

/* ---- the runner: the runs of one thread, taking turns ---------------------- */

int runner_open(struct runner **out, struct store *s,
		const struct run_hooks *hooks, struct err *e);
/* Release all runs; then close the store, which tells of the last commits; then
 * close the runner. */
void runner_stop(struct runner *rn);
void runner_close(struct runner *rn);
/* Let runs that can go on do so, each for a slice; true while some still can. */
bool runner_turn(struct runner *rn);

/* Write into *mark whose turn it is, and when a script has the thread (supervise.h):
 * memory that outlives this process tells then which run it died in. */
struct supervise_mark;
void runner_mark(struct runner *rn, struct supervise_mark *mark);

/* Keep how long each of the next n commands took, from being issued until their
 * result was handed to the script; and say it, in microseconds. */
int runner_measure(struct runner *rn, size_t n, struct err *e);
size_t runner_measured(struct runner *rn, int64_t *p50_us, int64_t *p99_us);

/* ---- a run ------------------------------------------------------------------ */

struct run_options {
	int64_t id;
	bool replay_only;	/* perform nothing; stop where the record ends */
	int32_t find;		/* 0, or: replay only, and stop at this command
				 * (INT32_MAX: go on to the end)                  */
	int32_t lines_from;	/* 0, or: keep lines once this command is made;
				 * -1: from the start                             */
};

int run_open(struct run **out, struct runner *rn, const struct run_options *o,
	     struct err *e);
/* Forget the run; what it submitted still becomes true. */
void run_release(struct run *r);

/* Source texts that the run may load by name; file is for messages. Copies.
 * compiled: it is bytecode that the host made of a text; bytecode of anybody else
 * would leave the sandbox. */
int run_source(struct run *r, const char *name, const char *file,
	       const char *text, size_t len, bool compiled, struct err *e);

/* Load the records of the run, walking back from `tail`. */
int run_load(struct run *r, int64_t tail, struct err *e);

/* Start: boot the prelude with `setup` (codec bytes). The run becomes ready. The
 * prelude is borrowed until the run is released. */
struct run_boot {
	struct sandbox_caps caps;
	bool check_fuel;	/* the record was made by this very prelude */
	const char *prelude;
	size_t prelude_len;
	const void *setup;
	size_t setup_len;
};
int run_start(struct run *r, const struct run_boot *b, struct err *e);

/* Put a record of this run into t, and say its log number. data is copied; note is
 * the name of a NOTE. */
int run_append(struct run *r, struct txn *t, enum journal_kind kind,
	       const char *note, int32_t seq, enum effect_class effect,
	       int64_t cost, int64_t now_ms, const void *data, size_t len,
	       int64_t *lsn, struct err *e);

/* A copy of another run's record, put into t as this one's next. */
int run_copy(struct run *r, struct txn *t, const struct journal_row *row,
	     struct err *e);

/* The result of a command that was performed: appended to t (which may carry
 * writes of its own, and becomes ours), submitted, delivered when durable. */
int run_finish(struct run *r, struct txn *t, int32_t seq, bool failed,
	       enum effect_class effect, int64_t cost, int64_t now_ms,
	       const void *data, size_t len, struct err *e);

/* Give up the script: a NOTE, appended to t (which becomes ours) and submitted. Its
 * place in the journal says when: at the first rest after it at which no step's body
 * is under way, or at the next rest when why.hard is true. Then every fiber is given
 * up, and the prelude's function for it (core.on_cancel) runs as the main one, with
 * `why`, an object {code, message, hard?}. With dead = true: before the stretch that
 * follows the last result, or the last of `heard` cancellations, in which the sandbox
 * died; with undoing = true, of undoing. */
int run_cancel(struct run *r, struct txn *t, int64_t now_ms, const void *why,
	       size_t len, struct err *e);
enum run_cancelled { RUN_CANCEL_NOT, RUN_CANCEL_ASKED, RUN_CANCEL_DONE };
enum run_cancelled run_cancelled(const struct run *r);
/* When somebody last gave the run up, by its record (ms); 0 when nobody did. */
int64_t run_cancelled_at(struct run *r);
int run_cancels_heard(const struct run *r);
/* How many commands whose effect may happen at most once were in the journal when it
 * was loaded. */
int run_risky(const struct run *r);
/* The labels ("step:NAME") of the steps whose bodies wait for command `seq`, from the
 * inside out, at most `max` into `names`; valid until the run goes on. Returns how many. */
int run_inside(const struct run *r, int32_t seq, const char **names, int max);
/* How much of what was done could be undone: what the prelude said last. */
int run_undos(const struct run *r);
/* Whether the script is over, and what it did is being undone. */
bool run_undoing(const struct run *r);

/* A run that is held makes no further step: what is on its way still arrives. */
void run_hold(struct run *r, bool held);

/* A recorded command that the script has not made (yet), or NULL. */
const struct journal_row *run_left(struct run *r);

bool run_is_switch(const struct journal_row *row);

#define RUN_NOTE_CANCEL "cancel"
#define RUN_NOTE_SWITCH "switch"	/* of sources: fuel is compared from here */

int64_t run_id(const struct run *r);
int64_t run_tail(const struct run *r);		/* lsn of the newest record   */
int run_steps(const struct run *r);		/* commands with a result     */
int64_t run_cost(const struct run *r);		/* pico-USD                   */
int64_t run_now(const struct run *r);		/* its clock, ms              */
int run_records(const struct run *r);
/* From the oldest; borrowed until the next one is asked for. NULL when the store
 * fails, which its hook was told. */
const struct journal_row *run_record(struct run *r, int i);
/* The newest record that says what sources the run has from there on, or NULL. */
const struct journal_row *run_switch(struct run *r);

/* With options.lines_from: the last line of the script that was executed, or that
 * defines the undo that was begun; 0 when there is none. *file is the run's. */
int run_found(const struct run *r, const char **file);
int run_made(const struct run *r);		/* commands, so far           */

#endif
