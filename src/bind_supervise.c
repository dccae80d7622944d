/* bind_supervise.c -- core.supervise.
 *
 *   run{ stall_ms, start_ms, stop_ms } -> "child" | status | nil, message, code
 *        in the child it returns "child", once in each that is started; in the
 *        parent, at the end, the status to exit with. See supervise.h.
 *   ready()   beat()   parent() -> pid of the parent
 *   history() -> { restarts, cause, run, deaths }
 *   signals(fn)   fn("TERM") or fn("INT") on the loop of this state, from now
 *        on; nil gives both back to the system                                */
#include "bind_supervise.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "bind_loop.h"
#include "supervise.h"

static void told(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "keel: %s\n", text);
}

static int option(lua_State *L, const char *name, int def)
{
	lua_Integer n;

	lua_getfield(L, 1, name);
	n = luaL_optinteger(L, -1, def);
	lua_pop(L, 1);
	luaL_argcheck(L, n > 0 && n <= 86400000, 1, "a time out of range");
	return (int)n;
}

static int l_run(lua_State *L)
{
	struct supervise_options o = { .told = told };
	struct err e;
	int status = 0, rc;

	luaL_checktype(L, 1, LUA_TTABLE);
	o.stall_ms = option(L, "stall_ms", 5000);
	o.start_ms = option(L, "start_ms", 120000);
	o.stop_ms = option(L, "stop_ms", 15000);
	rc = supervise(&o, &status, &e);
	if (rc < 0)
		return bind_fail(L, &e);
	if (rc == SUPERVISE_CHILD)
		lua_pushliteral(L, "child");
	else
		lua_pushinteger(L, status);
	return 1;
}

static int l_ready(lua_State *L)
{
	(void)L;
	supervise_ready();
	return 0;
}

static int l_beat(lua_State *L)
{
	(void)L;
	supervise_beat();
	return 0;
}

static int l_parent(lua_State *L)
{
	lua_pushinteger(L, getppid());
	return 1;
}

static int l_history(lua_State *L)
{
	struct supervise_history h = supervise_history();

	lua_createtable(L, 0, 4);
	lua_pushinteger(L, h.restarts);
	lua_setfield(L, -2, "restarts");
	lua_pushinteger(L, h.run);
	lua_setfield(L, -2, "run");
	lua_pushinteger(L, h.deaths);
	lua_setfield(L, -2, "deaths");
	lua_pushstring(L, h.cause);
	lua_setfield(L, -2, "cause");
	return 1;
}

/* ---- signals -------------------------------------------------------------- */

#define SIGNALS "keel.signals"

struct signals {
	struct loop *loop;
	lua_State *T;
	struct loop_signal term, interrupt;
};

static const char signals_key;

static void on_signal(void *arg, int signum)
{
	struct signals *s = arg;

	if (!lua_checkstack(s->T, 8))
		return;
	lua_rawgetp(s->T, LUA_REGISTRYINDEX, &signals_key);
	lua_getiuservalue(s->T, -1, 1);
	lua_remove(s->T, -2);
	lua_pushstring(s->T, signum == SIGINT ? "INT" : "TERM");
	bind_loop_call(s->T, 1);
}

static int signals_gc(lua_State *L)
{
	struct signals *s = luaL_checkudata(L, 1, SIGNALS);

	if (s->loop != NULL) {
		loop_signal_stop(s->loop, &s->term);
		loop_signal_stop(s->loop, &s->interrupt);
	}
	s->loop = NULL;
	return 0;
}

/* signals(fn or nil) */
static int l_signals(lua_State *L)
{
	struct loop *loop = bind_loop(L);
	struct signals *s;

	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &signals_key) == LUA_TUSERDATA) {
		lua_pushcfunction(L, signals_gc);
		lua_insert(L, -2);
		lua_call(L, 1, 0);
	}
	if (lua_isnoneornil(L, 1)) {
		lua_pushnil(L);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &signals_key);
		return 0;
	}
	luaL_checktype(L, 1, LUA_TFUNCTION);
	s = lua_newuserdatauv(L, sizeof(*s), 1);
	*s = (struct signals){ .loop = loop, .T = bind_loop_thread(L) };
	luaL_setmetatable(L, SIGNALS);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &signals_key);
	loop_signal_start(loop, &s->term, SIGTERM, on_signal, s);
	loop_signal_start(loop, &s->interrupt, SIGINT, on_signal, s);
	return 0;
}

int bind_open_supervise(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "run", l_run }, { "ready", l_ready }, { "beat", l_beat },
		{ "parent", l_parent }, { "history", l_history },
		{ "signals", l_signals }, { NULL, NULL }
	};

	luaL_newmetatable(L, SIGNALS);
	lua_pushcfunction(L, signals_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
