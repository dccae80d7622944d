/* bind_socket.c -- core.socket.
 *
 *   server = listen(path, line_limit, hooks [, keep])  | nil, message, code
 *        keep: a role for which the supervisor keeps the socket (supervise.h)
 *   conn = connect(path, line_limit, hooks)       | nil, message, code
 *   server:close()
 *   conn:send(text) -> true | nil, message, code  conn:finish()   conn:close()
 *
 * hooks = { line = function(conn, text), closed = function(conn, message) };
 * a server has one table of them for all its connections. A connection that was
 * closed stays a value on which send fails. */
#include "bind_socket.h"

#include "bind_loop.h"
#include "socket.h"
#include "supervise.h"

#define SERVER "keel.socket.server"
#define CONN "keel.socket"

static const char conns_key;	/* registry: struct socket * -> userdata */

struct held_server {
	struct socket_server *v;
	lua_State *T;
	int hooks;		/* reference */
};

struct held_conn {
	struct socket *s;
};

static void forget(lua_State *L, struct socket *s)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &conns_key);
	lua_pushnil(L);
	lua_rawsetp(L, -2, s);
	lua_pop(L, 1);
}

/* Push a new connection that keeps itself and the hooks at idx alive. The socket
 * is put in by own(). */
static struct held_conn *push_conn(lua_State *L, int hooks)
{
	struct held_conn *c;

	hooks = lua_absindex(L, hooks);
	c = lua_newuserdatauv(L, sizeof(*c), 1);
	c->s = NULL;
	luaL_setmetatable(L, CONN);
	lua_pushvalue(L, hooks);
	lua_setiuservalue(L, -2, 1);
	return c;
}

static void own(lua_State *L, struct held_conn *c, struct socket *s)
{
	c->s = s;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &conns_key);
	lua_pushvalue(L, -2);
	lua_rawsetp(L, -2, s);
	lua_pop(L, 1);
}

/* Push hooks[name] and the connection; false, with nothing pushed, without. */
static bool push_hook(lua_State *T, struct socket *s, const char *name)
{
	if (!lua_checkstack(T, 12))
		return false;
	lua_rawgetp(T, LUA_REGISTRYINDEX, &conns_key);
	if (lua_rawgetp(T, -1, s) != LUA_TUSERDATA) {
		lua_pop(T, 2);
		return false;
	}
	lua_getiuservalue(T, -1, 1);
	lua_getfield(T, -1, name);
	lua_replace(T, -4);		/* fn, conn, hooks */
	lua_pop(T, 1);
	if (lua_isfunction(T, -2))
		return true;
	lua_pop(T, 2);
	return false;
}

static void on_line(void *arg, struct socket *s, const char *p, size_t n)
{
	lua_State *T = arg;

	if (!push_hook(T, s, "line"))
		return;
	lua_pushlstring(T, p, n);
	bind_loop_call(T, 2);
}

static void on_closed(void *arg, struct socket *s, const struct err *why)
{
	lua_State *T = arg;
	struct held_conn *c;
	bool told = push_hook(T, s, "closed");

	lua_rawgetp(T, LUA_REGISTRYINDEX, &conns_key);
	lua_rawgetp(T, -1, s);
	c = lua_touserdata(T, -1);
	if (c != NULL)
		c->s = NULL;
	lua_pop(T, 2);
	forget(T, s);
	if (!told)
		return;
	lua_pushstring(T, why != NULL ? why->msg : NULL);
	bind_loop_call(T, 2);
}

static int accept_in_lua(lua_State *L)
{
	struct held_server *h = lua_touserdata(L, 1);
	struct socket *s = lua_touserdata(L, 2);

	lua_rawgeti(L, LUA_REGISTRYINDEX, h->hooks);
	own(L, push_conn(L, -1), s);
	return 0;
}

static void on_accepted(void *arg, struct socket *s)
{
	struct held_server *h = arg;

	if (!lua_checkstack(h->T, 8))
		return;
	lua_pushcfunction(h->T, accept_in_lua);
	lua_pushlightuserdata(h->T, h);
	lua_pushlightuserdata(h->T, s);
	bind_loop_call(h->T, 2);
}

static void server_line(void *arg, struct socket *s, const char *p, size_t n)
{
	on_line(((struct held_server *)arg)->T, s, p, n);
}

static void server_closed(void *arg, struct socket *s, const struct err *why)
{
	on_closed(((struct held_server *)arg)->T, s, why);
}

/* ---- functions ------------------------------------------------------------ */

