/* sandbox_stock.c -- stock Lua as the raw side of `keel bench sandbox`.
 *
 * Compiled with the headers of the unedited source and joined with it into one
 * object (vendor/lua/rules.mk, stock_join), in which its names begin with stock_. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "sandbox_bench.h"

static void *stock_open(const char *text, size_t len)
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

static int stock_run(void *state)
{
	lua_State *L = state, *co = lua_newthread(L);
	int rc, n;

	lua_pushvalue(L, -2);
	lua_xmove(L, co, 1);
	rc = lua_resume(co, NULL, 0, &n);
	lua_pop(L, 1);
	return rc;
}

static void stock_close(void *state)
{
	lua_close(state);
}

static const struct sandbox_bench_side stock = {
	"stock " LUA_RELEASE, stock_open, stock_run, stock_close
};

/* Before main: the bench finds this side in the place of its own. */
__attribute__((constructor)) static void take_the_raw_side(void)
{
	sandbox_bench_raw = &stock;
}
