/* bind_http.h -- core.http: an HTTP server for the Lua half. */
#ifndef KEEL_BIND_HTTP_H
#define KEEL_BIND_HTTP_H

#include "bind.h"

int bind_open_http(lua_State *L);

#endif
