#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 16384

struct socket {
	struct socket *next, **at;	/* among the server's */
	struct socket_server *server;
	struct loop *loop;
	struct loop_fd io;
	int fd;
	struct buf in, out;
	size_t sent;			/* of out             */
	size_t line_limit;
	struct socket_hooks hooks;
	int busy;			/* inside a hook      */
	bool finishing, dead;
};

struct socket_server {
	struct loop *loop;
	struct loop_fd in;
	int fd, folder;
	char name[108];			/* in the folder      */
	size_t line_limit;
	struct socket_hooks hooks;
	struct socket *sockets;
	int count;
};

/* ---- addresses ------------------------------------------------------------ */

/* A socket's address has room for 107 bytes, a path has 4096: the folder is
 * opened, and the address goes by its descriptor. */
static int open_folder(const char *path, const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	int fd;

	*name = slash != NULL ? slash + 1 : path;
	snprintf(folder, sizeof(folder), "%.*s",
		 slash != NULL ? (int)(slash - path + 1) : 1,
		 slash != NULL ? path : ".");
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "cannot open the folder of %s", path);
	return fd;
}

static int address_of(struct sockaddr_un *a, int folder, const char *name,
		      struct err *e)
{
	int n;

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	n = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s",
		     folder, name);
	if (n < 0 || (size_t)n >= sizeof(a->sun_path))
		return err_set(e, ERR_INPUT, "the socket's name '%s' is too long",
			       name);
	return 0;
}

static int new_fd(struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(e, errno, "the system gives no socket");
	return fd;
}

static int connect_to(const struct sockaddr_un *a, const char *path,
		      struct err *e)
{
	/* a connect waits while the listener's queue is full: not for ever */
	struct timeval patience = { .tv_sec = 5 };
	int fd = new_fd(e);

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const void *)a, sizeof(*a)) != 0) {
		int why = errno;

		close(fd);
		if (why == ECONNREFUSED || why == ENOENT)
			return err_set(e, ERR_NOTFOUND, "nobody listens at %s",
				       path);
		return err_errno(e, why, "cannot connect to %s", path);
	}
	return fd;
}

/* ---- the end of a connection ---------------------------------------------- */

static void stop_accepting_or_go_on(struct socket_server *v);

static void release(struct socket *s)
{
	if (s->at != NULL) {
		*s->at = s->next;
		if (s->next != NULL)
			s->next->at = s->at;
		s->at = NULL;
		s->server->count--;
		stop_accepting_or_go_on(s->server);
	}
	loop_fd_stop(s->loop, &s->io);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->busy > 0) {
		s->dead = true;
		return;
	}
	buf_release(&s->in);
	buf_release(&s->out);
	free(s);
}

void socket_close(struct socket *s)
{
	if (s != NULL && !s->dead)
		release(s);
}

static void end(struct socket *s, const struct err *why)
{
	s->busy++;
	s->hooks.closed(s->hooks.arg, s, why);
	s->busy--;
	s->dead = false;
	release(s);
}

/* ---- sending -------------------------------------------------------------- */

static void on_io(void *arg, int fd, int events);

static void listen_for(struct socket *s)
{
	int unsent = s->sent < s->out.len ? LOOP_WRITE : 0;

	loop_fd_start(s->loop, &s->io, s->fd,
		      s->finishing ? LOOP_WRITE : LOOP_READ | unsent, on_io, s);
}

/* False when the connection is gone. */
static bool flush(struct socket *s, struct err *e)
{
	ssize_t n;

	while (s->sent < s->out.len) {
		n = send(s->fd, s->out.data + s->sent, s->out.len - s->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n < 0) {
			err_errno(e, errno, "the other side does not listen");
			return false;
		}
		s->sent += (size_t)n;
	}
	buf_release(&s->out);
	s->sent = 0;
	return true;
}

int socket_send(struct socket *s, const char *p, size_t n, struct err *e)
{
	if (s->dead || s->finishing)
		return err_set(e, ERR_STATE, "the connection is closed");
	buf_add(&s->out, p, n);
	buf_byte(&s->out, '\n');
	if (s->out.failed)
		return buf_err(&s->out, e, "unsent output");
	/* errors are told by the loop, so that no hook is called from here */
	if (flush(s, NULL))
		listen_for(s);
	return 0;
}

void socket_finish(struct socket *s)
{
	if (s->dead || s->finishing)
		return;
	s->finishing = true;
	loop_fd_start(s->loop, &s->io, s->fd, LOOP_WRITE, on_io, s);
}

