/* bind_run.c -- core.run: a store, its runner, and the runs on the loop.
 *
 *   runner = open(path, hooks)       hooks: a table of functions, each called
 *                                    with the run first: perform, cancel, ended,
 *                                    idle, diverged, log, store_failed;
 *                                    and now() -> ms, for another clock
 *   runner:store() :submit(tx, fn) :run{ id, replay_only, find, lines_from } :close()
 *   run:source(name, file, text [, compiled]) :load(tail) :start(setup, prelude, caps)
 *   run:append(tx, kind, value, now, seq, effect, cost, note) -> lsn
 *   run:copy(tx, record) -> lsn
 *   run:cancel(tx, why, now) :cancelled() -> nil|"asked"|"done", heard :given_up_at() -> ms
 *   run:inside(seq) -> names of the steps whose bodies wait for the command
 *      :undos() -> n, undoing :hold(yes) :left() -> label, seq
 *   run:finish(tx, seq, failed, value, effect, cost, now)
 *   run:release() :id() :tail() :steps() :cost() :now() :made() :found() -> line, file
 *   journal(store, run_id, tail) -> list of records                          */
#include "bind_run.h"

#include <stdlib.h>
#include <string.h>

#include "bind_journal.h"
#include "bind_loop.h"
#include "bind_hooks.h"
#include "bind_play.h"
#include "bind_store.h"
#include "supervise.h"

#define RUNNER "keel.runner"
#define RUN "keel.run"

struct held_run {
	struct run *r;
	struct held_runner *h;
};

/* ---- the runner -------------------------------------------------------------------- */

static void take_turns(void *arg)
{
	struct held_runner *h = arg;

	if (h->rn != NULL && runner_turn(h->rn))
		loop_soon_start(h->loop, &h->soon, take_turns, h);
}

static void on_wake(void *arg)
{
	struct held_runner *h = arg;

	if (h->rn == NULL)
		return;
	store_poll(h->s);
	take_turns(h);
}

static void wake_from_store(void *arg)
{
	loop_wake_send(&((struct held_runner *)arg)->wake);
}

static struct held_runner *check_runner(lua_State *L, int idx)
{
	struct held_runner *h = luaL_checkudata(L, idx, RUNNER);

	if (h->rn == NULL)
		luaL_argerror(L, idx, "this runner is closed");
	return h;
}

/* open(path, hooks [, read_only]) -> runner | nil, message, code */
static int l_open(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct run_hooks hooks = bind_hooks;
	struct store_options opt = { .read_only = lua_toboolean(L, 3),
				     .wake = wake_from_store };
	struct held_runner *h;
	struct loop *loop = bind_loop(L);
	struct err e;

	luaL_checktype(L, 2, LUA_TTABLE);
	if (lua_getfield(L, 2, "now") == LUA_TNIL)
		hooks.now = NULL;
	lua_pop(L, 1);
	h = lua_newuserdatauv(L, sizeof(*h), 1);
	memset(h, 0, sizeof(*h));
	luaL_setmetatable(L, RUNNER);
	h->loop = loop;
	h->T = bind_loop_thread(L);
	hooks.arg = opt.wake_arg = h;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &bind_hooks_key);
	lua_pushvalue(L, 2);
	lua_rawsetp(L, -2, h);
	lua_pop(L, 1);
	loop_wake_start(loop, &h->wake, on_wake, h);
	if (store_open(&h->s, path, &opt, &e) != 0 ||
	    runner_open(&h->rn, h->s, &hooks, &e) != 0) {
		loop_wake_stop(&h->wake);
		store_close(h->s);
		h->s = NULL;
		return bind_fail(L, &e);
	}
	runner_mark(h->rn, supervise_mark());
	loop_hold(loop);
	bind_push_store(L, h->s);
	lua_setiuservalue(L, -2, 1);
	return 1;
}

