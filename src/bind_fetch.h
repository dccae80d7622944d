/* bind_fetch.h -- core.fetch: HTTP requests for the Lua half. */
#ifndef KEEL_BIND_FETCH_H
#define KEEL_BIND_FETCH_H

#include "bind.h"

int bind_open_fetch(lua_State *L);

#endif
