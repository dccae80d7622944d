/* bind_stream.h -- core.stream: connections to mail servers for the Lua half. */
#ifndef KEEL_BIND_STREAM_H
#define KEEL_BIND_STREAM_H

#include "bind.h"

int bind_open_stream(lua_State *L);

#endif
