#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "digest.h"
#include "run_core.h"
#include "spare.h"
#include "store_driver.h"

#define VALUE_BYTES ((size_t)8 << 20)	/* of one argument list or result */

/* ---- opening and closing --------------------------------------------------------- */

int run_open(struct run **out, struct runner *rn, const struct run_options *o,
	     struct err *e)
{
	struct run *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a run");
	r->rn = rn;
	r->id = o->id;
	r->replay_only = o->replay_only || o->find != 0;
	r->find = o->find;
	r->lines_from = o->lines_from;
	r->inbox_end = &r->inbox;
	r->ready_end = &r->ready;
	buf_init(&r->scratch, VALUE_BYTES);
	buf_init(&r->cancel_why, VALUE_BYTES);
	r->next = rn->runs;
	if (rn->runs != NULL)
		rn->runs->at = &r->next;
	r->at = &rn->runs;
	rn->runs = r;
	*out = r;
	return 0;
}

static void free_command(struct command *c)
{
	buf_release(&c->outcome);
	spare_give(c, c->size);
}

static void free_deliveries(struct delivery *d)
{
	struct delivery *next;

	for (; d != NULL; d = next) {
		next = d->next;
		free(d->data);
		spare_give(d, sizeof(*d));
	}
}

static void free_run(struct run *r)
{
	struct command *c, *next_c;
	struct fiber *f, *next_f;
	struct source *s, *next_s;

	for (c = r->open; c != NULL; c = next_c) {
		next_c = c->next;
		free_command(c);
	}
	for (f = r->fibers; f != NULL; f = next_f) {
		next_f = f->next;
		free_deliveries(f->result);
		free(f);
	}
	for (s = r->sources; s != NULL; s = next_s) {
		next_s = s->next;
		free(s);
	}
	free_deliveries(r->inbox);
	run_free_records(r);
	buf_release(&r->setup);
	buf_release(&r->scratch);
	buf_release(&r->cancel_why);
	free(r);
}

/* Released in two parts: the state when no code of it is on the C stack, the
 * struct when no commit on its way refers to it. */
static void let_go(struct run *r)
{
	if (!r->released || r->turning)
		return;
	sandbox_close(r->sb);
	r->sb = NULL;
	if (r->in_flight == 0)
		free_run(r);
}

void run_release(struct run *r)
{
	if (r->released)
		return;
	r->released = true;
	*r->at = r->next;
	if (r->next != NULL)
		r->next->at = r->at;
	runner_forget(r->rn, r);
	let_go(r);
}

int run_source(struct run *r, const char *name, const char *file,
	       const char *text, size_t len, bool compiled, struct err *e)
{
	size_t n = strlen(name) + 1, m = strlen(file) + 1;
	struct source *s = malloc(sizeof(*s) + n + m + len);

	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for '%s'", name);
	s->name = memcpy(s->bytes, name, n);
	s->file = memcpy(s->bytes + n, file, m);
	s->text = memcpy(s->bytes + n + m, text, len);
	s->len = len;
	s->compiled = compiled;
	s->next = r->sources;
	r->sources = s;
	return 0;
}

/* ---- commands ---------------------------------------------------------------------- */

static struct command *find_command(struct run *r, int32_t seq)
{
	struct command *c;

	for (c = r->open; c != NULL; c = c->next)
		if (c->seq == seq)
			return c;
	return NULL;
}

struct command *run_command_of(struct run *r, int32_t seq)
{
	return find_command(r, seq);
}

static void drop_command(struct run *r, struct command *c)
{
	struct command **at = &r->open;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free_command(c);
}

void run_diverged(struct run *r, const char *why, int32_t seq,
		  const char *recorded, const char *got)
{
	const struct command *c = got != NULL ? find_command(r, seq) : NULL;
	struct run_difference d = {
		.seq = seq, .why = why, .recorded = recorded, .got = got,
		.args = c ? c->args : NULL, .args_len = c ? c->args_len : 0 };

	if (r->over)
		return;
	r->over = true;
	d.line = run_line(r, &d.file);
	r->rn->hooks.diverged(r->rn->hooks.arg, r, &d);
}

