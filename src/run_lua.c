/* run_lua.c -- what the prelude (lua/ctx.lua) calls: the `core` of a run.
 *
 * Every function has the run as upvalue 1. Nothing here blocks: await yields the
 * fiber, and the runner resumes it with the result in f->result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bind.h"
#include "lfuel.h"
#include "run_core.h"
#include "run_env.h"
#include "spare.h"
#include "words.h"

#define VALUE_BYTES ((size_t)8 << 20)
#define SLICE 100000		/* instructions before others have a turn: ~1 ms */

static struct run *run_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

static struct fiber *fiber_of(lua_State *L)
{
	struct run *r = run_of(L);

	if (r->current == NULL || r->current->co != L)
		luaL_error(L, "ctx cannot be used inside a coroutine of your own;"
			   " use ctx.all for work side by side");
	if (!lua_isyieldable(L))
		luaL_error(L, "ctx cannot be used inside a metamethod that a"
			   " function of the library calls");
	return r->current;
}

/* The run is over in the middle of a script: leave the fiber for good. */
static int leave(lua_State *L)
{
	return lua_yield(L, 0);
}

/* What a step's body begins, itself or in fibers of its own, is in the journal
 * beside it: such a body has to run again in a replay. */
static void mark_group(struct run *r, const struct fiber *f)
{
	struct command *c;

	if (f->bodies == 0)
		return;
	c = run_command_of(r, f->body[f->bodies - 1]);
	if (c != NULL)
		c->grouped = true;
}

/* A body has object numbers and seeds of its own, so that what comes after it
 * finds the same ones when a replay does not run it. */
static void enter_body(lua_State *L, struct command *c)
{
	struct lua_Fuel *f = lua_fuel(L);

	c->kept_ids = f->ids;
	c->kept_seed = f->seed;
	f->ids = 0x80000000u | (unsigned int)c->seq << 12;
	f->seed += (uint64_t)c->seq << 32;
}

static void leave_body(lua_State *L, const struct command *c)
{
	struct lua_Fuel *f = lua_fuel(L);

	f->ids = c->kept_ids;
	f->seed = c->kept_seed;
}

/* The name of a command at stack place 2: it is shown, kept and compared as text. */
static const char *check_name(lua_State *L, const char *kind)
{
	size_t n;
	const char *name = luaL_checklstring(L, 2, &n);

	if (n > 200)
		luaL_error(L, "name of a %s is longer than 200 bytes", kind);
	if (!codec_key_ok((const unsigned char *)name, n))
		luaL_error(L, "name of a %s is not UTF-8, or holds a NUL", kind);
	return name;
}

/* begin(kind, name, args [, body]) -> seq, recorded
 * With `body` the script does the work itself and reports by outcome(), unless
 * its result is recorded. `body` is true, or the script's function that no line of
 * the script calls: a difference is then blamed on its line. */
static int l_begin(lua_State *L)
{
	struct fiber *f = fiber_of(L);
	struct run *r = run_of(L);
	const char *kind = luaL_checkstring(L, 1);
	const char *name = check_name(L, kind);
	bool body = lua_toboolean(L, 4);
	struct buf *args = &r->scratch;	/* the run's: nothing to guard */
	const struct journal_row *was;
	struct command *c;
	struct err e;
	int rc;

	if (r->find == r->seq + 1 && lua_isfunction(L, 4))
		run_keep_line_of(r, L, 4);
	if (r->lines_from == r->seq + 1)
		run_keep_lines(r);
	lua_settop(L, 3);
	buf_reset(args);
	rc = run_encode(L, 3, 0, args, &e);
	if (rc == ERR_NOMEM) {
		run_no_memory(r, "the arguments of a command");
		return leave(L);
	}
	if (rc != 0)
		return luaL_error(L, "arguments of %s %s: %s", kind, name,
				  e.msg);
	mark_group(r, f);
	c = run_begin(r, kind, name, args->data, args->len);
	if (r->over)
		return leave(L);
	c->worked = body;
	was = run_recorded(r, c->seq);
	lua_pushinteger(L, c->seq);
	lua_pushboolean(L, was != NULL && was->kind == JOURNAL_STEP &&
			!(was->flags & JOURNAL_GROUP));
	if (body && !lua_toboolean(L, -1)) {
		if (f->bodies == 16)
			return luaL_error(L, "steps nest deeper than 16");
		f->body[f->bodies++] = c->seq;
		enter_body(L, c);
	}
	return 2;
}

