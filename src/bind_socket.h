/* bind_socket.h -- core.socket: unix sockets that carry lines. */
#ifndef KEEL_BIND_SOCKET_H
#define KEEL_BIND_SOCKET_H

#include "bind.h"

int bind_open_socket(lua_State *L);

#endif
