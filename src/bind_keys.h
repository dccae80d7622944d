/* bind_keys.h -- single keys of a terminal: core.keys. */
#ifndef KEEL_BIND_KEYS_H
#define KEEL_BIND_KEYS_H

#include "bind.h"

int bind_open_keys(lua_State *L);

#endif
