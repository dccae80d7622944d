#include "bind_bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch_bench.h"
#include "sandbox.h"
#include "sandbox_bench.h"
#include "store_bench.h"
#include "stub.h"
#include "vec.h"
#include "vec_bench.h"

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

/* damage(path, sql) -> true | nil, message, code: see store_bench_damage */
static int l_damage(lua_State *L)
{
	struct err e;

	if (store_bench_damage(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

/* rss() -> resident bytes of this process */
static int l_rss(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)sandbox_bench_rss());
	return 1;
}

/* raw_side() -> what sandboxes are compared with, in words */
static int l_raw_side(lua_State *L)
{
	lua_pushstring(L, sandbox_bench_raw->name);
	return 1;
}

static int pair(lua_State *L, int rc, const double out[2])
{
	if (rc != 0)
		return luaL_error(L, "a script of the bench does not run");
	lua_pushnumber(L, out[0]);
	lua_pushnumber(L, out[1]);
	return 2;
}

/* sandbox_work(text, rounds) -> best ns in a sandbox, and raw */
static int l_sandbox_work(lua_State *L)
{
	double out[2];
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);

	return pair(L, sandbox_bench_work(text, n, (int)luaL_checkinteger(L, 2),
					  out), out);
}

/* sandbox_start(text, times, cold) -> median us in a sandbox, and raw; `cold` bytes
 * of other memory are touched in between */
static int l_sandbox_start(lua_State *L)
{
	double out[2];
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);

	return pair(L, sandbox_bench_start(text, n, (int)luaL_checkinteger(L, 2),
					   (size_t)luaL_checkinteger(L, 3), out), out);
}

/* sandbox_resident(text, n) -> resident bytes of a sandbox, and raw, of n that stand
 * side by side; and bytes that a sandbox counts */
static int l_sandbox_resident(lua_State *L)
{
	double rss[2], counted = 0;
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	int rc = sandbox_bench_resident(text, n, (int)luaL_checkinteger(L, 2),
					&counted, rss);

	pair(L, rc, rss);
	lua_pushnumber(L, counted);
	return 3;
}

/* sandbox_image() -> bytes that are copied to open a sandbox */
static int l_sandbox_image(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)sandbox_image_bytes());
	return 1;
}

/* vector(i, dim) -> int8 bytes of an invented vector */
static int l_vector(lua_State *L)
{
	lua_Integer i = luaL_checkinteger(L, 1), dim = luaL_checkinteger(L, 2);
	int8_t bytes[VEC_DIM_MAX];
	float v[VEC_DIM_MAX];

	luaL_argcheck(L, dim >= 1 && dim <= VEC_DIM_MAX, 2, "1 to 4096");
	vec_bench_row((uint64_t)i, (size_t)dim, v);
	vec_quantise(v, (size_t)dim, bytes);
	lua_pushlstring(L, (const char *)bytes, (size_t)dim);
	return 1;
}

/* nearest(query, n, dim, k) -> list of the rows (from 0) that are nearest by floats */
static int l_nearest(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 2), dim = luaL_checkinteger(L, 3);
	lua_Integer k = luaL_checkinteger(L, 4), i;
	uint64_t best[100];

	luaL_argcheck(L, dim >= 1 && dim <= VEC_DIM_MAX, 3, "1 to 4096");
	luaL_argcheck(L, k >= 1 && k <= 100 && k <= n, 4, "1 to 100");
	if (vec_bench_nearest((uint64_t)luaL_checkinteger(L, 1), (size_t)n,
			      (size_t)dim, (size_t)k, best) != 0)
		return luaL_error(L, "not enough memory");
	lua_createtable(L, (int)k, 0);
	for (i = 0; i < k; i++) {
		lua_pushinteger(L, (lua_Integer)best[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* bare_scan(n, dim, times) -> ms of a bare scan, the median */
static int l_bare_scan(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 1), dim = luaL_checkinteger(L, 2);
	double ms;

	luaL_argcheck(L, dim >= 1 && dim <= VEC_DIM_MAX, 2, "1 to 4096");
	ms = vec_bench_scan((size_t)n, (size_t)dim, (int)luaL_checkinteger(L, 3));
	if (ms < 0)
		return luaL_error(L, "not enough memory");
	lua_pushnumber(L, ms);
	return 1;
}

static void say_port(int port)
{
	printf("%d\n", port);
	fflush(stdout);
}

/* stub(): serve as stub.h says until killed; prints the port first. */
static int l_stub(lua_State *L)
{
	struct err e;

	stub_serve(say_port, &e);
	return bind_fail(L, &e);
}

/* pin(cpu): this thread, and those that it starts, run there alone. -> true when the
 * system does it */
static int l_pin(lua_State *L)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)luaL_checkinteger(L, 1), &set);
	lua_pushboolean(L, sched_setaffinity(0, sizeof(set), &set) == 0);
	return 1;
}

/* cpus() -> the numbers of those we may run on */
static int l_cpus(lua_State *L)
{
	cpu_set_t set;
	int i, n = 0;

	lua_newtable(L);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((size_t)i, &set)) {
			lua_pushinteger(L, i);
			lua_rawseti(L, -2, ++n);
		}
	return 1;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* fetch(url, headers, body, concurrency, calls) -> p50_us, p99_us, wall_us of a bare
 * client, what the server held back taken off | nil, message, code */
static int l_fetch(lua_State *L)
{
	struct fetch_bench b = { .url = luaL_checkstring(L, 1) };
	const char *headers[20];
	int64_t *us, wall;
	struct err e;
	size_t i;

	luaL_checktype(L, 2, LUA_TTABLE);
	b.body = luaL_checklstring(L, 3, &b.len);
	b.concurrency = (int)luaL_checkinteger(L, 4);
	b.calls = (int)luaL_checkinteger(L, 5);
	luaL_argcheck(L, b.concurrency > 0 && b.concurrency <= 4096, 4, "1 to 4096");
	luaL_argcheck(L, b.calls >= b.concurrency, 5, "fewer than at once");
	b.header_count = lua_rawlen(L, 2);
	luaL_argcheck(L, b.header_count <= 20, 2, "too many headers");
	for (i = 0; i < b.header_count; i++) {
		lua_rawgeti(L, 2, (lua_Integer)i + 1);
		headers[i] = luaL_checkstring(L, -1);
	}
	b.headers = headers;
	us = lua_newuserdatauv(L, (size_t)b.calls * sizeof(*us), 0);
	if (fetch_bench(&b, us, &wall, &e) != 0)
		return bind_fail(L, &e);
	qsort(us, (size_t)b.calls, sizeof(*us), by_number);
	lua_pushinteger(L, us[b.calls / 2]);
	lua_pushinteger(L, us[b.calls - 1 - b.calls / 100]);
	lua_pushinteger(L, wall);
	return 3;
}

int bind_open_bench(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "commits", l_commits }, { "fsync", l_fsync },
		{ "scan", l_scan }, { "damage", l_damage }, { "rss", l_rss },
		{ "vector", l_vector }, { "nearest", l_nearest },
		{ "bare_scan", l_bare_scan },
		{ "raw_side", l_raw_side }, { "stub", l_stub },
		{ "pin", l_pin }, { "cpus", l_cpus }, { "fetch", l_fetch },
		{ "sandbox_image", l_sandbox_image },
		{ "sandbox_work", l_sandbox_work },
		{ "sandbox_start", l_sandbox_start },
		{ "sandbox_resident", l_sandbox_resident }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
