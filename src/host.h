/* host.h -- the trusted lua_State: all libraries, the Lua half, the C halves. */
#ifndef KEEL_HOST_H
#define KEEL_HOST_H

#include <lua.h>

/* A new state in which require finds core.* (the C halves), then lua/ of the
 * folder KEEL_LUA when that is set, then the embedded Lua half, then the system's
 * modules. NULL when memory is short. */
lua_State *host_open(void);
void host_close(lua_State *L);

#endif
