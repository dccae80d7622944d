/* bind_archive.h -- core.archive: packing and dropping runs, tidying the file. */
#ifndef KEEL_BIND_ARCHIVE_H
#define KEEL_BIND_ARCHIVE_H

#include "bind.h"

int bind_open_archive(lua_State *L);

#endif
