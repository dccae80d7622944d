/* bind_line.h -- lines typed at a terminal: core.line. */
#ifndef KEEL_BIND_LINE_H
#define KEEL_BIND_LINE_H

#include "bind.h"

int bind_open_line(lua_State *L);

#endif