/* outcome(seq, failed, value): what came out of the body of a step. */
static int l_outcome(lua_State *L)
{
	struct fiber *f = fiber_of(L);
	struct run *r = run_of(L);
	struct command *c = run_command_of(r, (int32_t)luaL_checkinteger(L, 1));
	struct err e;
	int rc;

	if (c == NULL || f->bodies == 0)
		return luaL_error(L, "no such step");
	f->bodies--;
	leave_body(L, c);
	c->failed = lua_toboolean(L, 2);
	lua_settop(L, 3);
	buf_reset(&r->scratch);
	rc = run_encode(L, 3, 0, &r->scratch, &e);
	if (rc == 0)		/* one allocation, of the right size */
		rc = buf_add(&c->outcome, r->scratch.data, r->scratch.len);
	if (rc == ERR_NOMEM) {
		run_no_memory(r, "the result of a step");
		return leave(L);
	}
	if (lua_fuel(L)->dead)	/* of reading it: the run ends here */
		return luaL_error(L, "%s", e.msg);
	if (rc != 0) {
		char message[600];

		c->failed = true;
		buf_reset(&c->outcome);
		snprintf(message, sizeof(message), "result: %s", e.msg);
		codec_object(&c->outcome, 3);
		codec_key(&c->outcome, "code", 4);
		codec_cstring(&c->outcome, "result");
		codec_key(&c->outcome, "message", 7);
		codec_cstring(&c->outcome, message);
		codec_key(&c->outcome, "raise", 5);
		codec_bool(&c->outcome, true);
	}
	return 0;
}

static int awaited(lua_State *L, int status, lua_KContext ctx)
{
	struct run *r = run_of(L);
	struct fiber *f = r->current;
	struct delivery *d = f->result;	/* the fiber's until it is read */

	(void)status;
	(void)ctx;
	lua_pushboolean(L, d->failed);
	if (bind_decode(L, d->data, d->len) != 0)
		return luaL_error(L, "the journal is damaged");
	f->result = NULL;
	free(d->data);
	spare_give(d, sizeof(*d));
	r->fuel_mark = sandbox_script_instructions(r->sb);
	return 2;
}

/* await(seq) -> failed, value
 * What the body of a step spent is no part of any path: a replay, which does not
 * run it, must count the same for the fibers that go on meanwhile. */
static int l_await(lua_State *L)
{
	struct fiber *f = fiber_of(L);
	struct run *r = run_of(L);

	f->waiting = (int32_t)luaL_checkinteger(L, 1);
	r->fuel_mark = sandbox_script_instructions(r->sb);
	return lua_yieldk(L, 0, 0, awaited);
}

/* spawn(fn) -> fiber */
static int l_spawn(lua_State *L)
{
	struct run *r = run_of(L);
	struct fiber *f, **at;
	struct fiber *parent = fiber_of(L);

	mark_group(r, parent);
	luaL_checktype(L, 1, LUA_TFUNCTION);
	/* each is looked at when it is made and when it ends */
	lua_charge(L, 200 + r->spawned++ / 4);
	lua_settop(L, 1);
	lua_newthread(L);
	lua_pushvalue(L, -1);
	luaL_ref(L, LUA_REGISTRYINDEX);	/* lives as long as the run */
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		run_no_memory(r, "a fiber");
		return leave(L);
	}
	f->co = lua_tothread(L, -1);
	sandbox_claim_thread(f->co, false);
	f->parent = parent;
	f->bodies = parent->bodies;	/* what it does is part of them too */
	memcpy(f->body, parent->body, sizeof(f->body));
	lua_pushvalue(L, 1);
	lua_xmove(L, f->co, 1);
	for (at = &r->fibers; *at != NULL; at = &(*at)->next)
		;
	*at = f;
	run_fiber_ready(r, f);
	lua_pushlightuserdata(L, f);
	return 1;
}

