#include "bind_sandbox.h"

#include "sandbox.h"

/* The words stay on the stack, so the pointers to them stay good. */
static int l_run(lua_State *L)
{
	int i, argc = lua_gettop(L) + 1;
	char **argv = lua_newuserdatauv(L, ((size_t)argc + 1) * sizeof(*argv), 0);
	char name[] = "sandbox";

	argv[0] = name;
	for (i = 1; i < argc; i++)
		argv[i] = (char *)luaL_checkstring(L, i);
	argv[argc] = NULL;
	lua_pushinteger(L, sandbox_main(argc, argv));
	return 1;
}

int bind_open_sandbox(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "run", l_run }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
