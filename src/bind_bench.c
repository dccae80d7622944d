#include "bind_bench.h"

#include "sandbox.h"
#include "sandbox_bench.h"
#include "store_bench.h"
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

int bind_open_bench(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "commits", l_commits }, { "fsync", l_fsync },
		{ "scan", l_scan }, { "rss", l_rss },
		{ "vector", l_vector }, { "nearest", l_nearest },
		{ "bare_scan", l_bare_scan },
		{ "raw_side", l_raw_side },
		{ "sandbox_image", l_sandbox_image },
		{ "sandbox_work", l_sandbox_work },
		{ "sandbox_start", l_sandbox_start },
		{ "sandbox_resident", l_sandbox_resident }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
