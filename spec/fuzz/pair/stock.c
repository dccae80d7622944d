/* stock.c -- the source in stock Lua, with the globals that a run has. */
#include <stdio.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

#include "tell.h"

#define STOCK_BYTES ((size_t)64 << 20)
#define STOCK_HOOKS 40		/* of 10 000 instructions */

static size_t used;
static int hooks;

static void *allocate(void *ud, void *p, size_t from, size_t to)
{
	(void)ud;
	if (p == NULL)
		from = 0;
	if (to == 0) {
		used -= from;
		free(p);
		return NULL;
	}
	if (to > from && used + to - from > STOCK_BYTES)
		return NULL;
	used += to - from;
	return realloc(p, to);
}

/* From here on every instruction fails: nothing can catch them all. */
static void enough(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	if (++hooks < STOCK_HOOKS)
		return;
	lua_sethook(L, enough, LUA_MASKCOUNT, 1);
	luaL_error(L, "enough");
}

/* Stock Lua would repeat nothing for years. */
static int rep(lua_State *L)
{
	if (lua_isstring(L, 1) && lua_isnumber(L, 2) && lua_rawlen(L, 1) == 0 &&
	    lua_type(L, 1) == LUA_TSTRING && lua_tonumber(L, 2) > 1000 &&
	    lua_isinteger(L, 2) && (lua_gettop(L) < 3 || lua_rawlen(L, 3) == 0)) {
		lua_pushinteger(L, 0);
		lua_replace(L, 2);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int open(lua_State *L)
{
	static const luaL_Reg libraries[] = {
		{ "coroutine", luaopen_coroutine }, { "math", luaopen_math },
		{ "string", luaopen_string }, { "table", luaopen_table },
		{ "utf8", luaopen_utf8 }, { NULL, NULL }
	};
	const luaL_Reg *lib;

	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1);
	for (lib = libraries; lib->name != NULL; lib++) {
		lua_pushcfunction(L, lib->func);
		lua_call(L, 0, 1);
		lua_setfield(L, -2, lib->name);
	}
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_getglobal(L, "string");
	wrap(L, "rep", rep);
	lua_settop(L, 0);
	return tell_open(L);
}

static void run(lua_State *L, const char *src, size_t n, struct outcome *out)
{
	int count, i;

	lua_pushcfunction(L, open);
	if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
		fprintf(stderr, "stock: %s\n", lua_tostring(L, -1));
		abort();
	}
	if (n > 0 && src[0] == '#')
		for (; n > 0 && *src != '\n'; n--)
			src++;
	if (luaL_loadbufferx(L, src, n, "@x", "t") != LUA_OK) {
		out->end = PAIR_REFUSED;
		tell_text(lua_tostring(L, -1));
		return;
	}
	lua_sethook(L, enough, LUA_MASKCOUNT, 10000);
	if (lua_pcall(L, 0, LUA_MULTRET, 0) != LUA_OK) {
		out->end = PAIR_ERROR;
		tell_value(L, -1, 0);
		return;
	}
	out->end = PAIR_OK;
	count = lua_gettop(L);
	for (i = 1; i <= count && i <= 50; i++)
		tell_value(L, i, 0);
}

void stock_pair(const char *src, size_t n, struct outcome *out)
{
	lua_State *L;

	used = 0;
	hooks = 0;
	L = lua_newstate(allocate, NULL);
	out->told.n = 0;
	out->told.cut = false;
	telling = &out->told;
	lua_gc(L, LUA_GCSTOP);	/* a collection moves the keys that were deleted */
	run(L, src, n, out);
	if (hooks >= STOCK_HOOKS)
		out->end = PAIR_CAP;
	lua_close(L);
}
