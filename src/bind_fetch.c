#include "bind_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "bind_loop.h"
#include "fetch.h"

static const char client_key;
#define CALL "keel.fetch"
#define MAX_HEADERS 100

struct call {
	struct fetch_call *c;		/* NULL when it is over             */
	lua_State *thread;
	int self;			/* keeps it alive while it is open  */
};

enum { DONE = 1, ON_DATA = 2 };		/* user values */

/* ---- the client of a state ------------------------------------------------- */

static int close_client(lua_State *L)
{
	struct fetch **slot = lua_touserdata(L, 1);

	fetch_close(*slot);
	*slot = NULL;
	return 0;
}

static struct fetch *client(lua_State *L, struct err *e)
{
	struct loop *loop = bind_loop(L);
	struct fetch **slot;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &client_key);
	slot = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (slot != NULL)
		return *slot;
	slot = lua_newuserdatauv(L, sizeof(*slot), 0);
	*slot = NULL;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, close_client);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	*slot = fetch_open(loop, e);
	if (*slot != NULL) {
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &client_key);
	}
	lua_pop(L, 1);
	return *slot;
}

/* ---- replies ---------------------------------------------------------------- */

static void set_int(lua_State *L, const char *key, int64_t v)
{
	lua_pushinteger(L, v);
	lua_setfield(L, -2, key);
}

static void set_bytes(lua_State *L, const char *key, const struct buf *b)
{
	lua_pushlstring(L, b->len ? (const char *)b->data : "", b->len);
	lua_setfield(L, -2, key);
}

/* Runs protected: it may be short of memory. */
static int push_reply(lua_State *L)
{
	const struct fetch_reply *r = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_createtable(L, 0, 10);
	lua_pushstring(L, fetch_outcome_name(r->outcome));
	lua_setfield(L, -2, "outcome");
	lua_pushstring(L, r->message);
	lua_setfield(L, -2, "message");
	lua_pushboolean(L, r->sent);
	lua_setfield(L, -2, "sent");
	lua_pushboolean(L, r->begun);
	lua_setfield(L, -2, "begun");
	set_int(L, "status", r->status);
	set_int(L, "connect_us", r->connect_us);
	set_int(L, "first_byte_us", r->first_byte_us);
	set_int(L, "total_us", r->total_us);
	set_bytes(L, "header", r->header);
	set_bytes(L, "body", r->body);
	lua_call(L, 1, 0);
	return 0;
}

struct piece {
	const struct fetch_reply *reply;
	const void *p;
	size_t n;
};

static int push_piece(lua_State *L)
{
	const struct piece *it = lua_touserdata(L, 2);

	lua_settop(L, 1);
	lua_pushlstring(L, it->p, it->n);
	lua_pushinteger(L, it->reply->status);
	lua_pushlstring(L, it->reply->header->len ?
			(const char *)it->reply->header->data : "",
			it->reply->header->len);
	lua_call(L, 3, 0);
	return 0;
}

/* The handle stays on the stack meanwhile: the callback may cancel, and so let
 * go of it. */
static void enter(struct call *call, lua_CFunction with, int which,
		  const void *it)
{
	lua_State *T = call->thread;

	if (!lua_checkstack(T, 10))
		return;
	lua_rawgeti(T, LUA_REGISTRYINDEX, call->self);
	lua_pushcfunction(T, with);
	lua_getiuservalue(T, -2, which);
	lua_pushlightuserdata(T, (void *)it);
	bind_loop_call(T, 2);
	if (which == DONE) {
		luaL_unref(T, LUA_REGISTRYINDEX, call->self);
		call->self = LUA_NOREF;
	}
	lua_pop(T, 1);
}

static void on_done(void *arg, const struct fetch_reply *r)
{
	struct call *call = arg;

	call->c = NULL;
	enter(call, push_reply, DONE, r);
}

static void on_data(void *arg, const struct fetch_reply *r, const void *p,
		    size_t n)
{
	struct piece it = { r, p, n };

	enter(arg, push_piece, ON_DATA, &it);
}

/* ---- requests --------------------------------------------------------------- */

static int64_t optional_int(lua_State *L, const char *key)
{
	int64_t v;

	lua_getfield(L, 1, key);
	v = luaL_optinteger(L, -1, 0);
	luaL_argcheck(L, v >= 0, 1, "a limit is not negative");
	lua_pop(L, 1);
	return v;
}

/* The text stays on the stack, where it is safe while we borrow it. */
static const char *text(lua_State *L, const char *key, size_t *n)
{
	lua_getfield(L, 1, key);
	if (lua_isnil(L, -1))
		return NULL;
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "%s must be text", key);
	return lua_tolstring(L, -1, n);
}

static size_t read_headers(lua_State *L, const char **lines)
{
	size_t n, i;

	lua_getfield(L, 1, "headers");
	if (lua_isnil(L, -1))
		return 0;
	luaL_checktype(L, -1, LUA_TTABLE);
	n = lua_rawlen(L, -1);
	luaL_argcheck(L, n <= MAX_HEADERS, 1, "too many headers");
	luaL_checkstack(L, MAX_HEADERS + 20, "too many headers");
	for (i = 0; i < n; i++) {
		lua_rawgeti(L, -1 - (int)i, (lua_Integer)i + 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "header %d is not text", (int)i + 1);
		lines[i] = lua_tostring(L, -1);
	}
	return n;
}

