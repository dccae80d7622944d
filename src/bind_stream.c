#include "bind_stream.h"

#include <string.h>

#include "bind_loop.h"
#include "stream.h"

#define STREAM "keel.stream"

struct handle {
	struct stream *s;		/* NULL when it was closed         */
	lua_State *thread;
	int self;			/* keeps it alive while it is open */
};

/* ---- callbacks --------------------------------------------------------------- */

struct event {
	const char *name;
	const void *p;
	size_t n;
	const struct stream_end *end;
};

/* Runs protected: it may be short of memory. */
static int push_event(lua_State *L)
{
	const struct event *it = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushstring(L, it->name);
	lua_pushlstring(L, it->n > 0 ? it->p : "", it->n);
	if (it->end == NULL) {
		lua_call(L, 2, 0);
		return 0;
	}
	lua_pushstring(L, stream_outcome_name(it->end->outcome));
	lua_pushstring(L, it->end->message);
	lua_pushinteger(L, it->end->status);
	lua_call(L, 5, 0);
	return 0;
}

/* The handle stays on the stack meanwhile: the callback may close it. */
static void enter(struct handle *h, const struct event *it)
{
	lua_State *T = h->thread;

	if (!lua_checkstack(T, 10))
		return;
	lua_rawgeti(T, LUA_REGISTRYINDEX, h->self);
	lua_pushcfunction(T, push_event);
	lua_getiuservalue(T, -2, 1);
	lua_pushlightuserdata(T, (void *)it);
	bind_loop_call(T, 2);
	if (it->end != NULL) {
		luaL_unref(T, LUA_REGISTRYINDEX, h->self);
		h->self = LUA_NOREF;
	}
	lua_pop(T, 1);
}

static void on_open(void *arg, const struct buf *said)
{
	struct event it = { "open", said->data, said->len, NULL };

	enter(arg, &it);
}

static void on_data(void *arg, const void *p, size_t n)
{
	struct event it = { "data", p, n, NULL };

	enter(arg, &it);
}

static void on_end(void *arg, const struct stream_end *end)
{
	struct event it = { "end", end->said->data, end->said->len, end };

	enter(arg, &it);
}

/* ---- functions ----------------------------------------------------------------- */

/* The text stays on the stack, where it is safe while we borrow it. */
static const char *text(lua_State *L, const char *key)
{
	size_t n;
	const char *s;

	lua_getfield(L, 1, key);
	if (lua_isnil(L, -1))
		return NULL;
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "%s must be text", key);
	s = lua_tolstring(L, -1, &n);
	luaL_argcheck(L, strlen(s) == n, 1, "a text has a zero byte");
	return s;
}

static void read_request(lua_State *L, struct stream_request *r)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	r->url = text(L, "url");
	luaL_argcheck(L, r->url != NULL, 1, "a connection needs a url");
	r->user = text(L, "user");
	r->password = text(L, "password");
	r->ca_file = text(L, "ca_file");
	lua_getfield(L, 1, "starttls");
	r->starttls = lua_toboolean(L, -1);
	lua_getfield(L, 1, "connect_ms");
	r->connect_ms = luaL_optinteger(L, -1, 0);
	r->on_open = on_open;
	r->on_data = on_data;
	r->on_end = on_end;
}

/* start({ url, user, password, ca_file, starttls, connect_ms }, on) -> stream | nil, message, code
 * on("open", said), on("data", bytes), on("end", said, outcome, message, status). */
static int l_start(lua_State *L)
{
	struct stream_request r = { 0 };
	struct handle *h;
	struct loop *loop;
	struct err e;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	read_request(L, &r);
	loop = bind_loop(L);
	h = lua_newuserdatauv(L, sizeof(*h), 1);
	*h = (struct handle){ NULL, bind_loop_thread(L), LUA_NOREF };
	luaL_setmetatable(L, STREAM);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, 1);
	lua_pushvalue(L, -1);
	h->self = luaL_ref(L, LUA_REGISTRYINDEX);
	r.arg = h;
	h->s = stream_open(loop, &r, &e);
	if (h->s != NULL)
		return 1;
	luaL_unref(L, LUA_REGISTRYINDEX, h->self);
	h->self = LUA_NOREF;
	return bind_fail(L, &e);
}

static struct stream *check_stream(lua_State *L)
{
	struct handle *h = luaL_checkudata(L, 1, STREAM);

	luaL_argcheck(L, h->s != NULL, 1, "the connection was closed");
	return h->s;
}

static int l_write(lua_State *L)
{
	struct stream *s = check_stream(L);
	struct err e;
	size_t n;
	const char *p = luaL_checklstring(L, 2, &n);

	if (stream_write(s, p, n, &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_unsent(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)stream_unsent(check_stream(L)));
	return 1;
}

static int l_close(lua_State *L)
{
	struct handle *h = luaL_checkudata(L, 1, STREAM);

	stream_close(h->s);
	h->s = NULL;
	luaL_unref(L, LUA_REGISTRYINDEX, h->self);
	h->self = LUA_NOREF;
	return 0;
}

int bind_open_stream(lua_State *L)
{
	static const luaL_Reg functions[] = { { "start", l_start }, { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "write", l_write }, { "unsent", l_unsent }, { "close", l_close },
		{ NULL, NULL }
	};

	if (luaL_newmetatable(L, STREAM)) {
		lua_pushcfunction(L, l_close);
		lua_setfield(L, -2, "__gc");
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
	}
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
