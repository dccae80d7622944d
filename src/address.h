/* address.h -- whether an address lies in the open internet.
 *
 * What is private, of this machine, of a link, shared by a provider, reserved, or for many
 * at once is not; an IPv6 address that carries an IPv4 one is what that one is. */
#ifndef KEEL_ADDRESS_H
#define KEEL_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for every family but IPv4 and IPv6. */
bool address_is_public(const struct sockaddr *a);

/* The same of "10.0.0.1" or "fe80::1"; false for what is no address. */
bool address_text_is_public(const char *text);

#endif
