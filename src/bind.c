#include "bind.h"

#include <lfuel.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char array_key, guard_key, buf_key;

/* ---- guards ---------------------------------------------------------- */

static int guard_close(lua_State *L)
{
	void **slot = lua_touserdata(L, 1);

	if (slot != NULL) {
		free(*slot);
		*slot = NULL;
	}
	return 0;
}

static int buf_close(lua_State *L)
{
	struct buf *b = lua_touserdata(L, 1);

	if (b != NULL)
		buf_release(b);
	return 0;
}

/* Calling __close wants memory itself, so __gc stands behind it. */
static void closing_meta(lua_State *L, const void *key, lua_CFunction close)
{
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, close);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, close);
	lua_setfield(L, -2, "__close");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void bind_open(lua_State *L)
{
	closing_meta(L, &guard_key, guard_close);
	closing_meta(L, &buf_key, buf_close);
	lua_createtable(L, 0, 2);
	lua_pushliteral(L, "array");
	lua_setfield(L, -2, "__metatable");
	lua_pushliteral(L, "array");
	lua_setfield(L, -2, "__name");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void bind_array_mark(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
}

void **bind_guard(lua_State *L)
{
	void **slot = lua_newuserdatauv(L, sizeof(*slot), 0);

	*slot = NULL;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &guard_key);
	lua_setmetatable(L, -2);
	lua_toclose(L, -1);
	return slot;
}

struct buf *bind_buf(lua_State *L, size_t limit)
{
	struct buf *b = lua_newuserdatauv(L, sizeof(*b), 0);

	buf_init(b, limit);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &buf_key);
	lua_setmetatable(L, -2);
	lua_toclose(L, -1);
	return b;
}

int bind_fail(lua_State *L, const struct err *e)
{
	lua_pushnil(L);
	lua_pushstring(L, e->msg);
	lua_pushstring(L, err_name(e->code));
	return 3;
}

/* ---- bytes -> Lua value ---------------------------------------------- */

static void decode(lua_State *L, struct codec_reader *r)
{
	const unsigned char *key;
	struct codec_item it;
	size_t i, n;

	luaL_checkstack(L, 4, "value nests too deep");
	lua_charge(L, 5);
	codec_next(r, &it);
	switch (it.type) {
	case CODEC_NULL:
		lua_pushlightuserdata(L, NULL);
		return;
	case CODEC_FALSE:
	case CODEC_TRUE:
		lua_pushboolean(L, it.type == CODEC_TRUE);
		return;
	case CODEC_INT:
		lua_pushinteger(L, it.integer);
		return;
	case CODEC_FLOAT:
		lua_pushnumber(L, it.number);
		return;
	case CODEC_STRING:
		lua_charge(L, 12 + (lua_Integer)(2 * it.len - codec_ascii(it.bytes, it.len)) / 8);
		lua_pushlstring(L, (const char *)it.bytes, it.len);
		return;
	case CODEC_ARRAY:
		lua_createtable(L, (int)it.len, 0);
		for (i = 0; i < it.len; i++) {
			decode(L, r);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		if (it.len == 0) {
			bind_array_mark(L);
			lua_setmetatable(L, -2);
		}
		return;
	case CODEC_OBJECT:
		lua_createtable(L, 0, (int)it.len);
		for (i = 0; i < it.len; i++) {
			codec_next_key(r, &key, &n);
			lua_charge(L, 28 + (lua_Integer)(n >> 2));
			lua_pushlstring(L, (const char *)key, n);
			decode(L, r);
			lua_rawset(L, -3);
		}
		return;
	}
}

int bind_decode(lua_State *L, const void *p, size_t n)
{
	struct codec_reader r;

	if (codec_check(p, n) != 0)
		return ERR_DAMAGED;
	codec_read(&r, p, n);
	decode(L, &r);
	return 0;
}

void bind_class(lua_State *L, const char *name, const luaL_Reg *methods)
{
	luaL_newmetatable(L, name);
	luaL_setfuncs(L, methods, 0);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}