/* Whoever still holds a run of this runner finds it released. */
static void release_runs(lua_State *L, struct held_runner *h)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &bind_runs_key);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		struct held_run *held = lua_touserdata(L, -1);

		if (held->h == h && held->r != NULL) {
			run_release(held->r);
			held->r = NULL;
			lua_pushvalue(L, -2);
			lua_pushnil(L);
			lua_rawset(L, -5);
		}
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static int l_runner_close(lua_State *L)
{
	struct held_runner *h = luaL_checkudata(L, 1, RUNNER);
	struct runner *rn = h->rn;

	if (rn == NULL)
		return 0;
	h->closing = true;
	release_runs(L, h);
	/* commits on their way refer to runs: let them arrive in between */
	runner_stop(rn);
	store_close(h->s);
	lua_getiuservalue(L, 1, 1);
	bind_drop_store(L, -1);
	release_runs(L, h);	/* of those that its last outcomes began */
	runner_close(rn);
	h->rn = NULL;
	h->s = NULL;
	loop_soon_stop(h->loop, &h->soon);
	loop_wake_stop(&h->wake);
	loop_release(h->loop);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &bind_hooks_key);
	lua_pushnil(L);
	lua_rawsetp(L, -2, h);
	return 0;
}

static int l_store(lua_State *L)
{
	check_runner(L, 1);
	lua_getiuservalue(L, 1, 1);
	return 1;
}

