/* socket.h -- unix stream sockets that carry lines, on the loop.
 *
 * A message is one line: bytes up to a newline, which is not part of it. A line
 * longer than the limit, or more unsent output than SOCKET_UNSENT, ends the
 * connection. Nobody but the owner of the process can connect: the socket's file
 * has mode 0600. */
#ifndef KEEL_SOCKET_H
#define KEEL_SOCKET_H

#include "buf.h"
#include "loop.h"

#define SOCKET_UNSENT ((size_t)64 << 20)
#define SOCKET_CONNECTIONS 64	/* at once; more wait in the kernel's queue */

struct socket_server;
struct socket;

struct socket_hooks {
	/* Somebody connected (servers only). */
	void (*accepted)(void *arg, struct socket *s);
	/* A line without its newline; borrowed. */
	void (*line)(void *arg, struct socket *s, const char *p, size_t n);
	/* The other side hung up (why is NULL), or it was dropped. The socket is
	 * freed after this call. Not called for socket_close(). */
	void (*closed)(void *arg, struct socket *s, const struct err *why);
	void *arg;
};

/* Listen at path; a file left there by a process that died is replaced, and
 * ERR_LOCKED says that somebody listens. Paths may be of any length. */
int socket_listen(struct socket_server **out, struct loop *l, const char *path,
		  size_t line_limit, const struct socket_hooks *h,
		  struct err *e);
/* The same with a socket that listens there already, in whatever process that was
 * made; it is the server's then, also on failure. ERR_NOTFOUND when its file is gone. */
int socket_adopt(struct socket_server **out, struct loop *l, int fd,
		 const char *path, size_t line_limit,
		 const struct socket_hooks *h, struct err *e);
int socket_of(const struct socket_server *v);	/* borrowed */
/* Stop listening, remove the file, close the connections (without `closed`). */
void socket_unlisten(struct socket_server *v);

/* Connect; ERR_NOTFOUND when nobody listens there. */
int socket_connect(struct socket **out, struct loop *l, const char *path,
		   size_t line_limit, const struct socket_hooks *h,
		   struct err *e);

/* Send p and a newline; copied, sent as the other side takes it. */
int socket_send(struct socket *s, const char *p, size_t n, struct err *e);
/* Close once all is sent; no further lines are told. `closed` is called then. */
void socket_finish(struct socket *s);
void socket_close(struct socket *s);

#endif