void run_no_memory(struct run *r, const char *what)
{
	struct err e;

	if (r->over)
		return;
	r->over = true;
	err_set(&e, ERR_NOMEM, "no memory for %s", what);
	r->rn->hooks.store_failed(r->rn->hooks.arg, r, &e);
}

/* Compare a command with its record; false when the run is over. */
static bool same_command(struct run *r, const struct command *c)
{
	const struct journal_row *was = run_recorded(r, c->seq);
	const char *why = NULL;

	if (c->seq == r->find) {
		run_diverged(r, "found", c->seq, NULL, c->label);
		return false;
	}
	if (was == NULL)
		return true;
	if (strcmp(was->name, c->label) != 0)
		why = "name";
	else if (memcmp(was->hash, c->hash, JOURNAL_HASH) != 0)
		why = "arguments";
	else if (r->check_fuel && was->lsn >= r->fuel_from &&
		 was->fuel != c->fuel)
		why = "path";
	if (why != NULL)
		run_diverged(r, why, c->seq, was->name, c->label);
	return why == NULL;
}

struct command *run_begin(struct run *r, const char *kind, const char *name,
			  const void *args, size_t args_len)
{
	size_t k = strlen(kind), n = strlen(name), label_len = k + n + 2;
	size_t size = sizeof(struct command) + label_len + args_len;
	struct command *c = spare_take(size), **at;
	int64_t spent = sandbox_script_instructions(r->sb);
	unsigned char sum[DIGEST_BYTES];
	unsigned char *to;

	if (c == NULL) {
		run_no_memory(r, "a command");
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->size = size;
	to = c->bytes;
	memcpy(to, kind, k);
	to[k] = ':';
	memcpy(to + k + 1, name, n + 1);
	memcpy(to + label_len, args, args_len);
	c->label = (const char *)to;
	c->args = to + label_len;
	c->args_len = args_len;
	digest_sha256(c->bytes, label_len + args_len, sum);
	memcpy(c->hash, sum, JOURNAL_HASH);
	c->seq = ++r->seq;
	c->begun_us = r->rn->mono_us();
	buf_init(&c->outcome, VALUE_BYTES);
	c->fuel = spent - r->fuel_mark;
	r->fuel_mark = spent;
	for (at = &r->open; *at != NULL; at = &(*at)->next)
		;
	*at = c;
	return same_command(r, c) ? c : NULL;
}

/* ---- appending ----------------------------------------------------------------------- */

struct append_op {
	struct op op;
	struct run *run;
	struct journal_row row;
	struct delivery *delivery;	/* given when the row is true */
	char label[];
};

static int append_apply(struct db *db, struct op *op, struct err *e)
{
	return db->driver->append(db, &((struct append_op *)op)->row, e);
}

static size_t append_size(const char *label)
{
	return sizeof(struct append_op) + (label ? strlen(label) + 1 : 0);
}

static void append_drop(struct op *op)
{
	struct append_op *a = (struct append_op *)op;

	free((void *)a->row.args);
	if (a->delivery != NULL)
		free_deliveries(a->delivery);
	else
		free((void *)a->row.data);
	spare_give(a, append_size(a->row.name));
}

/* data becomes the op's. Every record knows the one before, so a record must not
 * be given a number unless it is also submitted, in that order. */
static struct append_op *new_append(struct run *r, enum journal_kind kind,
				    const char *label, void *data, size_t len)
{
	size_t size = append_size(label);
	struct append_op *a = spare_zero(size);

	if (a == NULL)
		return NULL;
	a->op.apply = append_apply;
	a->op.drop = append_drop;
	a->run = r;
	a->row.run = r->id;
	a->row.kind = (uint8_t)kind;
	a->row.data = data;
	a->row.len = len;
	if (label != NULL) {
		memcpy(a->label, label, size - sizeof(*a));
		a->row.name = a->label;
	}
	return a;
}

static void number(struct run *r, struct append_op *a, struct txn *t)
{
	a->row.lsn = store_next_lsn(r->rn->store);
	a->row.prev = r->tail;
	r->tail = a->row.lsn;
	t->linked |= a->row.prev != 0;	/* nobody builds on a refused start */
	txn_add(t, &a->op);
}

/* The arguments go with the first record of a command. */
static void describe(struct append_op *a, const struct command *c,
		     int64_t now_us)
{
	void *args;

	if (!c->intended && c->args_len > 1 &&
	    (args = malloc(c->args_len)) != NULL) {
		a->row.args = memcpy(args, c->args, c->args_len);
		a->row.args_len = c->args_len;
	}
	a->row.took_us = now_us - c->begun_us;
	a->row.seq = c->seq;
	a->row.fuel = c->fuel;
	memcpy(a->row.hash, c->hash, JOURNAL_HASH);
	if (c->grouped)
		a->row.flags |= JOURNAL_GROUP;
}

int run_append(struct run *r, struct txn *t, enum journal_kind kind,
	       const char *note, int32_t seq, enum effect_class effect,
	       int64_t cost, int64_t now_ms, const void *data, size_t len,
	       int64_t *lsn, struct err *e)
{
	struct command *c = find_command(r, seq);
	bool intent = kind == JOURNAL_INTENT && c != NULL;
	const char *label = intent ? c->label :
		kind == JOURNAL_START ? "start" :
		kind == JOURNAL_END ? "end" : note;
	void *copy = malloc(len ? len : 1);
	struct append_op *a;

	a = copy ? new_append(r, kind, label, copy, len) : NULL;
	if (a == NULL) {
		free(copy);
		return err_set(e, ERR_NOMEM, "no memory for a journal record");
	}
	memcpy(copy, data, len);
	a->row.seq = seq;
	if (intent) {
		describe(a, c, r->rn->mono_us());
		c->intended = true;
	}
	a->row.effect = (uint8_t)effect;
	a->row.cost = cost;
	a->row.t_ms = now_ms;
	if (kind == JOURNAL_START)
		r->now_ms = now_ms;
	r->cost += cost;
	number(r, a, t);
	if (lsn != NULL)
		*lsn = a->row.lsn;
	return 0;
}

int run_copy(struct run *r, struct txn *t, const struct journal_row *row,
	     struct err *e)
{
	void *data = malloc(row->len ? row->len : 1);
	void *args = malloc(row->args_len ? row->args_len : 1);
	struct append_op *a = NULL;

	if (data != NULL && args != NULL)
		a = new_append(r, (enum journal_kind)row->kind, row->name,
			       data, row->len);
	if (a == NULL) {
		free(data);
		free(args);
		return err_set(e, ERR_NOMEM, "no memory for a journal record");
	}
	a->row = *row;
	a->row.run = r->id;
	a->row.name = row->name != NULL ? a->label : NULL;
	a->row.data = memcpy(data, row->data, row->len);
	a->row.args = args;
	if (row->args_len > 0)
		memcpy(args, row->args, row->args_len);
	number(r, a, t);
	return 0;
}

static void queue_delivery(struct run *r, struct delivery *d)
{
	d->next = NULL;
	*r->inbox_end = d;
	r->inbox_end = &d->next;
}

/* A commit of this run is known. */
static void committed(void *arg, struct txn *t)
{
	struct run *r = arg;
	struct op *op;

	r->in_flight--;
	if (r->released) {
		let_go(r);
		return;
	}
	if (t->rc != 0) {
		r->over = true;
		r->rn->hooks.store_failed(r->rn->hooks.arg, r, &t->err);
		return;
	}
	for (op = t->first; op != NULL; op = op->next) {
		struct append_op *a = (struct append_op *)op;

		if (op->apply != append_apply || a->delivery == NULL)
			continue;
		queue_delivery(r, a->delivery);
		a->delivery = NULL;
		a->row.data = NULL;
	}
	runner_ready(r->rn, r);
}

static int finish(struct run *r, struct txn *t, struct command *c, bool failed,
		  enum effect_class effect, int64_t cost, int64_t now_ms,
		  void *data, size_t len, struct err *e)
{
	struct delivery *d = spare_zero(sizeof(*d));
	struct append_op *a = NULL;

	if (d != NULL)
		a = new_append(r, c->intended ? JOURNAL_RESULT : JOURNAL_STEP,
			       c->intended ? NULL : c->label, data, len);
	if (a == NULL) {
		spare_give(d, sizeof(*d));
		free(data);
		return err_set(e, ERR_NOMEM, "no memory for a result");
	}
	describe(a, c, r->rn->mono_us());
	a->row.flags |= failed ? JOURNAL_FAILED : 0;
	a->row.effect = (uint8_t)effect;
	a->row.cost = cost;
	a->row.t_ms = now_ms;
	number(r, a, t);
	d->seq = c->seq;
	d->failed = failed;
	d->t_ms = now_ms;
	d->data = data;
	d->len = len;
	a->delivery = d;
	r->cost += cost;
	c->finished = true;
	t->done = committed;
	t->arg = r;
	r->in_flight++;
	store_submit(r->rn->store, t);
	return 0;
}

int run_finish(struct run *r, struct txn *t, int32_t seq, bool failed,
	       enum effect_class effect, int64_t cost, int64_t now_ms,
	       const void *data, size_t len, struct err *e)
{
	struct command *c = find_command(r, seq);
	void *copy;

	if (c == NULL || c->finished)
		return err_set(e, ERR_STATE, "command %d is not open", seq);
	copy = malloc(len ? len : 1);
	if (copy == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a result");
	memcpy(copy, data, len);
	return finish(r, t, c, failed, effect, cost, now_ms, copy, len, e);
}

int run_cancel(struct run *r, struct txn *t, int64_t now_ms, const void *why,
	       size_t len, struct err *e)
{
	struct delivery *d = spare_zero(sizeof(*d));
	struct append_op *a = NULL;
	void *copy = malloc(len ? len : 1);

	if (d != NULL && copy != NULL)
		a = new_append(r, JOURNAL_NOTE, RUN_NOTE_CANCEL,
			       memcpy(copy, why, len), len);
	if (a == NULL) {
		spare_give(d, sizeof(*d));
		free(copy);
		return err_set(e, ERR_NOMEM, "no memory to cancel a run");
	}
	a->row.t_ms = d->t_ms = now_ms;
	number(r, a, t);
	d->data = copy;
	d->len = len;
	a->delivery = d;
	t->done = committed;
	t->arg = r;
	r->in_flight++;
	store_submit(r->rn->store, t);
	return 0;
}

/* ---- ending ------------------------------------------------------------------------------ */

static void end_main(struct run *r, struct fiber *f, bool failed)
{
	const struct journal_row *left = run_left(r);
	struct buf value;
	struct err e;
	int rc;

	if (left != NULL)
		run_diverged(r, "missing", left->seq, left->name, NULL);
	if (r->over)
		return;
	buf_init(&value, VALUE_BYTES);
	if (lua_gettop(f->co) == 0)
		lua_pushnil(f->co);
	/* what a run gives is kept inside of other values: its last record,
	 * the result of ctx.call, an event */
	sandbox_begin_call(r->sb);
	rc = run_encode(f->co, -1, 4, &value, &e);
	if (rc == ERR_NOMEM) {
		buf_release(&value);
		run_no_memory(r, "the result of a run");
		return;
	}
	if (rc != 0 && sandbox_dead(r->sb) != SANDBOX_ALIVE) {
		buf_release(&value);
		run_end_dead(r, NULL);
		return;
	}
	r->over = true;
	if (rc != 0) {
		buf_reset(&value);
		run_error_value(&value, failed ? "error" : "result", e.msg);
		failed = true;
	}
	r->rn->hooks.ended(r->rn->hooks.arg, r, failed, value.data, value.len);
	buf_release(&value);
}

enum went { WENT_ON, WENT_SLICE };

static enum went resume_fiber(struct run *r, struct fiber *f)
{
	int nresults = 0, rc;

	r->current = f;
	rc = runner_resume(r, f, &nresults);
	f->args = 0;
	if (r->over)		/* diverged, while it ran */
		return WENT_ON;
	r->current = NULL;
	switch (rc) {
	case SANDBOX_PREEMPTED:
		f->next_ready = r->ready;	/* this one goes on first */
		r->ready = f;
		if (f->next_ready == NULL)
			r->ready_end = &f->next_ready;
		return WENT_SLICE;
	case LUA_YIELD:
		lua_pop(f->co, nresults);
		break;
	case SANDBOX_DIED:
		run_end_dead(r, NULL);
		break;
	default:
		f->over = true;
		if (f == r->fibers_first)
			end_main(r, f, rc != LUA_OK);
		else
			run_wake_joiners(r);
	}
	return WENT_ON;
}

/* ---- delivering ---------------------------------------------------------------------------- */

/* A step whose body had to run again (it holds steps of its own) must have come
 * to the recorded result. */
static bool same_outcome(const struct command *c, const struct delivery *d)
{
	return !c->worked || c->finished || c->outcome.len == 0 ||
	       (c->outcome.len == d->len && c->failed == d->failed &&
		memcmp(c->outcome.data, d->data, d->len) == 0);
}

static void hand_over(struct run *r, struct command *c, struct delivery *d)
{
	struct fiber *f;

	if (!same_outcome(c, d)) {
		free_deliveries(d);
		run_diverged(r, "result", c->seq, c->label, c->label);
		return;
	}

	r->now_ms = d->t_ms;
	r->steps++;
	if (r->rn->took_n < r->rn->took_room && c->finished)
		r->rn->took[r->rn->took_n++] = r->rn->mono_us() - c->begun_us;
	sandbox_begin(r->sb);	/* caps are for a stretch between results */
	for (f = r->fibers; f != NULL; f = f->next)
		if (f->waiting == c->seq && !f->over)
			break;
	drop_command(r, c);
	if (f == NULL) {		/* cancelled */
		free_deliveries(d);
		return;
	}
	f->waiting = 0;
	f->result = d;
	run_fiber_ready(r, f);
}

static struct delivery *from_record(const struct journal_row *row)
{
	struct delivery *d = spare_zero(sizeof(*d));

	if (d == NULL || (d->data = malloc(row->len ? row->len : 1)) == NULL) {
		spare_give(d, sizeof(*d));
		return NULL;
	}
	memcpy(d->data, row->data, row->len);
	d->len = row->len;
	d->seq = row->seq;
	d->failed = (row->flags & JOURNAL_FAILED) != 0;
	d->t_ms = row->t_ms;
	return d;
}

/* The next recorded result, if there is one; false when the record is used up. */
static bool deliver_recorded(struct run *r)
{
	const struct journal_row *row;
	struct delivery *d;
	struct command *c;

	while (r->cursor < r->records) {
		row = run_record(r, r->cursor);
		if (row == NULL)
			return true;
		if (run_is_cancel(row)) {
			run_note_cancel(r, row->data, row->len, row->t_ms);
			run_pass(r);
			run_note_death(r);
			return true;
		}
		if (row->kind != JOURNAL_STEP && row->kind != JOURNAL_RESULT) {
			r->cost += row->cost;
			run_pass(r);
			continue;
		}
		c = find_command(r, row->seq);
		if (c == NULL) {
			const struct journal_row *was =
				run_recorded(r, row->seq);

			run_diverged(r, "missing", row->seq,
				     was != NULL ? was->name : NULL, NULL);
			return true;
		}
		d = from_record(row);
		if (d == NULL) {	/* not the end of the record! */
			run_no_memory(r, "a recorded result");
			return true;
		}
		r->cost += row->cost;
		run_pass(r);
		hand_over(r, c, d);
		run_note_death(r);
		return true;
	}
	return false;
}

static bool deliver_new(struct run *r)
{
	struct delivery *d = r->inbox;
	struct command *c;

	if (d == NULL)
		return false;
	r->inbox = d->next;
	if (r->inbox == NULL)
		r->inbox_end = &r->inbox;
	d->next = NULL;
	c = find_command(r, d->seq);
	if (c != NULL) {
		if (d->seq > r->command_top)
			run_past_record(r);
		hand_over(r, c, d);
		return true;
	}
	if (d->seq == 0)		/* no command's: a note */
		run_note_cancel(r, d->data, d->len, d->t_ms);
	free_deliveries(d);
	return true;
}

/* ---- performing --------------------------------------------------------------------------------- */

/* Somebody waits for it, and may still begin something. */
static bool awaited(const struct run *r, const struct command *c)
{
	const struct fiber *f;

	for (f = r->fibers; f != NULL; f = f->next)
		if (f->waiting == c->seq && !f->over)
			return c->worked || !run_frozen(r, f);
	return false;
}

/* A step: the script did the work, what is left is to make it true. */
static void perform_step(struct run *r, struct command *c)
{
	struct txn *t = txn_new();
	size_t len;
	void *data;
	struct err e;

	data = t != NULL ? buf_take(&c->outcome, &len) : NULL;
	if (data == NULL) {
		txn_free(t);
		run_no_memory(r, "a step");
		return;
	} else if (finish(r, t, c, c->failed, EFFECT_PURE, 0,
			  runner_now(r->rn), data, len, &e) == 0) {
		return;
	} else {
		txn_free(t);
	}
	r->over = true;
	r->rn->hooks.store_failed(r->rn->hooks.arg, r, &e);
}

/* What has no meaning beside its result. */
static bool is_step(const struct command *c)
{
	return strncmp(c->label, "step:", 5) == 0 ||
	       strncmp(c->label, "undo:", 5) == 0 ||
	       strncmp(c->label, "patch:", 6) == 0;
}

static void perform(struct run *r, struct command *c)
{
	char kind[32];
	size_t n = strcspn(c->label, ":");
	struct run_command rc = {
		.seq = c->seq, .kind = kind, .args = c->args,
		.args_len = c->args_len, .intended = c->intended,
		.worked = c->worked, .failed = c->failed,
		.outcome = c->outcome.data, .outcome_len = c->outcome.len
	};

	c->dispatched = true;
	if (c->worked && r->rn->store != NULL && is_step(c)) {
		perform_step(r, c);
		return;
	}
	if (n >= sizeof(kind))
		n = sizeof(kind) - 1;
	memcpy(kind, c->label, n);
	kind[n] = 0;
	rc.name = c->label + n + (c->label[n] == ':');
	r->rn->hooks.perform(r->rn->hooks.arg, r, &rc);
}

static void perform_new(struct run *r)
{
	const struct journal_row *was;
	struct command *c, *next;

	for (c = r->open; c != NULL && !r->over && !r->released; c = next) {
		next = c->next;
		if (c->dispatched || !awaited(r, c))
			continue;
		was = run_recorded(r, c->seq);
		if (r->over)
			return;
		if (was != NULL && was->kind == JOURNAL_INTENT)
			c->intended = true;
		if (r->replay_only) {
			if (!c->intended)
				run_diverged(r, "extra", c->seq, NULL, c->label);
			return;
		}
		perform(r, c);
	}
}

/* What it does between two slices takes time, too: reading a record, for example. */
#define TURN_US 2000

/* Let the run go on until it waits, is over, or has had its slice. */
bool run_turn(struct run *r)
{
	int64_t end = r->rn->mono_us() + TURN_US;
	struct fiber *f;
	bool again = false;

	r->turning = true;
	while (!r->over && !r->released && !r->held) {
		if (r->cancel != CANCEL_NOT && run_apply_cancel(r))
			continue;
		f = run_take_ready(r);
		if (f != NULL) {
			if (resume_fiber(r, f) == WENT_SLICE) {
				r->slices++;
				again = true;
				break;
			}
			continue;
		}
		r->slices = 0;
		if (r->rn->mono_us() >= end) {
			again = true;
			break;
		}
		if (deliver_recorded(r))
			continue;
		if (r->over)
			break;
		r->live = true;
		if (deliver_new(r))
			continue;
		perform_new(r);
		if (r->inbox == NULL)
			break;
	}
	if (!r->over && !r->released && !again && r->in_flight == 0 &&
	    (r->held || r->inbox == NULL))
		r->rn->hooks.idle(r->rn->hooks.arg, r);
	r->turning = false;
	if (r->released) {
		let_go(r);
		return false;
	}
	/* a commit may have been heard of while it had its turn */
	return again || (!r->over && !r->held && r->inbox != NULL);
}
