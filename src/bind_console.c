/* bind_console.c -- core.console: a sandbox that a person types into.
 *
 *   c = open{ prelude, file, instructions, memory, wall, slice }
 *       The prelude (trusted text) runs once, with the table `core` below as its
 *       argument, and returns a table of functions, by which the host enters.
 *   c:enter(name, value)   begin that function with a copy of the value; full caps
 *   c:go([value])          let it go on, with the answer to what it called
 *       -> "called", name, args   it wants the host to do this, and waits; args are nil
 *                                  when they cannot be copied, and then comes why
 *        | "paused"               its slice is used up: go() again
 *        | "done", value          what it returned, copied
 *        | "error", text, where   what it raised
 *        | "dead", cap, where     of instructions, memory or wall: close it
 *   c:give_up()            forget what was entered; the globals stay
 *   c:printed() -> text    the lines of print since it was asked last
 *   c:used() -> instructions since c:enter, peak bytes
 *   c:close()
 *
 * What failed on the host's side is nil, message, code. The prelude's core is
 *   call(name, args) -> what the host answers: only in the function entered itself
 *   load(text, name) -> function | nil, message: a chunk on the sandbox's globals
 *
 * Values cross as copies (codec.h), so nothing typed here holds anything of the host. */
#include "bind_console.h"

#include <string.h>

#include "bind_run.h"
#include "sandbox.h"

#define CONSOLE "keel.console"
#define SLICE 200000		/* about 2 ms before others have a turn */
#define PRINTED_BYTES ((size_t)1 << 20)

struct console {
	struct sandbox *sb;
	lua_State *co;		/* what was entered, or NULL */
	int given;		/* values that wait on its stack */
	int64_t began;		/* instructions at c:enter */
	struct buf printed;	/* what is too much for it is dropped */
};

static const char entries_key;	/* registry of the sandbox: what the prelude returned */

/* ---- the prelude's core ---------------------------------------------------- */

static int l_called(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L);
}

static int l_call(lua_State *L)
{
	const struct console *c = lua_touserdata(L, lua_upvalueindex(1));

	luaL_checkstring(L, 1);
	lua_settop(L, 2);
	if (c->co != L || !lua_isyieldable(L))
		return luaL_error(L, "the engine cannot be asked inside a coroutine"
				  " of your own, or by a function of the library");
	return lua_yieldk(L, 2, 0, l_called);
}

static int l_load(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	const char *name = luaL_checkstring(L, 2);

	if (n > SANDBOX_SOURCE_BYTES)
		return luaL_error(L, "more than %d KiB at once",
				  (int)(SANDBOX_SOURCE_BYTES >> 10));
	if (luaL_loadbufferx(L, text, n, name, "t") == LUA_OK)
		return 1;
	lua_pushnil(L);
	lua_insert(L, -2);
	return 2;
}

static int push_core(lua_State *L)
{
	void *c = lua_touserdata(L, 1);

	lua_createtable(L, 0, 2);
	lua_pushlightuserdata(L, c);
	lua_pushcclosure(L, l_call, 1);
	lua_setfield(L, -2, "call");
	lua_pushcfunction(L, l_load);
	lua_setfield(L, -2, "load");
	return 1;
}

/* ---- crossing --------------------------------------------------------------- */

struct crossing {
	const char *name;
	const struct buf *value;
	lua_State *co;
};

static int push_entry(lua_State *L)
{
	const struct crossing *x = lua_touserdata(L, 1);

	lua_rawgetp(L, LUA_REGISTRYINDEX, &entries_key);
	lua_getfield(L, -1, x->name);
	if (!lua_isfunction(L, -1))
		return luaL_error(L, "the prelude has no %s", x->name);
	return 1;
}

static int push_value(lua_State *L)
{
	const struct crossing *x = lua_touserdata(L, 1);

	if (bind_decode(L, x->value->data, x->value->len) != 0)
		return luaL_error(L, "a damaged value");
	return 1;
}

static int keep_entries(lua_State *L)
{
	const struct crossing *x = lua_touserdata(L, 1);

	if (!lua_istable(x->co, -1))
		return luaL_error(L, "the prelude returned no table");
	lua_xmove(x->co, L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &entries_key);
	return 0;
}

static int drop_thread(lua_State *L)
{
	const struct crossing *x = lua_touserdata(L, 1);

	lua_pushnil(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, x->co);
	return 0;
}

