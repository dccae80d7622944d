/* bind_line.c -- core.line.
 *
 *   l = open(name, complete) -> l | nil, message, code
 *       complete(text, cursor, again) -> erase, insert, list: see line.h; cursor is
 *       the number of bytes before it
 *   l:read(prompt) -> text | nil, "eof" | nil, "interrupt" | nil, message, code
 *   l:remember(text)
 *   l:close()                                                                  */
#include "bind_line.h"

#include "bind_loop.h"
#include "line.h"

#define LINE "keel.line"

struct held {
	struct line *l;
	lua_State *T;		/* who reads: the completion is called there */
	int complete;		/* reference of the function */
};

/* What the function returned stays in the stack of T, and so its texts live. */
static void on_complete(void *arg, const char *text, size_t cursor, bool again,
			struct line_completion *out)
{
	struct held *h = arg;
	lua_State *L = h->T;

	if (!lua_checkstack(L, 8))
		return;
	lua_settop(L, 2);
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->complete);
	lua_pushstring(L, text);
	lua_pushinteger(L, (lua_Integer)cursor);
	lua_pushboolean(L, again);
	if (lua_pcall(L, 3, 3, 0) != LUA_OK) {
		out->list = lua_tostring(L, -1);
		return;
	}
	out->erase = (size_t)lua_tointeger(L, -3);
	out->insert = lua_isstring(L, -2) ? lua_tostring(L, -2) : NULL;
	out->list = lua_isstring(L, -1) ? lua_tostring(L, -1) : NULL;
}

static struct held *check(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, LINE);

	luaL_argcheck(L, h->l != NULL, 1, "it is closed");
	return h;
}

static int l_close(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, LINE);

	line_close(h->l);
	h->l = NULL;
	luaL_unref(L, LUA_REGISTRYINDEX, h->complete);
	h->complete = LUA_NOREF;
	return 0;
}

static int l_open(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct loop *loop = bind_loop(L);
	struct line_hooks hooks = { .complete = on_complete };
	struct held *h;
	struct err e;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	h = lua_newuserdatauv(L, sizeof(*h), 0);
	*h = (struct held){ .complete = LUA_NOREF };
	luaL_setmetatable(L, LINE);
	lua_pushvalue(L, 2);
	h->complete = luaL_ref(L, LUA_REGISTRYINDEX);
	hooks.arg = h;
	if (line_open(&h->l, loop, name, &hooks, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}

static int l_read(lua_State *L)
{
	struct held *h = check(L);
	const char *prompt = luaL_checkstring(L, 2), *text = NULL;
	struct err e;
	int rc;

	lua_settop(L, 2);
	h->T = L;
	rc = line_read(h->l, prompt, &text, &e);
	lua_settop(L, 2);
	if (rc < 0)
		return bind_fail(L, &e);
	if (rc == LINE_TEXT) {
		lua_pushstring(L, text);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, rc == LINE_EOF ? "eof" : "interrupt");
	return 2;
}

static int l_remember(lua_State *L)
{
	struct held *h = check(L);
	struct err e;

	if (line_remember(h->l, luaL_checkstring(L, 2), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

int bind_open_line(lua_State *L)
{
	static const luaL_Reg functions[] = { { "open", l_open },
					      { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "read", l_read }, { "remember", l_remember },
		{ "close", l_close }, { "__gc", l_close },
		{ "__close", l_close }, { NULL, NULL }
	};

	bind_class(L, LINE, methods);
	bind_module(L, functions);
	return 1;
}
