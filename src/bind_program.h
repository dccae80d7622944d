/* bind_program.h -- the program itself, as the command line sees it: core.program. */
#ifndef KEEL_BIND_PROGRAM_H
#define KEEL_BIND_PROGRAM_H

#include "bind.h"

/* { version, name (as it was called), isatty(fd) -> bool,
 *   columns(fd) -> n | nil } */
int bind_open_program(lua_State *L);

#endif