static void forget(struct console *c)
{
	struct crossing x = { .co = c->co };
	struct err e;

	if (c->co != NULL && sandbox_dead(c->sb) == SANDBOX_ALIVE)
		sandbox_push(c->sb, sandbox_state(c->sb), drop_thread, &x, 0, &e);
	c->co = NULL;
	c->given = 0;
}

/* ---- what came of a stretch ---------------------------------------------------- */

static int push_dead(lua_State *L, const struct console *c)
{
	lua_pushliteral(L, "dead");
	lua_pushstring(L, sandbox_death_name(sandbox_dead(c->sb)));
	lua_pushstring(L, sandbox_where(c->sb));
	return 3;
}

/* The value at idx of the coroutine, copied into L; or what it cannot be. */
static int push_copy(lua_State *L, struct console *c, struct buf *bytes, int idx)
{
	struct err e = { 0 };
	int rc;

	sandbox_begin_call(c->sb);
	rc = bind_encode(c->co, idx, bytes, &e);
	if (rc == 0)
		return bind_decode(L, bytes->data, bytes->len);
	lua_pushstring(L, e.msg);
	return rc;
}

static int push_called(lua_State *L, struct console *c, struct buf *bytes)
{
	int rc;

	lua_pushliteral(L, "called");
	lua_pushstring(L, lua_tostring(c->co, -2));
	rc = push_copy(L, c, bytes, -1);
	lua_pop(c->co, 2);
	if (rc == 0)
		return 3;
	if (sandbox_dead(c->sb) != SANDBOX_ALIVE)
		return push_dead(L, c);
	lua_pushnil(L);		/* it is told what it handed over, and why not */
	lua_insert(L, -2);
	return 4;
}

static int push_done(lua_State *L, struct console *c, struct buf *bytes, int n)
{
	int rc;

	lua_pushliteral(L, "done");
	if (n == 0) {
		lua_pushnil(L);
		forget(c);
		return 2;
	}
	rc = push_copy(L, c, bytes, -n);
	if (rc == 0 || sandbox_dead(c->sb) == SANDBOX_ALIVE)
		forget(c);
	if (rc == 0)
		return 2;
	if (sandbox_dead(c->sb) != SANDBOX_ALIVE)
		return push_dead(L, c);
	lua_pushliteral(L, "error");
	lua_insert(L, -2);
	return 2;
}

static int push_error(lua_State *L, struct console *c)
{
	char text[1000];

	sandbox_error_text(c->co, -1, text, sizeof(text));
	lua_pushliteral(L, "error");
	lua_pushstring(L, text);
	lua_pushstring(L, sandbox_where(c->sb));
	forget(c);
	return 3;
}

static int go_on(lua_State *L, struct console *c)
{
	struct buf *bytes = bind_buf(L, CODEC_BYTES);
	int n = 0, rc = sandbox_resume(c->sb, c->co, c->given, &n);

	c->given = 0;
	if (sandbox_dead(c->sb) != SANDBOX_ALIVE)
		return push_dead(L, c);
	switch (rc) {
	case SANDBOX_PREEMPTED:
		lua_pushliteral(L, "paused");
		return 1;
	case LUA_YIELD:
		if (n == 2 && lua_isstring(c->co, -2))
			return push_called(L, c, bytes);
		return luaL_error(L, "it yielded to nobody");
	case LUA_OK:
		return push_done(L, c, bytes, n);
	default:
		return push_error(L, c);
	}
}

/* ---- the face ---------------------------------------------------------------------- */

static struct console *check(lua_State *L)
{
	struct console *c = luaL_checkudata(L, 1, CONSOLE);

	luaL_argcheck(L, c->sb != NULL, 1, "this console is closed");
	return c;
}

static int l_close(lua_State *L)
{
	struct console *c = luaL_checkudata(L, 1, CONSOLE);

	c->co = NULL;
	sandbox_close(c->sb);
	c->sb = NULL;
	buf_release(&c->printed);
	return 0;
}

static void on_print(void *ud, const char *text, size_t n)
{
	struct console *c = ud;

	buf_add(&c->printed, text, n);
	buf_add(&c->printed, "\n", 1);
}

