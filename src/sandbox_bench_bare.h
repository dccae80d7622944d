/* sandbox_bench_bare.h -- a Lua state without a sandbox, as one side of the bench.
 *
 * Compiled twice, with the headers of either Lua: by sandbox_bench.c and by
 * bench/sandbox_stock.c, so that both do the same work. */
#ifndef KEEL_SANDBOX_BENCH_BARE_H
#define KEEL_SANDBOX_BENCH_BARE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static void *bare_open(const char *text, size_t len)
{
	static const luaL_Reg libraries[] = {
		{ "_G", luaopen_base }, { "coroutine", luaopen_coroutine },
		{ "math", luaopen_math }, { "string", luaopen_string },
		{ "table", luaopen_table }, { "utf8", luaopen_utf8 },
		{ NULL, NULL }
	};
	const luaL_Reg *lib;
	lua_State *L = luaL_newstate();

	if (L == NULL)
		return NULL;
	for (lib = libraries; lib->name != NULL; lib++) {
		luaL_requiref(L, lib->name, lib->func, 1);
		lua_pop(L, 1);
	}
	if (luaL_loadbufferx(L, text, len, "@bench", "t") == LUA_OK)
		return L;
	lua_close(L);
	return NULL;
}

static int bare_run(void *state)
{
	lua_State *L = state, *co = lua_newthread(L);
	int rc, n;

	lua_pushvalue(L, -2);
	lua_xmove(L, co, 1);
	rc = lua_resume(co, NULL, 0, &n);
	lua_pop(L, 1);
	return rc;
}

static void bare_close(void *state)
{
	lua_close(state);
}

#endif
