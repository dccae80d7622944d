/* bind_supervise.c -- core.supervise.
 *
 *   run{ stall_ms, busy_ms, stopped_ms, start_ms, stop_ms } -> "child" | status
 *        | nil, message, code
 *        in the child it returns "child", once in each that is started; in the
 *        parent, at the end, the status to exit with. See supervise.h.
 *   ready()   beat()   parent() -> pid of the parent
 *   mark(run or nil) -> run   for which this process works from now on (0: none;
 *        nil: no change), and for which it did before
 *   history() -> { restarts, cause, deaths = { { run, at, slices, only, outside,
 *        cause } } }   heard(n)
 *   drop(role)   the parent keeps no socket for it any more
 *   judge(looks, limits) -> list of words: what heart.h says of each look, in turn;
 *        fields as there, times in ms (now, beat, cpu; silent, start, busy, stopped,
 *        absent)
 *   signals(fn)   fn("TERM") or fn("INT") on the loop of this state, from now
 *        on; nil gives both back to the system                                */
#include "bind_supervise.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bind_loop.h"
#include "clock.h"
#include "heart.h"
#include "supervise.h"

static void told(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "keel: %s\n", text);
}

/* The same as a line of lua/observe/log.lua. The texts are ours: words, numbers
 * and names of signals, with nothing to escape. */
static void told_json(void *arg, const char *text)
{
	int64_t now = clock_now_ms();
	time_t s = (time_t)(now / 1000);
	struct tm tm;
	char at[32];

	(void)arg;
	gmtime_r(&s, &tm);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(stderr, "{\"time\":\"%s.%03dZ\",\"level\":\"warn\",\"msg\":\"%s\"}\n",
		at, (int)(now % 1000), text);
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
	o.busy_ms = option(L, "busy_ms", 400);
	o.stopped_ms = option(L, "stopped_ms", 300);
	o.start_ms = option(L, "start_ms", 120000);
	o.stop_ms = option(L, "stop_ms", 15000);
	lua_getfield(L, 1, "json");
	if (lua_toboolean(L, -1))
		o.told = told_json;
	lua_pop(L, 1);
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

static int l_mark(lua_State *L)
{
	struct supervise_mark *m = supervise_mark();

	if (lua_isnoneornil(L, 1))
		lua_pushinteger(L, atomic_load_explicit(&m->run,
							memory_order_relaxed));
	else
		lua_pushinteger(L, supervise_work_for(m, luaL_checkinteger(L, 1)));
	return 1;
}

static void set_integer(lua_State *L, const char *name, lua_Integer n)
{
	lua_pushinteger(L, n);
	lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static int l_history(lua_State *L)
{
	struct supervise_history h = supervise_history();
	int i;

	lua_createtable(L, 0, 3);
	set_integer(L, "restarts", h.restarts);
	set_text(L, "cause", h.cause);
	lua_createtable(L, h.count, 0);
	for (i = 0; i < h.count; i++) {
		const struct supervise_death *d = &h.deaths[i];

		lua_createtable(L, 0, 6);
		set_integer(L, "run", d->run);
		set_integer(L, "at", d->at_ms);
		set_integer(L, "slices", d->slices);
		set_text(L, "cause", d->cause);
		lua_pushboolean(L, d->only);
		lua_setfield(L, -2, "only");
		lua_pushboolean(L, d->outside);
		lua_setfield(L, -2, "outside");
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "deaths");
	return 1;
}

static int l_heard(lua_State *L)
{
	supervise_heard((int)luaL_checkinteger(L, 1));
	return 0;
}

static int l_drop(lua_State *L)
{
	const char *role = luaL_checkstring(L, 1);

	supervise_kept(role, "");	/* this process's copy, too */
	supervise_keep(role, "", -1);
	return 0;
}

/* ---- judging --------------------------------------------------------------- */

/* A number field of the table at t; of times, ms -> us. */
static int64_t number_of(lua_State *L, int t, const char *name, int64_t def,
			 int64_t unit)
{
	int64_t n;

	lua_getfield(L, t, name);
	n = lua_isnil(L, -1) ? def : luaL_checkinteger(L, -1) * unit;
	lua_pop(L, 1);
	return n;
}

static bool flag_of(lua_State *L, int t, const char *name)
{
	bool yes;

	lua_getfield(L, t, name);
	yes = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return yes;
}

static int l_judge(lua_State *L)
{
	struct heart_limits limits;
	struct heart heart = { 0 };
	lua_Integer i, n;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, 2, LUA_TTABLE);
	limits.silent_us = number_of(L, 2, "silent", INT64_MAX, 1000);
	limits.start_us = number_of(L, 2, "start", INT64_MAX, 1000);
	limits.busy_us = number_of(L, 2, "busy", INT64_MAX, 1000);
	limits.stopped_us = number_of(L, 2, "stopped", INT64_MAX, 1000);
	limits.absent_us = number_of(L, 2, "absent", INT64_MAX, 1000);
	n = luaL_len(L, 1);
	lua_createtable(L, (int)n, 0);
	for (i = 1; i <= n; i++) {
		struct heart_signs s;
		int t;

		lua_geti(L, 1, i);
		luaL_checktype(L, -1, LUA_TTABLE);
		t = lua_gettop(L);
		s.now_us = number_of(L, t, "now", 0, 1000);
		s.beat_us = number_of(L, t, "beat", 0, 1000);
		s.cpu_us = number_of(L, t, "cpu", -1, 1000);
		s.pulse = number_of(L, t, "pulse", 0, 1);
		s.ready = flag_of(L, t, "ready");
		s.stopped = flag_of(L, t, "stopped");
		lua_pop(L, 1);
		lua_pushstring(L, heart_word(heart_look(&heart, &s, &limits)));
		lua_rawseti(L, -2, i);
	}
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
		{ "heard", l_heard }, { "drop", l_drop }, { "mark", l_mark }, { "judge", l_judge },
		{ "signals", l_signals }, { NULL, NULL }
	};

	luaL_newmetatable(L, SIGNALS);
	lua_pushcfunction(L, signals_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
