/* bind_run.h -- runs as the host's Lua half sees them: core.run. */
#ifndef KEEL_BIND_RUN_H
#define KEEL_BIND_RUN_H

#include "bind.h"
#include "sandbox.h"

int bind_open_run(lua_State *L);

/* t[name] as an integer, or def; raises for another type. */
lua_Integer bind_integer(lua_State *L, int t, const char *name,
			 lua_Integer def);

/* The caps of a run from the table at t: instructions, memory, wall, seed. */
void bind_caps(lua_State *L, int t, struct sandbox_caps *caps);

#endif
