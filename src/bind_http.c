/* bind_http.c -- core.http.
 *
 *   server = listen(host, port, { body_bytes, idle_s, head_ms, whole_ms,
 *        connections, keep }, told)
 *        keep: a role for which the supervisor keeps the socket (supervise.h)
 *   server:port()   server:close()
 *   told(request, answer, stream): request = { method, path, headers, query, body }, the
 *        names of headers in small letters, what repeats joined by ", ";
 *        answer(status, { name = value }, body) once, now or later; or
 *        stream(status, { name = value }, ceiling, gone) -> s | nil: an answer
 *        that goes on. s:send(text) -> whether the client still takes it;
 *        s:close(); gone() when the client left or lagged behind by `ceiling`
 *   gzip(text) -> the text, packed
 *   same(a, b) -> whether two texts are equal, in constant time               */
#include "bind_http.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "bind_loop.h"
#include "http.h"
#include "supervise.h"

#define SERVER "keel.http.server"
#define REQUEST "keel.http.request"
#define STREAM "keel.http.stream"
#define HEADERS 32

struct held {
	struct http *h;
	lua_State *T;
	int told;
};

struct held_request {
	struct http_request *q;		/* NULL once answered: http_hold */
};

/* ---- telling --------------------------------------------------------------- */

struct gather {
	lua_State *L;
	bool small;	/* names in small letters */
};

static void push_name(struct gather *g, const char *name)
{
	luaL_Buffer b;
	const char *p;

	luaL_buffinit(g->L, &b);
	for (p = name; *p != 0; p++)
		luaL_addchar(&b, g->small && *p >= 'A' && *p <= 'Z' ?
			     (char)(*p + 32) : *p);
	luaL_pushresult(&b);
}

static void add_value(void *arg, const char *name, const char *value)
{
	struct gather *g = arg;
	lua_State *L = g->L;

	push_name(g, name);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TSTRING)
		lua_pushfstring(L, "%s, %s", lua_tostring(L, -1),
				value != NULL ? value : "");
	else
		lua_pushstring(L, value != NULL ? value : "");
	lua_remove(L, -2);
	lua_rawset(L, -3);
}

static void push_values(lua_State *L, struct http_request *q,
			enum http_part part, const char *field)
{
	struct gather g = { L, part == HTTP_HEADER };

	lua_newtable(L);
	http_each(q, part, add_value, &g);
	lua_setfield(L, -2, field);
}

static int l_answer(lua_State *L);
static int l_stream(lua_State *L);

/* (held, request) in a protected call, so that nothing here can escape through
 * the frames of the library */
static int tell_in_lua(lua_State *L)
{
	struct held *h = lua_touserdata(L, 1);
	struct held_request *r = lua_touserdata(L, 2);
	struct http_request *q = r->q;
	size_t n;
	const void *body = http_body(q, &n);

	lua_rawgeti(L, LUA_REGISTRYINDEX, h->told);
	lua_createtable(L, 0, 5);
	lua_pushstring(L, http_method(q));
	lua_setfield(L, -2, "method");
	lua_pushstring(L, http_path(q));
	lua_setfield(L, -2, "path");
	lua_pushlstring(L, n > 0 ? body : "", n);
	lua_setfield(L, -2, "body");
	push_values(L, q, HTTP_HEADER, "headers");
	push_values(L, q, HTTP_QUERY, "query");
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, l_answer, 1);
	lua_pushlightuserdata(L, h);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, l_stream, 2);
	lua_call(L, 3, 0);
	return 0;
}

static int make_request(lua_State *L)
{
	struct held_request *r = lua_newuserdatauv(L, sizeof(*r), 0);

	r->q = lua_touserdata(L, 1);
	http_hold(r->q, &r->q);
	luaL_setmetatable(L, REQUEST);
	return 1;
}

static void on_told(void *arg, struct http_request *q)
{
	struct held *h = arg;
	lua_State *T = h->T;
	int top = lua_gettop(T);

	if (!lua_checkstack(T, 16)) {
		http_answer(q, 503, NULL, 0, "", 0);
		return;
	}
	lua_pushcfunction(T, make_request);
	lua_pushlightuserdata(T, q);
	if (lua_pcall(T, 1, 1, 0) != LUA_OK) {
		lua_settop(T, top);
		http_answer(q, 503, NULL, 0, "", 0);
		return;
	}
	lua_pushcfunction(T, tell_in_lua);
	lua_pushlightuserdata(T, h);
	lua_pushvalue(T, top + 1);
	bind_loop_call(T, 2);
	lua_settop(T, top);
}

