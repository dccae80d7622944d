/* bind_budget.h -- core.budget: the ledger for the Lua half. */
#ifndef KEEL_BIND_BUDGET_H
#define KEEL_BIND_BUDGET_H

#include "bind.h"

int bind_open_budget(lua_State *L);

#endif
