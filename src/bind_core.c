/* bind_core.c -- small C halves: core.json, core.clock, core.digest, core.ids,
 * core.crash. */
#include "bind_core.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "crash.h"
#include "digest.h"
#include "ids.h"
#include "json.h"

/* decode(text) -> value | nil, message, code */
static int l_json_decode(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct buf *b = bind_buf(L, CODEC_BYTES);
	struct err e;

	if (json_read(text, n, b, &e) != 0)
		return bind_fail(L, &e);
	if (bind_decode(L, b->data, b->len) != 0) {
		err_set(&e, ERR_INPUT, "JSON text is not well-formed UTF-8");
		return bind_fail(L, &e);
	}
	return 1;
}

/* encode(value [, indent]) -> text | nil, message, code */
static int l_json_encode(lua_State *L)
{
	int indent = (int)luaL_optinteger(L, 2, 0);
	struct buf *bytes = bind_buf(L, CODEC_BYTES);
	struct buf *text = bind_buf(L, 4 * CODEC_BYTES);
	struct err e;

	if (bind_encode(L, 1, bytes, &e) != 0 ||
	    json_write(bytes->data, bytes->len, indent, text, &e) != 0)
		return bind_fail(L, &e);
	lua_pushlstring(L, (char *)text->data, text->len);
	return 1;
}

/* pack(value) -> canonical bytes | nil, message, code */
static int l_pack(lua_State *L)
{
	struct buf *b = bind_buf(L, CODEC_BYTES);
	struct err e;

	luaL_checkany(L, 1);
	if (bind_encode(L, 1, b, &e) != 0)
		return bind_fail(L, &e);
	lua_pushlstring(L, (char *)b->data, b->len);
	return 1;
}

/* unpack(bytes) -> value | nil, message, code */
static int l_unpack(lua_State *L)
{
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	struct err e;

	if (bind_decode(L, s, n) != 0) {
		err_set(&e, ERR_DAMAGED, "not a stored value");
		return bind_fail(L, &e);
	}
	return 1;
}

int bind_open_json(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "decode", l_json_decode }, { "encode", l_json_encode },
		{ "pack", l_pack }, { "unpack", l_unpack },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	bind_array_mark(L);
	lua_setfield(L, -2, "array_mt");
	return 1;
}

static int l_now_ms(lua_State *L)
{
	lua_pushinteger(L, clock_now_ms());
	return 1;
}

static int l_mono_us(lua_State *L)
{
	lua_pushinteger(L, clock_mono_us());
	return 1;
}

static int l_cpu_us(lua_State *L)
{
	lua_pushinteger(L, clock_cpu_us());
	return 1;
}

static int l_thread_us(lua_State *L)
{
	lua_pushinteger(L, clock_thread_ns() / 1000);
	return 1;
}

static int l_random(lua_State *L)
{
	uint64_t chance;

	clock_random(&chance, sizeof(chance));
	lua_pushinteger(L, (lua_Integer)chance);
	return 1;
}

int bind_open_clock(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "now_ms", l_now_ms }, { "mono_us", l_mono_us },
		{ "cpu_us", l_cpu_us }, { "thread_us", l_thread_us },
		{ "random", l_random },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}

static int l_sha256(lua_State *L)
{
	unsigned char sum[DIGEST_BYTES];
	char hex[DIGEST_HEX + 1];
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);

	digest_sha256(s, n, sum);
	digest_hex(sum, sizeof(sum), hex);
	lua_pushlstring(L, hex, DIGEST_HEX);
	return 1;
}

static int l_hmac(lua_State *L)
{
	unsigned char sum[DIGEST_BYTES];
	char hex[DIGEST_HEX + 1];
	size_t key_len, n;
	const char *key = luaL_checklstring(L, 1, &key_len);
	const char *s = luaL_checklstring(L, 2, &n);

	digest_hmac(key, key_len, s, n, sum);
	digest_hex(sum, sizeof(sum), hex);
	lua_pushlstring(L, hex, DIGEST_HEX);
	return 1;
}

/* make(prefix, now_ms, chance) -> id */
static int l_make_id(lua_State *L)
{
	char id[IDS_TEXT + 1];

	ids_make(luaL_checkstring(L, 1), luaL_checkinteger(L, 2),
		 (uint64_t)luaL_checkinteger(L, 3), id);
	lua_pushstring(L, id);
	return 1;
}

/* point(name): a place where the process can be told to die (crash.h) */
static int l_crash_point(lua_State *L)
{
	if (crash_armed)
		crash_pass(luaL_checkstring(L, 1));
	return 0;
}

int bind_open_crash(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "point", l_crash_point }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}

int bind_open_digest(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "sha256", l_sha256 }, { "hmac", l_hmac },
		{ "make_id", l_make_id },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