/* ---- receiving ------------------------------------------------------------ */

/* Tell the lines that are whole; false when the socket died in a hook. */
static bool tell_lines(struct socket *s, size_t from)
{
	unsigned char *p = s->in.data, *end_of_line;
	size_t at = 0;
	bool alive;

	s->busy++;
	while (!s->dead && !s->finishing &&
	       (end_of_line = memchr(p + from, '\n', s->in.len - from)) != NULL) {
		size_t stop = (size_t)(end_of_line - p);

		if (stop - at > s->line_limit)
			break;		/* what is left is too long */
		s->hooks.line(s->hooks.arg, s, (char *)p + at, stop - at);
		at = from = stop + 1;
	}
	s->busy--;
	alive = !s->dead;
	if (!alive) {
		s->dead = false;
		release(s);
		return false;
	}
	memmove(p, p + at, s->in.len - at);
	s->in.len -= at;
	if (s->in.len == 0)
		buf_release(&s->in);
	return true;
}

/* 1 read something, 0 nothing now, -1 the end (why->code says whether an error) */
static int take(struct socket *s, struct err *why)
{
	unsigned char *room = buf_reserve(&s->in, CHUNK);
	ssize_t n;

	why->code = 0;
	if (room == NULL) {
		buf_err(&s->in, why, "a line on the socket");
		return -1;
	}
	do
		n = recv(s->fd, room, CHUNK, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0)
		err_errno(why, errno, "the connection broke");
	if (n <= 0)
		return -1;
	s->in.len += (size_t)n;
	return 1;
}

static void on_readable(struct socket *s)
{
	size_t from = s->in.len;
	struct err why;
	int rc = take(s, &why);

	if (rc < 0) {
		end(s, why.code != 0 ? &why : NULL);
		return;
	}
	if (rc == 0 || !tell_lines(s, from))
		return;
	if (s->in.len > s->line_limit) {
		err_set(&why, ERR_LIMIT, "a line on the socket is longer than "
			"%zu bytes", s->line_limit);
		end(s, &why);
	}
}

static void on_io(void *arg, int fd, int events)
{
	struct socket *s = arg;
	struct err why;

	(void)fd;
	if (events & LOOP_WRITE) {
		if (!flush(s, &why)) {
			end(s, &why);
			return;
		}
		if (s->finishing && s->out.len == 0) {
			end(s, NULL);
			return;
		}
		listen_for(s);
	}
	if ((events & LOOP_READ) && !s->finishing)
		on_readable(s);
}

static struct socket *new_socket(struct loop *l, int fd, size_t line_limit,
				 const struct socket_hooks *h, struct err *e)
{
	struct socket *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(e, ERR_NOMEM, "no memory for a connection");
		return NULL;
	}
	s->loop = l;
	s->fd = fd;
	s->hooks = *h;
	s->line_limit = line_limit;
	buf_init(&s->in, line_limit + 2 * CHUNK);
	buf_init(&s->out, SOCKET_UNSENT);
	return s;
}

int socket_connect(struct socket **out, struct loop *l, const char *path,
		   size_t line_limit, const struct socket_hooks *h,
		   struct err *e)
{
	struct sockaddr_un a;
	const char *name;
	int folder = open_folder(path, &name, e), fd, rc;
	struct socket *s;

	if (folder < 0)
		return folder;
	rc = address_of(&a, folder, name, e);
	fd = rc != 0 ? rc : connect_to(&a, path, e);
	close(folder);
	if (fd < 0)
		return fd;
	s = new_socket(l, fd, line_limit, h, e);
	if (s == NULL) {
		close(fd);
		return ERR_NOMEM;
	}
	listen_for(s);
	*out = s;
	return 0;
}

/* ---- listening ------------------------------------------------------------ */

static void on_connect(void *arg, int fd, int events)
{
	struct socket_server *v = arg;
	int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct socket *s;

	(void)events;
	if (c < 0)
		return;
	s = new_socket(v->loop, c, v->line_limit, &v->hooks, NULL);
	if (s == NULL) {
		close(c);
		return;
	}
	s->server = v;
	s->next = v->sockets;
	if (s->next != NULL)
		s->next->at = &s->next;
	s->at = &v->sockets;
	v->sockets = s;
	v->count++;
	stop_accepting_or_go_on(v);
	listen_for(s);
	v->hooks.accepted(v->hooks.arg, s);
}

