/* run_core.h -- the inside of a run, shared by run.c (journal and delivery),
 * runner.c (turns) and run_lua.c (what the prelude calls). */
#ifndef KEEL_RUN_CORE_H
#define KEEL_RUN_CORE_H

#include <lua.h>

#include "run.h"
#include "supervise.h"

struct delivery {		/* a result on its way to a fiber */
	struct delivery *next;
	int32_t seq;
	bool failed;
	int64_t t_ms;
	void *data;
	size_t len;
};

struct command {		/* issued, its result not yet handed over */
	struct command *next;
	int32_t seq;
	const char *label;	/* "kind:name" */
	const unsigned char *args;	/* codec bytes                      */
	size_t args_len;
	struct buf outcome;
	unsigned char hash[JOURNAL_HASH];
	int64_t fuel, begun_us;
	bool worked;		/* the script did it: outcome holds what came out */
	bool failed;
	bool grouped;		/* its body made commands of its own              */
	bool intended, dispatched, finished;
	unsigned int kept_ids;		/* of the run, while the body has its own */
	uint64_t kept_seed;
	size_t size;		/* of all of this */
	unsigned char bytes[];	/* label, NUL, args */
};

struct fiber {
	struct fiber *next, *next_ready;
	struct fiber *parent;	/* who spawned it */
	lua_State *co;
	int args;		/* values on its stack for the next resume */
	int32_t waiting;	/* seq, or 0                               */
	struct delivery *result;
	int32_t body[16];	/* steps whose bodies it is inside of      */
	int bodies;
	bool over, joining, join_any;
	int joins;
	struct fiber *join[64];
};

struct source {
	struct source *next;
	const char *name, *file, *text;
	size_t len;
	bool compiled;
	char bytes[];		/* name, NUL, file, NUL, text */
};

struct run {
	struct run *next, **at;		/* all runs of the runner */
	struct run *next_turn;
	bool queued;
	struct runner *rn;
	int64_t id;
	struct sandbox *sb;
	bool replay_only, check_fuel;
	int32_t find, lines_from;	/* run_options */
	int found_line;
	char found_file[256];

	struct run_chunk *chunk;	/* what is recorded, see run_record.c */
	int chunks, chunk_room;
	int records, cursor;
	int *command_at;		/* seq -> distance from the newest, + 1 */
	int32_t command_top, command_room;
	int risky;			/* recorded intents that happen at most once */
	int switched;			/* distance of the newest switch, or -1 */

	int32_t seq;
	int64_t tail, cost, now_ms, fuel_mark;
	int steps;
	struct command *open;		/* in order of seq */
	struct fiber *fibers, *fibers_first, *current;
	struct fiber *ready, **ready_end;
	struct delivery *inbox, **inbox_end;
	struct source *sources;
	struct run_boot boot;
	struct buf setup, scratch;

	enum { CANCEL_NOT, CANCEL_SOFT, CANCEL_HARD, CANCEL_DEAD, CANCEL_DONE } cancel;
	struct buf cancel_why;
	int64_t cancel_ms;
	int cancels;			/* how many were heard of */
	int undos;
	int spawned;			/* fibers so far, without the first  */
	unsigned int library_copies;	/* tables made for skills    */
	bool undoing;			/* what the script did is being undone */
	bool died_undoing;		/* the prelude has to hear of it       */
	int64_t fuel_from;		/* lsn from which fuel is compared */

	int in_flight;			/* commits on their way */
	int slices;			/* in a row, used up without waiting for anything */
	bool live, over, released, turning, held;
};

struct runner {
	struct store *store;
	struct run_hooks hooks;
	struct run *runs;
	struct run *turn, **turn_end;
	size_t turns;			/* how many wait for one */
	int64_t (*mono_us)(void);
	struct supervise_mark *mark;	/* runner_mark */
	struct supervise_mark own_mark;	/* until then  */
	int64_t *took;		/* runner_measure */
	size_t took_n, took_room;
};

/* run_find.c: the line of the script that the run is at, and keeping it */
int run_line(const struct run *r, const char **file);
void run_keep_lines(struct run *r);
void run_keep_line_of(struct run *r, lua_State *L, int idx);

/* run_record.c, for run.c */
void run_free_records(struct run *r);
/* The replay is done with the record at the cursor. */
void run_pass(struct run *r);
/* The run has gone beyond its record, which is hardly asked for any more. */
void run_past_record(struct run *r);

/* run_fiber.c */
struct fiber *run_take_ready(struct run *r);
void run_wake_joiners(struct run *r);

/* run_cancel.c, for run.c */
bool run_is_cancel(const struct journal_row *row);
void run_note_cancel(struct run *r, const void *why, size_t len, int64_t t_ms);
void run_note_death(struct run *r);
bool run_frozen(const struct run *r, const struct fiber *f);
/* Give the script up if it is time; true when it was. */
bool run_apply_cancel(struct run *r);

/* run_lua.c, for run_cancel.c: a new main fiber, in which the prelude's function for
 * it is called with what is in r->cancel_why. */
int run_cancel_main(struct run *r, struct err *e);

/* bind_encode_within for a value that the engine keeps: the run pays for what becomes of
 * it, too. */
int run_encode(lua_State *L, int idx, int depth, struct buf *out, struct err *e);

/* run.c, for run_lua.c */
struct command *run_begin(struct run *r, const char *kind, const char *name,
			  const void *args, size_t args_len);
struct command *run_command_of(struct run *r, int32_t seq);
/* The command of that number; NULL also when the run is over because it cannot be
 * read (ask r->over before doing anything anew). */
const struct journal_row *run_recorded(struct run *r, int32_t seq);
/* The machine has no memory for what the run needs, which is nothing that its
 * script did: stop here, and write nothing. */
void run_no_memory(struct run *r, const char *what);
void run_diverged(struct run *r, const char *why, int32_t seq,
		  const char *recorded, const char *got);
void run_fiber_ready(struct run *r, struct fiber *f);
void run_cancel_fiber(struct run *r, struct fiber *f);
bool run_turn(struct run *r);

/* run_end.c: the sandbox is dead, or has no room for what must go on in it (e says
 * so); the value of an error */
void run_end_dead(struct run *r, const struct err *e);
void run_error_value(struct buf *out, const char *code, const char *message);

/* runner.c */
int64_t runner_now(const struct runner *rn);
/* sandbox_resume() of a fiber, with the pulse that its watcher counts. */
int runner_resume(struct run *r, struct fiber *f, int *nresults);
void runner_ready(struct runner *rn, struct run *r);
void runner_forget(struct runner *rn, struct run *r);

#endif