static int boot(struct console *c, const char *text, size_t len,
		const char *file, struct err *e)
{
	struct crossing x = { 0 };
	char why[400];
	int n = 0, nargs = 1, rc;

	rc = sandbox_load(c->sb, text, len, file, e);
	if (rc == 0)
		rc = sandbox_thread(c->sb, &c->co, e);
	if (rc == 0)
		rc = sandbox_push(c->sb, c->co, push_core, c, 1, e);
	if (rc != 0)
		return rc;
	while ((rc = sandbox_resume(c->sb, c->co, nargs, &n)) == SANDBOX_PREEMPTED)
		nargs = 0;
	if (sandbox_dead(c->sb) != SANDBOX_ALIVE)
		return err_set(e, ERR_LIMIT, "no room for a console");
	if (rc != LUA_OK || n != 1) {
		sandbox_error_text(c->co, -1, why, sizeof(why));
		return err_set(e, ERR_STATE, "%s", why);
	}
	x.co = c->co;
	rc = sandbox_push(c->sb, sandbox_state(c->sb), keep_entries, &x, 0, e);
	forget(c);
	return rc;
}

static int l_open(lua_State *L)
{
	struct sandbox_caps caps = { 0 };
	struct console *c;
	const char *text, *file;
	size_t len;
	struct err e;
	int rc;

	luaL_checktype(L, 1, LUA_TTABLE);
	bind_caps(L, 1, &caps);
	lua_getfield(L, 1, "prelude");
	text = luaL_checklstring(L, -1, &len);
	lua_getfield(L, 1, "file");
	file = luaL_checkstring(L, -1);
	c = lua_newuserdatauv(L, sizeof(*c), 0);
	*c = (struct console){ .co = NULL };
	buf_init(&c->printed, PRINTED_BYTES);
	luaL_setmetatable(L, CONSOLE);
	rc = sandbox_open(&c->sb, &caps, &e);
	if (rc == 0) {
		sandbox_set_slice(c->sb, caps.slice > 0 ? caps.slice : SLICE);
		sandbox_set_print(c->sb, on_print, c);
		rc = boot(c, text, len, file, &e);
	}
	return rc == 0 ? 1 : bind_fail(L, &e);
}

static int l_enter(lua_State *L)
{
	struct console *c = check(L);
	struct crossing x = { .name = luaL_checkstring(L, 2) };
	struct buf *value;
	struct err e;
	int rc;

	lua_settop(L, 3);
	value = bind_buf(L, CODEC_BYTES);
	x.value = value;
	if (bind_encode(L, 3, value, &e) != 0)
		return bind_fail(L, &e);
	forget(c);
	sandbox_begin(c->sb);
	c->began = sandbox_total_instructions(c->sb);
	rc = sandbox_push(c->sb, sandbox_state(c->sb), push_entry, &x, 1, &e);
	if (rc == 0)
		rc = sandbox_thread(c->sb, &c->co, &e);
	if (rc == 0) {
		sandbox_claim_thread(c->co, true);
		rc = sandbox_push(c->sb, c->co, push_value, &x, 1, &e);
	}
	if (rc != 0) {
		c->co = NULL;
		return bind_fail(L, &e);
	}
	c->given = 1;
	lua_pushboolean(L, 1);
	return 1;
}

static int l_go(lua_State *L)
{
	struct console *c = check(L);
	struct crossing x = { 0 };
	struct err e;

	luaL_argcheck(L, c->co != NULL, 1, "nothing was entered");
	if (lua_gettop(L) > 1) {
		struct buf *value = bind_buf(L, CODEC_BYTES);

		x.value = value;
		if (bind_encode(L, 2, value, &e) != 0)
			return bind_fail(L, &e);
		if (sandbox_push(c->sb, c->co, push_value, &x, 1, &e) != 0)
			return sandbox_dead(c->sb) != SANDBOX_ALIVE ? push_dead(L, c)
								    : bind_fail(L, &e);
		c->given = 1;
	}
	return go_on(L, c);
}

static int l_give_up(lua_State *L)
{
	forget(check(L));
	return 0;
}

static int l_printed(lua_State *L)
{
	struct console *c = check(L);

	lua_pushlstring(L, c->printed.data != NULL ? (const char *)c->printed.data
						   : "", c->printed.len);
	buf_reset(&c->printed);
	return 1;
}

static int l_used(lua_State *L)
{
	const struct console *c = check(L);

	lua_pushinteger(L, sandbox_total_instructions(c->sb) - c->began);
	lua_pushinteger(L, (lua_Integer)sandbox_peak_bytes(c->sb));
	return 2;
}

int bind_open_console(lua_State *L)
{
	static const luaL_Reg functions[] = { { "open", l_open },
					      { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "enter", l_enter }, { "go", l_go }, { "give_up", l_give_up },
		{ "printed", l_printed }, { "used", l_used },
		{ "close", l_close }, { "__gc", l_close },
		{ "__close", l_close }, { NULL, NULL }
	};

	bind_class(L, CONSOLE, methods);
	bind_module(L, functions);
	return 1;
}
