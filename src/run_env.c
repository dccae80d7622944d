/* run_env.c -- see run_env.h. */
#include "run_env.h"

#include <lauxlib.h>
#include <lfuel.h>
#include <stdio.h>

#include "codec.h"

int run_environment(lua_State *L)
{
	lua_newtable(L);
	lua_pushglobaltable(L);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -5);
	}
	lua_pop(L, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "_G");
	return 1;
}

/* A copy of the table on top of the stack. Its number is one that the library's own
 * objects left over, so that those of the script stay what they were. */
static void copy_library(lua_State *L, unsigned int *copies)
{
	struct lua_Fuel *f = lua_fuel(L);
	unsigned int ids = f->ids;

	f->ids = 2048 + (*copies)++ % 2048;
	lua_newtable(L);
	f->ids = ids;
	lua_pushnil(L);
	while (lua_next(L, -3)) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -4);
	}
}

void run_own_libraries(lua_State *L, unsigned int *copies, int env)
{
	static const char *const names[] = { "coroutine", "math", "string",
					     "table", "utf8" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lua_pushstring(L, names[i]);
		lua_pushvalue(L, -1);
		lua_rawget(L, env);
		if (lua_istable(L, -1)) {
			copy_library(L, copies);
			lua_replace(L, -2);
		}
		lua_rawset(L, env);
	}
}

/* How much of an error's or a log line's text is kept. */
#define TEXT_BYTES 4000

int run_plain_text(lua_State *L)
{
	size_t n, i, step;
	const char *s = luaL_checklstring(L, 1, &n);
	const unsigned char *p = (const unsigned char *)s;
	luaL_Buffer b;

	if (n <= TEXT_BYTES && codec_utf8(p, n)) {
		lua_settop(L, 1);
		return 1;
	}
	lua_charge(L, 2 * TEXT_BYTES);
	luaL_buffinit(L, &b);
	for (i = 0; i < n && i < TEXT_BYTES; i += step) {
		char spelled[8];

		step = p[i] < 0x80 ? 1 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
		if (i + step <= n && codec_utf8(p + i, step)) {
			luaL_addlstring(&b, s + i, step);
			continue;
		}
		step = 1;
		snprintf(spelled, sizeof(spelled), "\\x%02x", p[i]);
		luaL_addstring(&b, spelled);
	}
	if (i < n)
		luaL_addstring(&b, "...");
	luaL_pushresult(&b);
	return 1;
}
