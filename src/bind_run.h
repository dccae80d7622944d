/* bind_run.h -- runs as the host's Lua half sees them: core.run. */
#ifndef KEEL_BIND_RUN_H
#define KEEL_BIND_RUN_H

#include "bind.h"

int bind_open_run(lua_State *L);

#endif