static int joined(lua_State *L, int status, lua_KContext ctx)
{
	struct run *r = run_of(L);
	struct fiber *f = r->current;
	int i;

	(void)status;
	(void)ctx;
	if (f->join_any)
		for (i = 0; i < f->joins; i++)
			run_cancel_fiber(r, f->join[i]);
	f->joins = 0;
	f->join_any = false;
	lua_settop(L, 0);
	return 0;
}

static int join(lua_State *L, struct fiber *f, bool any)
{
	int i, over = 0;

	for (i = 0; i < f->joins; i++)
		over += f->join[i]->over;
	f->join_any = any;
	if (over == f->joins || (any && over > 0))
		return joined(L, 0, 0);
	f->joining = true;
	return lua_yieldk(L, 0, 0, joined);
}

/* join(fiber): wait until it is over. */
static int l_join(lua_State *L)
{
	struct fiber *f = fiber_of(L);

	luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
	f->join[0] = lua_touserdata(L, 1);
	f->joins = 1;
	return join(L, f, false);
}

/* join_any(fibers): wait until one is over, cancel the others. */
static int l_join_any(lua_State *L)
{
	struct fiber *f = fiber_of(L);
	lua_Integer i, n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = (lua_Integer)lua_rawlen(L, 1);
	luaL_argcheck(L, n <= 64, 1, "more than 64 branches");
	for (i = 1; i <= n; i++) {
		lua_rawgeti(L, 1, i);
		f->join[i - 1] = lua_touserdata(L, -1);
		lua_pop(L, 1);
	}
	f->joins = (int)n;
	return join(L, f, true);
}

/* copy(value): what the journal would give back. */
static int l_copy(lua_State *L)
{
	struct buf *b = bind_buf(L, VALUE_BYTES);
	struct err e;

	if (bind_encode(L, 1, b, &e) != 0)
		return luaL_error(L, "%s", e.msg);
	bind_decode(L, b->data, b->len);
	return 1;
}

static int l_now(lua_State *L)
{
	lua_pushinteger(L, run_of(L)->now_ms);
	return 1;
}

/* RFC 3339 in UTC with milliseconds */
static int l_iso_now(lua_State *L)
{
	int64_t ms = run_of(L)->now_ms;
	time_t s = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
	lua_pushstring(L, text);
	return 1;
}

static int l_log(lua_State *L)
{
	struct run *r = run_of(L);
	const char *level = luaL_checkstring(L, 1);
	size_t n;
	const char *text = luaL_checklstring(L, 2, &n);

	/* a replay does not say again what was said; what comes behind its last
	 * record may have been said, or not */
	if (r->live || r->cursor >= r->records)
		r->rn->hooks.log(r->rn->hooks.arg, r, level, text, n);
	return 0;
}

/* Push the function of a source: text, or what the host compiled from one that
 * this sandbox took as text before (the manifest was read so). */
static void load_source(lua_State *L, struct run *r, const char *text,
			size_t len, bool compiled, const char *file)
{
	struct err e;

	lua_pushfstring(L, "@%s", file);
	if (compiled) {
		if (luaL_loadbufferx(L, text, len, lua_tostring(L, -1), "b"))
			lua_error(L);
		return;
	}
	if (sandbox_load(r->sb, text, len, lua_tostring(L, -1), &e) != 0)
		luaL_error(L, "%s", e.msg);
	lua_xmove(sandbox_state(r->sb), L, 1);
}