static int l_listen(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	lua_Integer limit = luaL_checkinteger(L, 2);
	struct socket_hooks hooks = { on_accepted, server_line, server_closed,
				      NULL };
	struct loop *loop = bind_loop(L);
	const char *role = luaL_optstring(L, 4, NULL);
	struct held_server *h;
	struct err e;
	int fd;

	luaL_argcheck(L, limit > 0, 2, "a limit is above 0");
	luaL_checktype(L, 3, LUA_TTABLE);
	h = lua_newuserdatauv(L, sizeof(*h), 0);
	*h = (struct held_server){ .T = bind_loop_thread(L),
				   .hooks = LUA_NOREF };
	luaL_setmetatable(L, SERVER);
	lua_pushvalue(L, 3);
	h->hooks = luaL_ref(L, LUA_REGISTRYINDEX);
	hooks.arg = h;
	fd = role != NULL ? supervise_kept(role, path) : -1;
	if (fd >= 0 && socket_adopt(&h->v, loop, fd, path, (size_t)limit, &hooks,
				    &e) == 0)
		return 1;
	if (socket_listen(&h->v, loop, path, (size_t)limit, &hooks, &e) != 0)
		return bind_fail(L, &e);
	if (role != NULL)
		supervise_keep(role, path, socket_of(h->v));
	return 1;
}

/* The connections of a server end with it; their values learn it here. */
static void orphan_all(lua_State *L, int hooks)
{
	struct held_conn *c;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &conns_key);
	lua_rawgeti(L, LUA_REGISTRYINDEX, hooks);
	lua_pushnil(L);
	while (lua_next(L, -3) != 0) {
		c = lua_touserdata(L, -1);
		lua_getiuservalue(L, -1, 1);
		if (lua_rawequal(L, -1, -4)) {
			c->s = NULL;
			lua_pushvalue(L, -3);
			lua_pushnil(L);
			lua_rawset(L, -7);
		}
		lua_pop(L, 2);
	}
	lua_pop(L, 2);
}

static int l_server_close(lua_State *L)
{
	struct held_server *h = luaL_checkudata(L, 1, SERVER);

	if (h->v == NULL)
		return 0;
	socket_unlisten(h->v);
	h->v = NULL;
	orphan_all(L, h->hooks);
	luaL_unref(L, LUA_REGISTRYINDEX, h->hooks);
	h->hooks = LUA_NOREF;
	return 0;
}

static int l_connect(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	lua_Integer limit = luaL_checkinteger(L, 2);
	struct loop *loop = bind_loop(L);
	struct socket_hooks hooks = { NULL, on_line, on_closed,
				      bind_loop_thread(L) };
	struct held_conn *c;
	struct socket *s;
	struct err e;

	luaL_argcheck(L, limit > 0, 2, "a limit is above 0");
	luaL_checktype(L, 3, LUA_TTABLE);
	c = push_conn(L, 3);
	if (socket_connect(&s, loop, path, (size_t)limit, &hooks, &e) != 0)
		return bind_fail(L, &e);
	own(L, c, s);
	return 1;
}

static int l_send(lua_State *L)
{
	struct held_conn *c = luaL_checkudata(L, 1, CONN);
	size_t n;
	const char *p = luaL_checklstring(L, 2, &n);
	struct err e;

	if (c->s == NULL) {
		err_set(&e, ERR_STATE, "the connection is closed");
		return bind_fail(L, &e);
	}
	if (socket_send(c->s, p, n, &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_finish(lua_State *L)
{
	struct held_conn *c = luaL_checkudata(L, 1, CONN);

	if (c->s != NULL)
		socket_finish(c->s);
	return 0;
}

static int l_conn_close(lua_State *L)
{
	struct held_conn *c = luaL_checkudata(L, 1, CONN);
	struct socket *s = c->s;

	if (s == NULL)
		return 0;
	c->s = NULL;
	forget(L, s);
	socket_close(s);
	return 0;
}

int bind_open_socket(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "listen", l_listen }, { "connect", l_connect },
		{ NULL, NULL }
	};
	static const luaL_Reg server_methods[] = {
		{ "close", l_server_close }, { "__gc", l_server_close },
		{ "__close", l_server_close }, { NULL, NULL }
	};
	static const luaL_Reg conn_methods[] = {
		{ "send", l_send }, { "finish", l_finish },
		{ "close", l_conn_close }, { "__gc", l_conn_close },
		{ NULL, NULL }
	};

	bind_class(L, SERVER, server_methods);
	bind_class(L, CONN, conn_methods);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &conns_key);
	bind_module(L, functions);
	return 1;
}
