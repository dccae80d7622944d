/* sandbox_libs.c -- the globals of a run.
 *
 * Lua's own base, string, table, math, utf8 and coroutine libraries (charged
 * and made deterministic by vendor/lua/edits) minus what reaches out or looks
 * at the collector. Functions here replace those of Lua whose contract differs
 * in a run:
 *
 *   next, pairs    a key with an identity (table, function, coroutine) raises:
 *                  its place in the order is no fact that a replay could check
 *   setmetatable   refuses __gc
 *   print          one escaped line to whoever listens
 *   tostring       __tostring may yield
 *   table.sort     stable, and untouched by an order that fails (sandbox_sort.c)
 *   coroutine.*    let a preemption through to the engine, and pay */
#include <lauxlib.h>
#include <lfuel.h>
#include <lualib.h>
#include <string.h>

#include "sandbox.h"

/* ---- base --------------------------------------------------------------- */

static int run_next(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	if (!lua_next(L, 1)) {
		lua_pushnil(L);
		return 1;
	}
	switch (lua_type(L, -2)) {
	case LUA_TTABLE:
	case LUA_TFUNCTION:
	case LUA_TUSERDATA:
	case LUA_TTHREAD:
		return luaL_error(L, "cannot iterate over a table with a key of "
				  "type %s: its order cannot be replayed",
				  luaL_typename(L, -2));
	}
	return 2;
}

static int pairs_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 3;
}

static int run_pairs(lua_State *L)
{
	luaL_checkany(L, 1);
	if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_callk(L, 1, 3, 0, pairs_done);
		return 3;
	}
	lua_pushcfunction(L, run_next);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

static int run_setmetatable(lua_State *L)
{
	int type = lua_type(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
			 "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	if (type == LUA_TTABLE) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "'__gc' is not available in a run");
		lua_pop(L, 1);
	}
	lua_setmetatable(L, 1);
	return 1;
}

static int tostring_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	if (!lua_isstring(L, -1))
		return luaL_error(L, "'__tostring' must return a string");
	lua_tolstring(L, -1, NULL);
	return 1;
}

static int run_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	if (luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
		lua_pushvalue(L, 1);
		lua_callk(L, 1, 1, 0, tostring_done);
		return tostring_done(L, LUA_OK, 0);
	}
	luaL_tolstring(L, 1, NULL);
	return 1;
}

static int run_print(lua_State *L)
{
	int n = lua_gettop(L), i;
	luaL_Buffer b;
	const char *s;
	size_t len;

	luaL_buffinit(L, &b);
	for (i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	s = lua_tolstring(L, -1, &len);
	lua_charge(L, 200);
	sandbox_print_line(L, s, len);
	return 0;
}

/* ---- coroutines ----------------------------------------------------------- */

/* The threads that the engine runs are to a script what the main thread is in a
 * program: it can ask for the one it is in, and neither resume, close nor yield
 * it. Else a script would answer in the engine's place. New threads copy the mark
 * of the main one, which is clear. */
void sandbox_claim_thread(lua_State *co, bool main)
{
	*(unsigned char *)lua_getextraspace(co) = main ? 2 : 1;
}

static int is_engines(lua_State *co)
{
	return *(const unsigned char *)lua_getextraspace(co) != 0;
}

static int is_main(lua_State *co)
{
	return *(const unsigned char *)lua_getextraspace(co) == 2;
}

static lua_State *check_thread(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);

	luaL_argexpected(L, co, 1, "thread");
	return co;
}

static int go_on(lua_State *L, int status, lua_KContext ctx);
static int go_on_wrapped(lua_State *L, int status, lua_KContext ctx);

/* Move what a coroutine yielded or returned to L: how many, or -1 and a message
 * on L. */
static int take_results(lua_State *L, lua_State *co, int n)
{
	if (!lua_checkstack(L, n + 1)) {
		lua_pop(co, n);
		lua_pushliteral(L, "too many results to resume");
		return -1;
	}
	lua_xmove(co, L, n);
	return n;
}

/* Resume co with the narg values on its stack. The number of results on L, or
 * -1 and an error value on L. Does not return when the run is preempted inside:
 * then L yields too, and k takes it up again. */
static int resume(lua_State *L, lua_State *co, int narg, lua_KFunction k)
{
	int n, status = lua_resume(co, L, narg, &n);

	if (status == LUA_YIELD && lua_fuel(L)->preempted)
		return lua_yieldk(L, 0, (lua_KContext)co, k);
	if (status == LUA_OK || status == LUA_YIELD)
		return take_results(L, co, n);
	lua_xmove(co, L, 1);
	return -1;
}

/* Give the arguments on L to co; -1 and a message when they do not fit. */
static int give(lua_State *L, lua_State *co, int n)
{
	lua_charge(L, 40);
	if (!lua_checkstack(co, n)) {
		lua_pushliteral(L, "too many arguments to resume");
		return -1;
	}
	lua_xmove(L, co, n);
	return 0;
}

