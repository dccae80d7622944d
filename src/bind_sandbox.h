/* bind_sandbox.h -- `keel sandbox` for the command line: core.sandbox. */
#ifndef KEEL_BIND_SANDBOX_H
#define KEEL_BIND_SANDBOX_H

#include "bind.h"

/* { run(word...) -> exit code }: the words after `keel sandbox`. */
int bind_open_sandbox(lua_State *L);

#endif
