/* bind_supervise.h -- core.supervise: a parent that keeps the engine at work, and
 * the signals of this process. */
#ifndef KEEL_BIND_SUPERVISE_H
#define KEEL_BIND_SUPERVISE_H

#include "bind.h"

int bind_open_supervise(lua_State *L);

#endif
