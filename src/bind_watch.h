/* bind_watch.h -- core.watch: folders under inotify for the Lua half. */
#ifndef KEEL_BIND_WATCH_H
#define KEEL_BIND_WATCH_H

#include "bind.h"

int bind_open_watch(lua_State *L);

#endif