/* load(name, env): the source of that name as a function. */
static int l_load(lua_State *L)
{
	struct run *r = run_of(L);
	const char *name = luaL_checkstring(L, 1);
	struct source *s;

	luaL_checktype(L, 2, LUA_TTABLE);
	for (s = r->sources; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			break;
	if (s == NULL)
		return luaL_error(L, "this run has no source '%s'", name);
	if (strncmp(name, "skill/", 6) == 0)
		run_own_libraries(L, &r->library_copies, 2);
	load_source(L, r, s->text, s->len, s->compiled, s->file);
	lua_pushvalue(L, 2);
	lua_setupvalue(L, -2, 1);
	return 1;
}

static int l_line_of(lua_State *L)
{
	lua_Debug ar;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_getinfo(L, ">S", &ar);
	lua_pushinteger(L, ar.linedefined);
	return 1;
}

static int l_array(lua_State *L)
{
	lua_settop(L, 1);
	if (lua_isnil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_array_mark(L);
	lua_setmetatable(L, 1);
	return 1;
}

/* similarity(a, b) -> -1..1 of the embedded word vectors */
static int l_similarity(lua_State *L)
{
	size_t n, m;
	const char *a = luaL_checklstring(L, 1, &n);
	const char *b = luaL_checklstring(L, 2, &m);

	lua_charge(L, (lua_Integer)(n + m) + 200);
	lua_pushnumber(L, words_similarity(a, n, b, m));
	return 1;
}

/* ahead(label) -> "same", "other" or nil: what the next command was when recorded. */
static int l_ahead(lua_State *L)
{
	struct run *r = run_of(L);
	const struct journal_row *was = run_recorded(r, r->seq + 1);

	if (was == NULL)
		return 0;
	lua_pushstring(L, strcmp(was->name, luaL_checkstring(L, 1)) == 0
			  ? "same" : "other");
	return 1;
}

/* undos(n [, undoing]) -> died: so much could be undone by now. undoing: the script is
 * over, and that is what happens; whether the sandbox died of it just now. */
static int l_undos(lua_State *L)
{
	struct run *r = run_of(L);

	r->undos = (int)luaL_checkinteger(L, 1);
	if (!lua_toboolean(L, 2))
		return 0;
	lua_pushboolean(L, r->died_undoing);
	r->died_undoing = false;
	r->undoing = true;
	return 1;
}

static const char cancel_key;	/* registry: the prelude's function */

/* on_cancel(fn): what to run in the place of a script that is given up. */
static int l_on_cancel(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &cancel_key);
	return 0;
}

/* unread(seq) -> failed, value: a result that came when nobody was left to read it. */
static int l_unread(lua_State *L)
{
	struct run *r = run_of(L);
	lua_Integer seq = luaL_checkinteger(L, 1);
	const struct fiber *f;

	for (f = r->fibers; f != NULL; f = f->next) {
		const struct delivery *d = f->result;

		if (d == NULL || d->seq != seq)
			continue;
		lua_pushboolean(L, d->failed);
		bind_decode(L, d->data, d->len);
		return 2;
	}
	return 0;
}

static int push_on_cancel(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &cancel_key);
	return 1;
}

static int push_why(lua_State *L)
{
	const struct run *r = lua_touserdata(L, 1);

	if (bind_decode(L, r->cancel_why.data, r->cancel_why.len) != 0)
		return luaL_error(L, "the journal is damaged");
	return 1;
}

