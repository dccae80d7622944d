#include "bind_bench.h"

#include <stdio.h>
#include <unistd.h>

#include "store_bench.h"

/* commits(path, rows, group, bytes) -> rows_per_s, p50_us, p99_us */
static int l_commits(lua_State *L)
{
	struct store_raw raw;
	struct err e;

	if (store_bench_commits(luaL_checkstring(L, 1), luaL_checkinteger(L, 2),
				(int)luaL_checkinteger(L, 3),
				(size_t)luaL_checkinteger(L, 4), &raw, &e) != 0)
		return bind_fail(L, &e);
	lua_pushnumber(L, raw.rows_per_s);
	lua_pushnumber(L, raw.p50_us);
	lua_pushnumber(L, raw.p99_us);
	return 3;
}

/* fsync(path, times) -> p50_us */
static int l_fsync(lua_State *L)
{
	double p50;
	struct err e;

	if (store_bench_fsync(luaL_checkstring(L, 1),
			      (int)luaL_checkinteger(L, 2), &p50, &e) != 0)
		return bind_fail(L, &e);
	lua_pushnumber(L, p50);
	return 1;
}

/* scan(path) -> ms, rows */
static int l_scan(lua_State *L)
{
	int64_t rows;
	double ms;
	struct err e;

	if (store_bench_scan(luaL_checkstring(L, 1), &rows, &ms, &e) != 0)
		return bind_fail(L, &e);
	lua_pushnumber(L, ms);
	lua_pushinteger(L, rows);
	return 2;
}

/* rss() -> resident bytes of this process */
static int l_rss(lua_State *L)
{
	long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f != NULL) {
		if (fscanf(f, "%ld %ld", &size, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	lua_pushinteger(L, (lua_Integer)resident * sysconf(_SC_PAGESIZE));
	return 1;
}

int bind_open_bench(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "commits", l_commits }, { "fsync", l_fsync },
		{ "scan", l_scan }, { "rss", l_rss }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