static void stop_accepting_or_go_on(struct socket_server *v)
{
	if (v->count >= SOCKET_CONNECTIONS)
		loop_fd_stop(v->loop, &v->in);
	else
		loop_fd_start(v->loop, &v->in, v->fd, LOOP_READ, on_connect, v);
}

/* A file without a listener is what a killed process left. */
static int remove_stale(const struct sockaddr_un *a, int folder,
			const char *name, const char *path, struct err *e)
{
	struct stat st;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_STATE, "%s is not a socket", path);
	fd = connect_to(a, path, e);
	if (fd >= 0) {
		close(fd);
		return err_set(e, ERR_LOCKED, "somebody listens at %s", path);
	}
	if (fd != ERR_NOTFOUND)
		return fd;
	if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
		return err_errno(e, errno, "cannot remove the old %s", path);
	return 0;
}

/* The mode is set before anybody can connect: bind makes the file, listen opens
 * the door. */
static int bind_private(int fd, const struct sockaddr_un *a, int folder,
			const char *name, const char *path, struct err *e)
{
	mode_t old = umask(0177);
	int rc = bind(fd, (const void *)a, sizeof(*a)), why = errno;

	umask(old);
	if (rc != 0)
		return err_errno(e, why, "cannot make %s", path);
	if (fchmodat(folder, name, 0600, 0) != 0)
		return err_errno(e, errno, "cannot protect %s", path);
	if (listen(fd, 128) != 0)
		return err_errno(e, errno, "cannot listen at %s", path);
	return 0;
}

static int listen_at(struct socket_server *v, const char *path, struct err *e)
{
	struct sockaddr_un a;
	const char *name;
	int rc;

	v->folder = open_folder(path, &name, e);
	if (v->folder < 0)
		return v->folder;
	rc = address_of(&a, v->folder, name, e);
	if (rc == 0)
		rc = remove_stale(&a, v->folder, name, path, e);
	if (rc != 0)
		return rc;
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->fd = new_fd(e);
	if (v->fd < 0)
		return v->fd;
	fcntl(v->fd, F_SETFL, O_NONBLOCK);
	return bind_private(v->fd, &a, v->folder, name, path, e);
}

/* Its file must be there still: who looks for it would not find us else. */
static int adopt_at(struct socket_server *v, int fd, const char *path,
		    struct err *e)
{
	const char *name;
	struct stat st;

	v->fd = fd;
	v->folder = open_folder(path, &name, e);
	if (v->folder < 0)
		return v->folder;
	snprintf(v->name, sizeof(v->name), "%s", name);
	if (fstatat(v->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISSOCK(st.st_mode))
		return err_set(e, ERR_NOTFOUND, "%s is gone", path);
	return 0;
}

/* fd < 0: a new one. */
static int open_server(struct socket_server **out, struct loop *l, int fd,
		       const char *path, size_t line_limit,
		       const struct socket_hooks *h, struct err *e)
{
	struct socket_server *v = calloc(1, sizeof(*v));
	int rc;

	if (v == NULL) {
		if (fd >= 0)
			close(fd);
		return err_set(e, ERR_NOMEM, "no memory to listen");
	}
	v->fd = v->folder = -1;
	v->loop = l;
	v->line_limit = line_limit;
	v->hooks = *h;
	rc = fd < 0 ? listen_at(v, path, e) : adopt_at(v, fd, path, e);
	if (rc != 0) {
		if (v->fd >= 0)
			close(v->fd);
		if (v->folder >= 0)
			close(v->folder);
		free(v);
		return rc;
	}
	stop_accepting_or_go_on(v);
	*out = v;
	return 0;
}

int socket_listen(struct socket_server **out, struct loop *l, const char *path,
		  size_t line_limit, const struct socket_hooks *h,
		  struct err *e)
{
	return open_server(out, l, -1, path, line_limit, h, e);
}

int socket_adopt(struct socket_server **out, struct loop *l, int fd,
		 const char *path, size_t line_limit,
		 const struct socket_hooks *h, struct err *e)
{
	return open_server(out, l, fd, path, line_limit, h, e);
}

int socket_of(const struct socket_server *v)
{
	return v->fd;
}

void socket_unlisten(struct socket_server *v)
{
	struct socket *s;

	if (v == NULL)
		return;
	while ((s = v->sockets) != NULL)
		release(s);
	loop_fd_stop(v->loop, &v->in);
	unlinkat(v->folder, v->name, 0);
	close(v->fd);
	close(v->folder);
	free(v);
}
