/* run_env.h -- what a file of a run finds around it: its globals, and libraries that
 * nobody else's file can change. Functions for the prelude (lua/ctx.lua). */
#ifndef KEEL_RUN_ENV_H
#define KEEL_RUN_ENV_H

#include <lua.h>

/* environment() -> a table of its own with the sandbox's names. */
int run_environment(lua_State *L);

/* Give the environment at env libraries of its own: what a skill does to `string` is
 * not done to the agent that uses it, nor to another skill. Methods of strings stay
 * those of the library. copies counts the tables made in this run; may raise for
 * memory. */
void run_own_libraries(lua_State *L, unsigned int *copies, int env);

/* plain_text(text) -> it as it can be kept: UTF-8, and no longer than somebody
 * reads; other bytes are spelled \xNN. */
int run_plain_text(lua_State *L);

#endif
