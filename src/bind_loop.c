/* bind_loop.c -- core.loop: timers and turns for the Lua half. */
#include "bind_loop.h"

#include <stdio.h>

static const char loop_key, thread_key, on_error_key;
#define TIMER "keel.timer"

struct timer {
	struct loop_timer t;
	struct loop *loop;
	lua_State *thread;
	bool repeats;
	int self;		/* keeps it alive while it is started */
};

/* ---- the loop of a state -------------------------------------------------- */

static int close_loop(lua_State *L)
{
	struct loop **slot = lua_touserdata(L, 1);

	loop_close(*slot);
	*slot = NULL;
	return 0;
}

static struct loop *make_loop(lua_State *L)
{
	struct loop **slot = lua_newuserdatauv(L, sizeof(*slot), 0);
	struct err e;

	*slot = NULL;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, close_loop);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	*slot = loop_open(&e);
	if (*slot == NULL)
		luaL_error(L, "%s", e.msg);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &loop_key);
	lua_newthread(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &thread_key);
	return *slot;
}

struct loop *bind_loop(lua_State *L)
{
	struct loop **slot;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &loop_key);
	slot = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return slot != NULL ? *slot : make_loop(L);
}

lua_State *bind_loop_thread(lua_State *L)
{
	lua_State *T;

	bind_loop(L);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &thread_key);
	T = lua_tothread(L, -1);
	lua_pop(L, 1);
	return T;
}

static int with_trace(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

void bind_loop_call(lua_State *T, int n)
{
	int base = lua_gettop(T) - n;

	lua_pushcfunction(T, with_trace);
	lua_insert(T, base);
	if (lua_pcall(T, n, 0, base) != LUA_OK) {
		lua_rawgetp(T, LUA_REGISTRYINDEX, &on_error_key);
		lua_insert(T, -2);
		if (lua_isnil(T, -2) || lua_pcall(T, 1, 0, 0) != LUA_OK)
			fprintf(stderr, "keel: %s\n", lua_isstring(T, -1) ?
				lua_tostring(T, -1) : "error in a callback");
	}
	lua_settop(T, base - 1);
}

/* ---- timers --------------------------------------------------------------- */

static void let_go(lua_State *L, struct timer *t)
{
	luaL_unref(L, LUA_REGISTRYINDEX, t->self);
	t->self = LUA_NOREF;
}

static void on_timer(void *arg)
{
	struct timer *t = arg;
	lua_State *T = t->thread;

	if (!lua_checkstack(T, 8))
		return;
	lua_rawgeti(T, LUA_REGISTRYINDEX, t->self);
	lua_getiuservalue(T, -1, 1);
	if (!t->repeats)
		let_go(T, t);
	lua_remove(T, -2);
	bind_loop_call(T, 0);
}

/* timer(ms, fn [, repeat_ms]) -> handle */
static int l_timer(lua_State *L)
{
	lua_Integer ms = luaL_checkinteger(L, 1);
	lua_Integer repeat_ms = luaL_optinteger(L, 3, 0);
	struct loop *loop = bind_loop(L);
	struct timer *t;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	luaL_argcheck(L, repeat_ms >= 0, 3, "a repeat is not negative");
	t = lua_newuserdatauv(L, sizeof(*t), 1);
	*t = (struct timer){ .loop = loop, .thread = bind_loop_thread(L),
			     .repeats = repeat_ms > 0, .self = LUA_NOREF };
	luaL_setmetatable(L, TIMER);
	lua_pushvalue(L, 2);
	lua_setiuservalue(L, -2, 1);
	lua_pushvalue(L, -1);
	t->self = luaL_ref(L, LUA_REGISTRYINDEX);
	loop_timer_start(loop, &t->t, ms, repeat_ms, on_timer, t);
	return 1;
}

static int l_timer_stop(lua_State *L)
{
	struct timer *t = luaL_checkudata(L, 1, TIMER);

	if (t->loop == NULL)
		return 0;
	loop_timer_stop(t->loop, &t->t);
	let_go(L, t);
	return 0;
}

static int l_timer_active(lua_State *L)
{
	struct timer *t = luaL_checkudata(L, 1, TIMER);

	lua_pushboolean(L, t->loop != NULL && loop_timer_active(&t->t));
	return 1;
}

static int timer_gc(lua_State *L)
{
	struct timer *t = luaL_checkudata(L, 1, TIMER);

	if (t->loop != NULL)
		loop_timer_stop(t->loop, &t->t);
	t->loop = NULL;
	return 0;
}

/* ---- turning -------------------------------------------------------------- */

static int l_run(lua_State *L)
{
	loop_run(bind_loop(L));
	return 0;
}

static int l_stop(lua_State *L)
{
	loop_stop(bind_loop(L));
	return 0;
}

/* turn([wait = true]) -> whether anything still holds the loop */
static int l_turn(lua_State *L)
{
	bool wait = lua_isnoneornil(L, 1) || lua_toboolean(L, 1);

	lua_pushboolean(L, loop_turn(bind_loop(L), wait));
	return 1;
}

/* held() -> longest_us, p99_us: how long timers waited for callbacks, last minute */
static int l_held(lua_State *L)
{
	int64_t longest, p99;

	loop_held(bind_loop(L), &longest, &p99);
	lua_pushinteger(L, longest);
	lua_pushinteger(L, p99);
	return 2;
}

static int l_hold(lua_State *L)
{
	loop_hold(bind_loop(L));
	return 0;
}

static int l_release(lua_State *L)
{
	loop_release(bind_loop(L));
	return 0;
}

/* on_error(fn or nil): gets the message and traceback of a failed callback */
static int l_on_error(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &on_error_key);
	return 0;
}

int bind_open_loop(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "timer", l_timer }, { "run", l_run }, { "stop", l_stop },
		{ "turn", l_turn }, { "held", l_held }, { "hold", l_hold },
		{ "release", l_release }, { "on_error", l_on_error },
		{ NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "stop", l_timer_stop }, { "active", l_timer_active },
		{ NULL, NULL }
	};

	if (luaL_newmetatable(L, TIMER)) {
		lua_pushcfunction(L, timer_gc);
		lua_setfield(L, -2, "__gc");
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
	}
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