/* ---- answering -------------------------------------------------------------- */

static size_t read_headers(lua_State *L, int idx, struct http_header *out)
{
	size_t n = 0;

	if (lua_isnoneornil(L, idx))
		return 0;
	luaL_checktype(L, idx, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, idx) != 0) {
		luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING &&
			      lua_type(L, -1) == LUA_TSTRING, idx,
			      "headers are strings");
		luaL_argcheck(L, n < HEADERS, idx, "too many headers");
		out[n].name = lua_tostring(L, -2);
		out[n++].value = lua_tostring(L, -1);	/* held by the table */
		lua_pop(L, 1);
	}
	return n;
}

/* answer(status, headers, body); the request is the upvalue */
static int l_answer(lua_State *L)
{
	struct held_request *r = lua_touserdata(L, lua_upvalueindex(1));
	struct http_header headers[HEADERS];
	int status = (int)luaL_checkinteger(L, 1);
	size_t n = read_headers(L, 2, headers), len;
	const char *body = luaL_optlstring(L, 3, "", &len);
	struct http_request *q = r->q;

	luaL_argcheck(L, status >= 200 && status <= 599, 1, "not a status");
	if (q == NULL)
		return 0;
	http_answer(q, status, headers, n, body, len);
	return 0;
}

/* An answer function that was thrown away unused. */
static int request_gc(lua_State *L)
{
	struct held_request *r = lua_touserdata(L, 1);

	if (r->q != NULL)
		http_answer(r->q, 500, NULL, 0, "", 0);
	return 0;
}

/* ---- streams ------------------------------------------------------------------ */

struct held_stream {
	struct http_request *q;		/* NULL once it is over          */
	lua_State *T;
	int gone;			/* references of the registry:   */
	int self;			/* held while the client is there */
};

static void let_go(lua_State *L, struct held_stream *s)
{
	luaL_unref(L, LUA_REGISTRYINDEX, s->gone);
	luaL_unref(L, LUA_REGISTRYINDEX, s->self);
	s->gone = s->self = LUA_NOREF;
	s->q = NULL;
}

static void on_gone(void *arg)
{
	struct held_stream *s = arg;
	lua_State *T = s->T;
	bool room = lua_checkstack(T, 4) != 0;

	if (room)
		lua_rawgeti(T, LUA_REGISTRYINDEX, s->gone);
	let_go(T, s);
	if (room)
		bind_loop_call(T, 0);
}

/* stream(status, headers, ceiling, gone); the server and the request are the
 * upvalues */
static int l_stream(lua_State *L)
{
	struct held *h = lua_touserdata(L, lua_upvalueindex(1));
	struct held_request *r = lua_touserdata(L, lua_upvalueindex(2));
	struct http_header headers[HEADERS];
	int status = (int)luaL_checkinteger(L, 1);
	size_t n = read_headers(L, 2, headers);
	lua_Integer ceiling = luaL_checkinteger(L, 3);
	struct held_stream *s;
	struct http_request *q;

	luaL_checktype(L, 4, LUA_TFUNCTION);
	luaL_argcheck(L, ceiling > 0, 3, "not a ceiling");
	s = lua_newuserdatauv(L, sizeof(*s), 0);
	*s = (struct held_stream){ NULL, h->T, LUA_NOREF, LUA_NOREF };
	luaL_setmetatable(L, STREAM);
	lua_pushvalue(L, 4);
	s->gone = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, -1);
	s->self = luaL_ref(L, LUA_REGISTRYINDEX);
	q = r->q;
	if (q == NULL || http_stream(q, status, headers, n, (size_t)ceiling,
				     on_gone, s) != 0) {
		let_go(L, s);
		return 0;
	}
	s->q = q;
	return 1;
}

static int l_send(lua_State *L)
{
	struct held_stream *s = luaL_checkudata(L, 1, STREAM);
	size_t n;
	const char *text = luaL_checklstring(L, 2, &n);

	lua_pushboolean(L, s->q != NULL && http_stream_push(s->q, text, n) == 0);
	return 1;
}

static int l_end(lua_State *L)
{
	struct held_stream *s = luaL_checkudata(L, 1, STREAM);

	if (s->q != NULL)
		http_stream_end(s->q);
	let_go(L, s);
	return 0;
}

