#include "http_port.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bound_socket(const struct addrinfo *a, const char *host, int port,
			struct err *e)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	int on = 1, why;

	if (fd < 0)
		return err_errno(e, errno, "the system gives no socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 128) == 0)
		return fd;
	why = errno;
	close(fd);
	if (why == EADDRINUSE)
		return err_set(e, ERR_LOCKED, "%s:%d is already in use", host,
			       port);
	return err_errno(e, why, "cannot listen at %s:%d", host, port);
}

int http_port_open(const char *host, int port, struct err *e)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE |
				  AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *a;
	char text[16];
	int fd;

	snprintf(text, sizeof(text), "%d", port);
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (getaddrinfo(host, text, &hints, &a) != 0)
		return err_set(e, ERR_INPUT, "'%s' is not an address to listen at",
			       host);
	fd = bound_socket(a, host, port, e);
	freeaddrinfo(a);
	return fd;
}

int http_port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	socklen_t n = sizeof(a);

	if (getsockname(fd, &a.any, &n) != 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port :
		     a.in.sin_port);
}
