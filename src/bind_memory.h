/* bind_memory.h -- the C half of memory: core.memory. */
#ifndef KEEL_BIND_MEMORY_H
#define KEEL_BIND_MEMORY_H

#include "bind.h"

int bind_open_memory(lua_State *L);

#endif
