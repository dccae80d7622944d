/* bind_file.h -- core.file: list read write append mkdir kind stat isatty. */
#ifndef KEEL_BIND_FILE_H
#define KEEL_BIND_FILE_H

#include "bind.h"

int bind_open_file(lua_State *L);

#endif
