/* bind_cron.h -- core.cron: cron expressions, read once and asked often. */
#ifndef KEEL_BIND_CRON_H
#define KEEL_BIND_CRON_H

#include "bind.h"

int bind_open_cron(lua_State *L);

#endif
