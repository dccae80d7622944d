/* bind_watch.c -- core.watch.
 *
 *   watch = open(told)           told(folder, what, name): see watch.h; what is
 *                                "changed", "gone", "made", "linked", "writing",
 *                                "lost" or "missed"
 *   watch:folder(path [, writers]) -> number | nil, message, code
 *   watch:news()                 tell what there is now
 *   watch:close()                                                            */
#include "bind_watch.h"

#include "bind_loop.h"
#include "watch.h"

#define WATCH "keel.watch"

struct held {
	struct watch *w;
	lua_State *T;
	int told;		/* reference of the function */
};

static void on_told(void *arg, int folder, enum watch_what what,
		    const char *name)
{
	static const char *const words[] = { "changed", "gone", "made", "linked",
					     "writing", "lost", "missed" };
	struct held *h = arg;

	if (!lua_checkstack(h->T, 8))
		return;
	lua_rawgeti(h->T, LUA_REGISTRYINDEX, h->told);
	lua_pushinteger(h->T, folder);
	lua_pushstring(h->T, words[what]);
	lua_pushstring(h->T, name);
	bind_loop_call(h->T, 3);
}

static int l_close(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, WATCH);

	watch_close(h->w);
	h->w = NULL;
	luaL_unref(L, LUA_REGISTRYINDEX, h->told);
	h->told = LUA_NOREF;
	return 0;
}

static int l_open(lua_State *L)
{
	struct loop *loop = bind_loop(L);
	struct held *h;
	struct err e;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	h = lua_newuserdatauv(L, sizeof(*h), 0);
	*h = (struct held){ .T = bind_loop_thread(L), .told = LUA_NOREF };
	luaL_setmetatable(L, WATCH);
	lua_pushvalue(L, 1);
	h->told = luaL_ref(L, LUA_REGISTRYINDEX);
	if (watch_open(&h->w, loop, on_told, h, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}

static int l_folder(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, WATCH);
	const char *path = luaL_checkstring(L, 2);
	struct err e;
	int folder;

	luaL_argcheck(L, h->w != NULL, 1, "this watch is closed");
	if (watch_folder(h->w, path, lua_toboolean(L, 3), &folder, &e) != 0)
		return bind_fail(L, &e);
	lua_pushinteger(L, folder);
	return 1;
}

static int l_news(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, WATCH);

	luaL_argcheck(L, h->w != NULL, 1, "this watch is closed");
	watch_news(h->w);
	return 0;
}

int bind_open_watch(lua_State *L)
{
	static const luaL_Reg functions[] = { { "open", l_open },
					      { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "folder", l_folder }, { "news", l_news }, { "close", l_close },
		{ "__gc", l_close }, { "__close", l_close }, { NULL, NULL }
	};

	bind_class(L, WATCH, methods);
	bind_module(L, functions);
	return 1;
}