int run_cancel_main(struct run *r, struct err *e)
{
	lua_State *main = sandbox_state(r->sb);
	struct fiber *f = calloc(1, sizeof(*f)), **at;
	int rc = 0;

	if (f == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a fiber");
	rc = sandbox_push(r->sb, main, push_on_cancel, r, 1, e);
	if (rc == 0 && !lua_isfunction(main, -1)) {
		lua_pop(main, 1);
		rc = err_set(e, ERR_STATE, "nobody takes the cancellation");
	}
	if (rc == 0)
		rc = sandbox_thread(r->sb, &f->co, e);
	if (rc == 0)
		rc = sandbox_push(r->sb, f->co, push_why, r, 1, e);
	if (rc != 0) {
		free(f);
		return rc;
	}
	f->args = 1;
	for (at = &r->fibers; *at != NULL; at = &(*at)->next)
		;
	*at = r->fibers_first = f;
	run_fiber_ready(r, f);
	return 0;
}

static const luaL_Reg core[] = {
	{ "begin", l_begin }, { "outcome", l_outcome }, { "await", l_await },
	{ "spawn", l_spawn }, { "join", l_join }, { "join_any", l_join_any },
	{ "copy", l_copy }, { "now", l_now }, { "iso_now", l_iso_now },
	{ "log", l_log }, { "environment", run_environment }, { "load", l_load },
	{ "line_of", l_line_of }, { "array", l_array },
	{ "similarity", l_similarity }, { "ahead", l_ahead },
	{ "undos", l_undos }, { "on_cancel", l_on_cancel },
	{ "unread", l_unread }, { NULL, NULL }
};

/* ---- starting --------------------------------------------------------------- */

static int main_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 1;
}

static int prelude_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	lua_callk(L, 0, 1, 0, main_done);
	return main_done(L, 0, 0);
}

static bool is_compiled(const struct run_boot *b)
{
	return b->prelude_len > 0 && b->prelude[0] == LUA_SIGNATURE[0];
}

/* Objects of a run are numbered from here on, however its prelude came to be there.
 * Part of what a replay compares. */
#define FIRST_ID ((1 << 12) + 5)

/* The main fiber: prelude(core, setup)() */
static int boot(lua_State *L)
{
	struct run *r = lua_touserdata(L, 1);

	if (is_compiled(&r->boot)) {
		lua_pushnil(L);		/* where text has its file's name: how
					 * deep a script can recurse depends on it */
		sandbox_push_ready(L);
	} else {
		load_source(L, r, r->boot.prelude, r->boot.prelude_len, false,
			    "lua/ctx.lua");
	}
	lua_fuel(L)->ids = FIRST_ID;
	luaL_newlibtable(L, core);
	lua_pushlightuserdata(L, r);
	luaL_setfuncs(L, core, 1);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_pushcfunction(L, run_plain_text);	/* no object: it has no number */
	lua_setfield(L, -2, "plain_text");
	if (bind_decode(L, r->setup.data, r->setup.len) != 0)
		return luaL_error(L, "the start of this run is damaged");
	buf_release(&r->setup);
	lua_callk(L, 2, 1, 0, prelude_done);
	return prelude_done(L, 0, 0);
}

int run_start(struct run *r, const struct run_boot *b, struct err *e)
{
	struct fiber *f;
	bool ready = is_compiled(b);
	int rc = sandbox_open_ready(&r->sb, &b->caps, ready ? b->prelude : NULL,
				    ready ? b->prelude_len : 0, e);

	if (rc != 0)
		return rc;
	r->boot = *b;
	r->check_fuel = b->check_fuel;
	buf_init(&r->setup, CODEC_BYTES);
	f = calloc(1, sizeof(*f));
	if (f == NULL || buf_add(&r->setup, b->setup, b->setup_len) != 0) {
		free(f);
		return err_set(e, ERR_NOMEM, "no memory for a run");
	}
	lua_pushcfunction(sandbox_state(r->sb), boot);
	rc = sandbox_thread(r->sb, &f->co, e);
	if (rc != 0) {
		free(f);
		return rc;
	}
	lua_pushlightuserdata(f->co, r);
	f->args = 1;
	r->fibers = r->fibers_first = f;
	if (r->lines_from < 0)
		run_keep_lines(r);
	sandbox_set_slice(r->sb, b->caps.slice > 0 ? b->caps.slice : SLICE);
	sandbox_begin(r->sb);
	run_fiber_ready(r, f);
	runner_ready(r->rn, r);
	return 0;
}