static int resume_result(lua_State *L, int n)
{
	lua_pushboolean(L, n >= 0);
	if (n < 0)
		n = 1;
	lua_insert(L, -(n + 1));
	return n + 1;
}

static int go_on(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	return resume_result(L, resume(L, (lua_State *)ctx, 0, go_on));
}

static int co_resume(lua_State *L)
{
	lua_State *co = check_thread(L);
	int n = lua_gettop(L) - 1;

	if (is_engines(co)) {
		lua_pushliteral(L, "cannot resume non-suspended coroutine");
		return resume_result(L, -1);
	}
	if (give(L, co, n) != 0)
		return resume_result(L, -1);
	return resume_result(L, resume(L, co, n, go_on));
}

static int wrap_result(lua_State *L, lua_State *co, int n)
{
	int status;

	if (n >= 0)
		return n;
	status = lua_status(co);
	if (status != LUA_OK && status != LUA_YIELD) {
		lua_closethread(co, L);
		lua_xmove(co, L, 1);	/* a closing method may have changed it */
	}
	if (lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int go_on_wrapped(lua_State *L, int status, lua_KContext ctx)
{
	lua_State *co = (lua_State *)ctx;

	(void)status;
	return wrap_result(L, co, resume(L, co, 0, go_on_wrapped));
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int n = lua_gettop(L);

	if (give(L, co, n) != 0)
		return wrap_result(L, co, -1);
	return wrap_result(L, co, resume(L, co, n, go_on_wrapped));
}

static int co_create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_charge(L, 40);
	co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int co_wrap(lua_State *L)
{
	co_create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

static int co_close(lua_State *L)
{
	lua_State *co = check_thread(L);
	lua_Debug ar;

	lua_charge(L, 40);
	if (co == L)
		return luaL_error(L, "cannot close a running coroutine");
	if (is_engines(co) ||
	    (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)))
		return luaL_error(L, "cannot close a normal coroutine");
	if (lua_closethread(co, L) == LUA_OK) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushboolean(L, 0);
	lua_xmove(co, L, 1);
	return 2;
}

static int co_yield(lua_State *L)
{
	if (is_engines(L)) {	/* in Lua's own words, without a place */
		lua_pushliteral(L, "attempt to yield from outside a coroutine");
		return lua_error(L);
	}
	return lua_yield(L, lua_gettop(L));
}

static int co_isyieldable(lua_State *L)
{
	lua_State *co = lua_isnone(L, 1) ? L : check_thread(L);

	lua_pushboolean(L, !is_main(co) && lua_isyieldable(co));
	return 1;
}

static int co_running(lua_State *L)
{
	lua_pushthread(L);
	lua_pushboolean(L, is_main(L));
	return 2;
}

/* ---- opening ---------------------------------------------------------------- */

static const luaL_Reg base[] = {
	{ "next", run_next },
	{ "pairs", run_pairs },
	{ "print", run_print },
	{ "setmetatable", run_setmetatable },
	{ "tostring", run_tostring },
	{ "collectgarbage", NULL },
	{ "dofile", NULL },
	{ "load", NULL },
	{ "loadfile", NULL },
	{ "warn", NULL },
	{ NULL, NULL }
};

static const luaL_Reg coroutines[] = {
	{ "close", co_close },
	{ "create", co_create },
	{ "isyieldable", co_isyieldable },
	{ "resume", co_resume },
	{ "running", co_running },
	{ "wrap", co_wrap },
	{ "yield", co_yield },
	{ NULL, NULL }
};

static const luaL_Reg libraries[] = {
	{ "coroutine", luaopen_coroutine },
	{ "math", luaopen_math },
	{ "string", luaopen_string },
	{ "table", luaopen_table },
	{ "utf8", luaopen_utf8 },
	{ NULL, NULL }
};

static void replace(lua_State *L, const luaL_Reg *list)
{
	for (; list->name != NULL; list++) {
		if (list->func != NULL)
			lua_pushcfunction(L, list->func);
		else
			lua_pushnil(L);
		lua_setfield(L, -2, list->name);
	}
}

void sandbox_open_globals(lua_State *L)
{
	const luaL_Reg *lib;

	*(unsigned char *)lua_getextraspace(L) = 0;	/* a main thread */
	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1);
	replace(L, base);
	for (lib = libraries; lib->name != NULL; lib++) {
		lua_pushcfunction(L, lib->func);
		lua_call(L, 0, 1);
		lua_setfield(L, -2, lib->name);
	}
	lua_getfield(L, -1, "coroutine");
	replace(L, coroutines);
	lua_getfield(L, -2, "table");
	lua_pushcfunction(L, sandbox_sort);
	lua_setfield(L, -2, "sort");
	lua_pop(L, 1);
	lua_getfield(L, -2, "string");
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 5);
}
