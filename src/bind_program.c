#include "bind_program.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef KEEL_VERSION
#define KEEL_VERSION "0.0.0"
#endif

static int l_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* columns(fd) -> the width of the terminal, nil when it is none or keeps quiet */
static int l_columns(lua_State *L)
{
	struct winsize size = { 0 };

	if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 ||
	    size.ws_col == 0)
		return 0;
	lua_pushinteger(L, size.ws_col);
	return 1;
}

/* rows(fd) -> how tall the terminal is, nil when it is none or keeps quiet */
static int l_rows(lua_State *L)
{
	struct winsize size = { 0 };

	if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 ||
	    size.ws_row == 0)
		return 0;
	lua_pushinteger(L, size.ws_row);
	return 1;
}

/* loads(library) -> whether the system has it */
static int l_loads(lua_State *L)
{
	void *lib = dlopen(luaL_checkstring(L, 1), RTLD_LAZY | RTLD_LOCAL);

	lua_pushboolean(L, lib != NULL);
	if (lib != NULL)
		dlclose(lib);
	return 1;
}

int bind_open_program(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "isatty", l_isatty }, { "columns", l_columns },
		{ "rows", l_rows }, { "loads", l_loads }, { NULL, NULL }
	};

	bind_module(L, functions);
	lua_pushliteral(L, KEEL_VERSION);
	lua_setfield(L, -2, "version");
	lua_pushstring(L, program_invocation_name);
	lua_setfield(L, -2, "name");
	return 1;
}
