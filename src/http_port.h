/* http_port.h -- the socket that an HTTP server listens on. */
#ifndef KEEL_HTTP_PORT_H
#define KEEL_HTTP_PORT_H

#include "err.h"

/* A socket that listens at an address or "localhost", for one thread and its
 * loop: it never blocks, and is not inherited. ERR_LOCKED when the port is
 * taken, ERR_INPUT when host is no address. It becomes yours. */
int http_port_open(const char *host, int port, struct err *e);
/* The number of the port, or 0. */
int http_port_of(int fd);

#endif
