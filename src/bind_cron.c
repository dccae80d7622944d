#include "bind_cron.h"

#include "cron.h"

#define CRON "keel.cron"

static const struct cron *check_cron(lua_State *L)
{
	return luaL_checkudata(L, 1, CRON);
}

/* parse(text) -> cron | nil, message, code */
static int l_parse(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct cron *c = lua_newuserdatauv(L, sizeof(*c), 0);
	struct err e;

	if (cron_parse(c, text, n, &e) != 0)
		return bind_fail(L, &e);
	luaL_setmetatable(L, CRON);
	return 1;
}

/* cron:next(minute) -> the first minute at or after it that fits | nil */
static int l_next(lua_State *L)
{
	int64_t minute;

	if (cron_next(check_cron(L), luaL_checkinteger(L, 2), &minute) != 0)
		return 0;
	lua_pushinteger(L, minute);
	return 1;
}

/* cron:count(from, to) -> how many minutes of [from, to) fit */
static int l_count(lua_State *L)
{
	lua_pushinteger(L, cron_count(check_cron(L), luaL_checkinteger(L, 2),
				      luaL_checkinteger(L, 3)));
	return 1;
}

/* cron:hourly() -> whether it fires in every hour of every day */
static int l_hourly(lua_State *L)
{
	lua_pushboolean(L, cron_hourly(check_cron(L)));
	return 1;
}

int bind_open_cron(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "next", l_next }, { "count", l_count },
		{ "hourly", l_hourly }, { NULL, NULL }
	};
	static const luaL_Reg functions[] = {
		{ "parse", l_parse }, { NULL, NULL }
	};

	if (luaL_newmetatable(L, CRON)) {
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
	}
	bind_module(L, functions);
	return 1;
}
