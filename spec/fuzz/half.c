/* half.c -- any bytes for a part of the Lua half, in a trusted state like the engine's.
 *
 * FUZZ_PART names a file of spec/fuzz/lua/: a chunk that returns function(bytes). What
 * it raises is a broken promise. Each step from a line of lua/ to another is a
 * counter that libFuzzer watches. */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "fuzz.h"
#include "host.h"

#define COUNTERS 65536
#define COLLECT 200		/* inputs between two full collections */

__attribute__((section("__libfuzzer_extra_counters")))
static unsigned char counters[COUNTERS];

static lua_State *half;
static unsigned last;

static void on_line(lua_State *L, lua_Debug *ar)
{
	const char *s;
	unsigned h;

	lua_getinfo(L, "S", ar);
	if (strncmp(ar->short_src, "lua/", 4) != 0)
		return;
	h = (unsigned)ar->currentline * 2654435761u;
	for (s = ar->short_src; *s != 0; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	h ^= h >> 15;
	if (counters[(h ^ last) % COUNTERS] < 255)
		counters[(h ^ last) % COUNTERS]++;
	last = h >> 1;
}

static int with_trace(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

static void load_part(lua_State *L)
{
	const char *part = getenv("FUZZ_PART");

	expect(part != NULL);
	expect(luaL_dostring(L, "package.path = 'spec/fuzz/?.lua;' .. package.path") == LUA_OK);
	lua_pushcfunction(L, with_trace);
	lua_pushfstring(L, "spec/fuzz/lua/%s.lua", part);
	if (luaL_loadfile(L, lua_tostring(L, -1)) != LUA_OK ||
	    lua_pcall(L, 0, 1, 1) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		exit(1);
	}
	lua_settop(L, 3);
	lua_replace(L, 2);	/* with_trace, the function */
	lua_sethook(L, on_line, LUA_MASKLINE, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static int inputs;

	if (half == NULL) {
		half = host_open();
		expect(half != NULL);
		load_part(half);
	}
	last = 0;
	lua_pushvalue(half, 2);
	lua_pushlstring(half, (const char *)p, n);
	if (lua_pcall(half, 1, 0, 1) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(half, -1));
		fuzz_broken("the part keeps its promise", __FILE__, __LINE__);
	}
	if (++inputs % COLLECT == 0)
		lua_gc(half, LUA_GCCOLLECT);
	return 0;
}