/* measure(n): keep the times of the next n commands */
static int l_measure(lua_State *L)
{
	struct err e;

	if (runner_measure(check_runner(L, 1)->rn,
			   (size_t)luaL_checkinteger(L, 2), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

/* measured() -> p50_us, p99_us, count */
static int l_measured(lua_State *L)
{
	int64_t p50, p99;
	size_t n = runner_measured(check_runner(L, 1)->rn, &p50, &p99);

	lua_pushinteger(L, p50);
	lua_pushinteger(L, p99);
	lua_pushinteger(L, (lua_Integer)n);
	return 3;
}

/* commits() -> commits, transactions in them */
static int l_commits(lua_State *L)
{
	int64_t commits, txns;

	store_counts(check_runner(L, 1)->s, &commits, &txns);
	lua_pushinteger(L, commits);
	lua_pushinteger(L, txns);
	return 2;
}

struct told {
	struct held_runner *h;
	int fn;
};

static void on_committed(void *arg, struct txn *t)
{
	struct told *w = arg;
	struct held_runner *h = w->h;
	lua_State *T = h->T;
	int top = lua_gettop(T);

	lua_rawgeti(T, LUA_REGISTRYINDEX, w->fn);
	luaL_unref(T, LUA_REGISTRYINDEX, w->fn);
	free(w);
	if (t->rc == 0)
		lua_pushboolean(T, 1);
	if (h->closing)		/* what would go on uses what is gone */
		lua_settop(T, top);
	else
		bind_loop_call(T, t->rc == 0 ? 1 : bind_fail(T, &t->err));
}

/* submit(tx, fn): fn(true) or fn(nil, message, code) when the outcome is known. */
static int l_submit(lua_State *L)
{
	struct held_runner *h = check_runner(L, 1);
	struct told *w;
	struct txn *t;

	luaL_checktype(L, 3, LUA_TFUNCTION);
	bind_check_txn(L, 2);
	lua_pushvalue(L, 3);
	w = malloc(sizeof(*w));
	if (w == NULL)
		return luaL_error(L, "no memory to submit");
	w->h = h;
	w->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	t = bind_take_txn(L, 2);
	t->done = on_committed;
	t->arg = w;
	store_submit(h->s, t);
	return 0;
}

/* ---- a run ---------------------------------------------------------------------------- */

static struct run *check_run(lua_State *L, int idx)
{
	struct held_run *h = luaL_checkudata(L, idx, RUN);

	if (h->r == NULL || h->h->rn == NULL || h->h->closing)
		luaL_argerror(L, idx, "this run was released");
	return h->r;
}

lua_Integer bind_integer(lua_State *L, int t, const char *name,
			 lua_Integer def)
{
	lua_Integer n;

	lua_getfield(L, t, name);
	n = luaL_optinteger(L, -1, def);
	lua_pop(L, 1);
	return n;
}

static bool field_true(lua_State *L, int t, const char *name)
{
	bool yes;

	lua_getfield(L, t, name);
	yes = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return yes;
}

/* run{ id, replay_only, find, lines_from }: as run.h says; find may be
 * math.maxinteger for the end */
static int l_run(lua_State *L)
{
	struct held_runner *h = check_runner(L, 1);
	struct run_options o = { 0 };
	lua_Integer find;
	struct held_run *held;
	struct err e;

	luaL_checktype(L, 2, LUA_TTABLE);
	o.id = bind_integer(L, 2, "id", 0);
	o.replay_only = field_true(L, 2, "replay_only");
	find = bind_integer(L, 2, "find", 0);
	o.find = find > INT32_MAX ? INT32_MAX : (int32_t)find;
	o.lines_from = (int32_t)bind_integer(L, 2, "lines_from", 0);
	held = lua_newuserdatauv(L, sizeof(*held), 2);
	held->r = NULL;
	held->h = h;
	luaL_setmetatable(L, RUN);
	lua_pushvalue(L, 1);		/* the runner outlives its runs */
	lua_setiuservalue(L, -2, 1);
	if (run_open(&held->r, h->rn, &o, &e) != 0)
		return bind_fail(L, &e);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &bind_runs_key);
	lua_pushvalue(L, -2);
	lua_rawsetp(L, -2, held->r);
	lua_pop(L, 1);
	return 1;
}

static int l_release(lua_State *L)
{
	struct held_run *held = luaL_checkudata(L, 1, RUN);

	if (held->r == NULL)
		return 0;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &bind_runs_key);
	lua_pushnil(L);
	lua_rawsetp(L, -2, held->r);
	if (held->h->rn != NULL)
		run_release(held->r);
	held->r = NULL;
	return 0;
}

static int l_source(lua_State *L)
{
	struct run *r = check_run(L, 1);
	size_t n;
	const char *text = luaL_checklstring(L, 4, &n);
	struct err e;

	if (run_source(r, luaL_checkstring(L, 2), luaL_checkstring(L, 3), text,
		       n, lua_toboolean(L, 5), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

/* load(tail) -> value of the start record, and of the last switch of sources
 * | nil, message, code */
static int l_load(lua_State *L)
{
	struct run *r = check_run(L, 1);
	const struct journal_row *first;
	struct err e;

	if (run_load(r, luaL_checkinteger(L, 2), &e) != 0)
		return bind_fail(L, &e);
	first = run_records(r) > 0 ? run_record(r, 0) : NULL;
	if (first == NULL || first->kind != JOURNAL_START ||
	    bind_decode(L, first->data, first->len) != 0) {
		err_set(&e, ERR_DAMAGED, "the journal of run %lld has no start",
			(long long)run_id(r));
		return bind_fail(L, &e);
	}
	first = run_switch(r);
	bind_push_value(L, first ? first->data : NULL, first ? first->len : 0);
	return 2;
}

void bind_caps(lua_State *L, int t, struct sandbox_caps *caps)
{
	caps->instructions = bind_integer(L, t, "instructions", 20000000);
	caps->memory_bytes = (size_t)bind_integer(L, t, "memory", 32 << 20);
	caps->wall_ms = bind_integer(L, t, "wall", 60000);
	caps->seed = (uint64_t)bind_integer(L, t, "seed", 1);
	caps->gc_pause = (int)bind_integer(L, t, "gc_pause", 0);
	caps->slice = (int)bind_integer(L, t, "slice", 0);
	caps->stretch = 0;
}

/* The first record of a run that was loaded says what it is set up with. */
static bool recorded_setup(struct run *r, struct run_boot *b)
{
	const struct journal_row *first = run_records(r) > 0
		? run_record(r, 0) : NULL;

	if (first == NULL)
		return false;
	b->setup = first->data;
	b->setup_len = first->len;
	return true;
}

/* start(setup, prelude, { instructions, memory, wall, seed, check_fuel,
 *   gc_pause, slice })
 * setup may be nil when the run was loaded and is as its first record says. */
static int l_start(lua_State *L)
{
	struct run *r = check_run(L, 1);
	struct held_run *held = lua_touserdata(L, 1);
	struct run_boot b;
	struct buf *setup;
	struct err e;

	b.prelude = luaL_checklstring(L, 3, &b.prelude_len);
	luaL_checktype(L, 4, LUA_TTABLE);
	bind_caps(L, 4, &b.caps);
	b.check_fuel = field_true(L, 4, "check_fuel");
	lua_pushvalue(L, 3);		/* borrowed by the run: keep it */
	lua_setiuservalue(L, 1, 2);
	if (!lua_isnoneornil(L, 2) || !recorded_setup(r, &b)) {
		setup = bind_buf(L, CODEC_BYTES);
		if (bind_encode(L, 2, setup, &e) != 0)
			return bind_fail(L, &e);
		b.setup = setup->data;
		b.setup_len = setup->len;
	}
	if (run_start(r, &b, &e) != 0)
		return bind_fail(L, &e);
	loop_soon_start(held->h->loop, &held->h->soon, take_turns, held->h);
	lua_pushboolean(L, 1);
	return 1;
}

/* append(tx, kind, value, now, seq, effect, cost, note) -> lsn */
static int l_append(lua_State *L)
{
	struct run *r = check_run(L, 1);
	struct txn *t = bind_check_txn(L, 2);
	int kind = luaL_checkoption(L, 3, NULL, bind_kinds);
	lua_Integer now = luaL_checkinteger(L, 5);
	lua_Integer seq = luaL_optinteger(L, 6, 0);
	int effect = luaL_checkoption(L, 7, "pure", bind_effects);
	lua_Integer cost = luaL_optinteger(L, 8, 0);
	struct buf *b = bind_buf(L, CODEC_BYTES);
	int64_t lsn;
	struct err e;

	if (bind_encode(L, 4, b, &e) != 0 ||
	    run_append(r, t, (enum journal_kind)kind,
		       luaL_optstring(L, 9, NULL), (int32_t)seq,
		       (enum effect_class)effect, cost, now, b->data, b->len,
		       &lsn, &e) != 0)
		return bind_fail(L, &e);
	lua_pushinteger(L, lsn);
	return 1;
}

/* finish(tx, seq, failed, value, effect, cost, now) -> true | nil, message, code
 * The transaction is handed over. */
static int l_finish(lua_State *L)
{
	struct run *r = check_run(L, 1);
	lua_Integer seq = luaL_checkinteger(L, 3);
	bool failed = lua_toboolean(L, 4);
	int effect = luaL_checkoption(L, 6, "pure", bind_effects);
	lua_Integer cost = luaL_optinteger(L, 7, 0);
	lua_Integer now = luaL_checkinteger(L, 8);
	struct buf *b;
	struct txn *t;
	struct err e;

	bind_check_txn(L, 2);
	b = bind_buf(L, CODEC_BYTES);
	if (bind_encode(L, 5, b, &e) != 0)
		return bind_fail(L, &e);
	t = bind_take_txn(L, 2);
	if (run_finish(r, t, (int32_t)seq, failed, (enum effect_class)effect,
		       cost, now, b->data, b->len, &e) != 0) {
		txn_free(t);
		return bind_fail(L, &e);
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* copy(tx, record) -> lsn: a record as journal() gives it, as the next of this run. */
static int l_copy(lua_State *L)
{
	struct run *r = check_run(L, 1);
	struct txn *t = bind_check_txn(L, 2);
	struct journal_row row = { 0 };
	struct buf *data = bind_buf(L, CODEC_BYTES);
	struct buf *args = bind_buf(L, CODEC_BYTES);
	struct err e;

	luaL_checktype(L, 3, LUA_TTABLE);
	if (bind_journal_row(L, 3, &row, args, data, &e) != 0 ||
	    run_copy(r, t, &row, &e) != 0)
		return bind_fail(L, &e);
	lua_pushinteger(L, run_tail(r));
	return 1;
}

/* cancel(tx, why, now) -> true | nil, message, code. The transaction is handed over. */
static int l_cancel(lua_State *L)
{
	struct run *r = check_run(L, 1);
	lua_Integer now = luaL_checkinteger(L, 4);
	struct buf *b;
	struct txn *t;
	struct err e;

	bind_check_txn(L, 2);
	b = bind_buf(L, CODEC_BYTES);
	if (bind_encode(L, 3, b, &e) != 0)
		return bind_fail(L, &e);
	t = bind_take_txn(L, 2);
	if (run_cancel(r, t, now, b->data, b->len, &e) != 0) {
		txn_free(t);
		return bind_fail(L, &e);
	}
	lua_pushboolean(L, 1);
	return 1;
}

static int l_cancelled(lua_State *L)
{
	static const char *const names[] = { NULL, "asked", "done" };

	const struct run *r = check_run(L, 1);

	lua_pushstring(L, names[run_cancelled(r)]);
	lua_pushinteger(L, run_cancels_heard(r));
	return 2;
}

/* risky() -> commands in the loaded journal that happen at most once */
static int l_risky(lua_State *L)
{
	lua_pushinteger(L, run_risky(check_run(L, 1)));
	return 1;
}

/* inside(seq) -> names of the steps whose bodies wait for this command */
static int l_inside(lua_State *L)
{
	const char *labels[32];
	int n = run_inside(check_run(L, 1), (int32_t)luaL_checkinteger(L, 2),
			   labels, 32), i;

	lua_createtable(L, n, 0);
	for (i = 0; i < n; i++) {
		lua_pushstring(L, strchr(labels[i], ':') + 1);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int l_given_up_at(lua_State *L)
{
	lua_pushinteger(L, run_cancelled_at(check_run(L, 1)));
	return 1;
}

static int l_undos(lua_State *L)
{
	const struct run *r = check_run(L, 1);

	lua_pushinteger(L, run_undos(r));
	lua_pushboolean(L, run_undoing(r));
	return 2;
}

static int l_hold(lua_State *L)
{
	struct run *r = check_run(L, 1);
	struct held_run *held = lua_touserdata(L, 1);

	run_hold(r, lua_toboolean(L, 2));
	loop_soon_start(held->h->loop, &held->h->soon, take_turns, held->h);
	return 0;
}

/* left() -> label, seq of a recorded command that the script has not made */
static int l_left(lua_State *L)
{
	const struct journal_row *row = run_left(check_run(L, 1));

	if (row == NULL)
		return 0;
	lua_pushstring(L, row->name);
	lua_pushinteger(L, row->seq);
	return 2;
}

static int l_id(lua_State *L)
{
	lua_pushinteger(L, run_id(check_run(L, 1)));
	return 1;
}

static int l_tail(lua_State *L)
{
	lua_pushinteger(L, run_tail(check_run(L, 1)));
	return 1;
}

static int l_steps(lua_State *L)
{
	lua_pushinteger(L, run_steps(check_run(L, 1)));
	return 1;
}

static int l_cost(lua_State *L)
{
	lua_pushinteger(L, run_cost(check_run(L, 1)));
	return 1;
}

static int l_now(lua_State *L)
{
	lua_pushinteger(L, run_now(check_run(L, 1)));
	return 1;
}

/* found() -> line, file | nothing */
static int l_found(lua_State *L)
{
	const char *file;
	int line = run_found(check_run(L, 1), &file);

	if (line <= 0)
		return 0;
	lua_pushinteger(L, line);
	lua_pushstring(L, file);
	return 2;
}

static int l_made(lua_State *L)
{
	lua_pushinteger(L, run_made(check_run(L, 1)));
	return 1;
}

int bind_open_run(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", l_open }, { "journal", bind_journal },
		{ "play", bind_play }, { NULL, NULL }
	};
	static const luaL_Reg runner_methods[] = {
		{ "store", l_store }, { "submit", l_submit }, { "run", l_run },
		{ "measure", l_measure }, { "measured", l_measured },
		{ "commits", l_commits },
		{ "close", l_runner_close }, { "__gc", l_runner_close },
		{ "__close", l_runner_close }, { NULL, NULL }
	};
	static const luaL_Reg run_methods[] = {
		{ "source", l_source }, { "load", l_load },
		{ "start", l_start }, { "append", l_append },
		{ "finish", l_finish }, { "release", l_release },
		{ "copy", l_copy }, { "cancel", l_cancel }, { "cancelled", l_cancelled },
		{ "given_up_at", l_given_up_at }, { "inside", l_inside },
		{ "risky", l_risky },
		{ "undos", l_undos }, { "hold", l_hold }, { "left", l_left },
		{ "id", l_id }, { "tail", l_tail }, { "steps", l_steps },
		{ "cost", l_cost }, { "now", l_now }, { "found", l_found },
		{ "made", l_made },
		{ "__gc", l_release }, { NULL, NULL }
	};

	luaL_requiref(L, "core.store", bind_open_store, 0);	/* its types */
	lua_pop(L, 1);
	bind_class(L, RUNNER, runner_methods);
	bind_class(L, RUN, run_methods);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &bind_runs_key);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &bind_hooks_key);
	bind_module(L, functions);
	return 1;
}
