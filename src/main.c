/* main.c -- open a state, hand the command line to the Lua half. */
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#ifndef KEEL_VERSION
#define KEEL_VERSION "0.0.0"
#endif

static int with_trace(lua_State *L)
{
	const char *msg = luaL_tolstring(L, 1, NULL);

	luaL_traceback(L, L, msg, 1);
	return 1;
}

/* require("cli")(argv...) -> exit status */
static int run_cli(lua_State *L, int argc, char **argv)
{
	int i, status = 1;

	lua_pushcfunction(L, with_trace);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "cli");
	if (lua_pcall(L, 1, 1, 1) == LUA_OK) {
		luaL_checkstack(L, argc + 4, "too many arguments");
		for (i = 1; i < argc; i++)
			lua_pushstring(L, argv[i]);
		if (lua_pcall(L, argc - 1, 1, 1) == LUA_OK)
			return (int)lua_tointeger(L, -1);
		status = 3;
	}
	fprintf(stderr, "keel: %s\n", lua_tostring(L, -1));
	return status;
}

int main(int argc, char **argv)
{
	lua_State *L;
	int status;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("keel " KEEL_VERSION);
		return 0;
	}
	signal(SIGXFSZ, SIG_IGN);	/* a file-size limit is a full disk */
	L = host_open();
	if (L == NULL) {
		fputs("keel: no memory to start\n", stderr);
		return 1;
	}
	status = run_cli(L, argc, argv);
	host_close(L);
	return status;
}