/* ---- packing ------------------------------------------------------------------ */

#define GZIP 16		/* to zlib: write a header of gzip */

static int l_gzip(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct buf *out = bind_buf(L, n + n / 8 + 64);
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)n };
	uLong most;
	int rc;

	luaL_argcheck(L, n < 1u << 30, 1, "too long");
	if (deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + GZIP, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return luaL_error(L, "no memory to pack an answer");
	most = deflateBound(&z, (uLong)n);
	out->limit = most;
	z.next_out = buf_reserve(out, most);
	z.avail_out = (uInt)most;
	rc = z.next_out != NULL ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
	out->len = z.total_out;
	deflateEnd(&z);
	if (rc != Z_STREAM_END)
		return luaL_error(L, "no memory to pack an answer");
	lua_pushlstring(L, (char *)out->data, out->len);
	return 1;
}

/* ---- the server ------------------------------------------------------------- */

static lua_Integer limit(lua_State *L, const char *name, lua_Integer def)
{
	lua_Integer n;

	lua_getfield(L, 3, name);
	n = luaL_optinteger(L, -1, def);
	lua_pop(L, 1);
	luaL_argcheck(L, n > 0 && n <= 1 << 30, 3, "a limit out of range");
	return n;
}

static int l_listen(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	lua_Integer port = luaL_checkinteger(L, 2);
	struct loop *loop = bind_loop(L);
	struct http_options o = { .told = on_told };
	const char *role;
	char address[200];
	struct held *h;
	struct err e;

	luaL_argcheck(L, port >= 0 && port <= 65535, 2, "not a port");
	luaL_checktype(L, 3, LUA_TTABLE);
	luaL_checktype(L, 4, LUA_TFUNCTION);
	o.body_bytes = (size_t)limit(L, "body_bytes", 1 << 20);
	o.idle_s = (int)limit(L, "idle_s", 30);
	o.head_ms = (int)limit(L, "head_ms", 20000);
	o.whole_ms = (int)limit(L, "whole_ms", 60000);
	o.connections = (int)limit(L, "connections", 64);
	h = lua_newuserdatauv(L, sizeof(*h), 0);
	*h = (struct held){ .T = bind_loop_thread(L), .told = LUA_NOREF };
	luaL_setmetatable(L, SERVER);
	lua_pushvalue(L, 4);
	h->told = luaL_ref(L, LUA_REGISTRYINDEX);
	o.arg = h;
	lua_getfield(L, 3, "keep");
	role = luaL_optstring(L, -1, NULL);
	snprintf(address, sizeof(address), "%s:%d", host, (int)port);
	if (role != NULL)
		o.socket = supervise_kept(role, address);
	if (http_open(&h->h, loop, host, (int)port, &o, &e) != 0)
		return bind_fail(L, &e);
	if (role != NULL && o.socket < 0)
		supervise_keep(role, address, http_socket(h->h));
	lua_pop(L, 1);
	return 1;
}

static int l_port(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, SERVER);

	luaL_argcheck(L, h->h != NULL, 1, "this server is closed");
	lua_pushinteger(L, http_port(h->h));
	return 1;
}

static int l_close(lua_State *L)
{
	struct held *h = luaL_checkudata(L, 1, SERVER);

	http_close(h->h);
	h->h = NULL;
	luaL_unref(L, LUA_REGISTRYINDEX, h->told);
	h->told = LUA_NOREF;
	return 0;
}

static int l_same(lua_State *L)
{
	size_t a_len, b_len;
	const char *a = luaL_checklstring(L, 1, &a_len);
	const char *b = luaL_checklstring(L, 2, &b_len);

	lua_pushboolean(L, http_same(a, a_len, b, b_len));
	return 1;
}

int bind_open_http(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "listen", l_listen }, { "same", l_same },
		{ "gzip", l_gzip }, { NULL, NULL }
	};
	static const luaL_Reg stream_methods[] = {
		{ "send", l_send }, { "close", l_end }, { NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "port", l_port }, { "close", l_close }, { "__gc", l_close },
		{ "__close", l_close }, { NULL, NULL }
	};

	bind_class(L, SERVER, methods);
	bind_class(L, STREAM, stream_methods);
	luaL_newmetatable(L, REQUEST);
	lua_pushcfunction(L, request_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
