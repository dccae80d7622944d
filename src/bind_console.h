/* bind_console.h -- a sandbox that a person types into: core.console. */
#ifndef KEEL_BIND_CONSOLE_H
#define KEEL_BIND_CONSOLE_H

#include "bind.h"

int bind_open_console(lua_State *L);

#endif