static void read_request(lua_State *L, struct fetch_request *r,
			 const char **lines)
{
	struct fetch_limits *l = &r->limits;

	luaL_checktype(L, 1, LUA_TTABLE);
	l->connect_ms = optional_int(L, "connect_ms");
	l->first_byte_ms = optional_int(L, "first_byte_ms");
	l->stall_ms = optional_int(L, "stall_ms");
	l->total_ms = optional_int(L, "total_ms");
	l->header_bytes = (size_t)optional_int(L, "header_bytes");
	l->body_bytes = (size_t)optional_int(L, "body_bytes");
	r->method = text(L, "method", NULL);
	r->url = text(L, "url", NULL);
	luaL_argcheck(L, r->url != NULL, 1, "a request needs a url");
	r->ca_file = text(L, "ca_file", NULL);
	r->body = text(L, "body", &r->body_len);
	lua_getfield(L, 1, "public_only");
	r->public_only = lua_toboolean(L, -1);
	lua_pop(L, 1);
	r->headers = lines;
	r->header_count = read_headers(L, lines);
}

/* start(request, done [, on_data]) -> call | nil, message, code
 * request: { url, method, headers = { "Name: value" }, body, ca_file, public_only, and the
 * limits of fetch.h }. done(reply), on_data(piece, status, header). */
static int l_start(lua_State *L)
{
	const char *lines[MAX_HEADERS];
	struct fetch_request r = { 0 };
	struct call *call;
	struct fetch *f;
	struct err e;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	if (!lua_isnoneornil(L, 3))
		luaL_checktype(L, 3, LUA_TFUNCTION);
	lua_settop(L, 3);
	read_request(L, &r, lines);
	f = client(L, &e);
	if (f == NULL)
		return bind_fail(L, &e);
	call = lua_newuserdatauv(L, sizeof(*call), 2);
	*call = (struct call){ NULL, bind_loop_thread(L), LUA_NOREF };
	luaL_setmetatable(L, CALL);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, DONE);
	lua_pushvalue(L, 3);
	lua_setiuservalue(L, -2, ON_DATA);
	lua_pushvalue(L, -1);
	call->self = luaL_ref(L, LUA_REGISTRYINDEX);
	r.on_data = lua_isnil(L, 3) ? NULL : on_data;
	r.done = on_done;
	r.arg = call;
	call->c = fetch_start(f, &r, &e);
	if (call->c != NULL)
		return 1;
	luaL_unref(L, LUA_REGISTRYINDEX, call->self);
	call->self = LUA_NOREF;
	return bind_fail(L, &e);
}

static int l_cancel(lua_State *L)
{
	struct call *call = luaL_checkudata(L, 1, CALL);

	if (call->c != NULL)
		fetch_cancel(call->c);
	call->c = NULL;
	luaL_unref(L, LUA_REGISTRYINDEX, call->self);
	call->self = LUA_NOREF;
	return 0;
}

/* ---- header lines -------------------------------------------------------------- */

static size_t line_end(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\r' && p[i] != '\n')
		i++;
	return i;
}

/* "Name: value" into the table at the top; a name that repeats is joined by ", ". */
static void add_header(lua_State *L, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	size_t len = colon != NULL ? (size_t)(colon - p) : 0, i, from, to = n;
	char name[128];

	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len == 0 || len > sizeof(name))
		return;
	for (i = 0; i < len; i++) {
		if ((unsigned char)p[i] <= ' ')
			return;
		name[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
	}
	for (from = (size_t)(colon - p) + 1; from < n && (unsigned char)p[from] <= ' '; )
		from++;
	while (to > from && (unsigned char)p[to - 1] <= ' ')
		to--;
	lua_pushlstring(L, name, len);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_pushlstring(L, p + from, to - from);
	} else {
		lua_pushliteral(L, ", ");
		lua_pushlstring(L, p + from, to - from);
		lua_concat(L, 3);
	}
	lua_rawset(L, -3);
}

/* headers(text) -> { ["content-type"] = "...", ... } */
static int l_headers(lua_State *L)
{
	size_t n, len;
	const char *p = luaL_checklstring(L, 1, &n);

	lua_createtable(L, 0, 8);
	while (n > 0) {
		len = line_end(p, n);
		if (len > 0)
			add_header(L, p, len);
		else
			len = 1;
		p += len;
		n -= len;
	}
	return 1;
}

/* is_public("10.0.0.1") -> whether that address lies in the open internet */
static int l_is_public(lua_State *L)
{
	lua_pushboolean(L, address_text_is_public(luaL_checkstring(L, 1)));
	return 1;
}

int bind_open_fetch(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "start", l_start }, { "headers", l_headers },
		{ "is_public", l_is_public }, { NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "cancel", l_cancel }, { NULL, NULL }
	};

	if (luaL_newmetatable(L, CALL)) {
		lua_pushcfunction(L, l_cancel);
		lua_setfield(L, -2, "__gc");
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
	}
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
