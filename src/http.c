#include "http.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"

/* ---- libmicrohttpd, when first needed -------------------------------------- */

#define FUNCTIONS(X) \
	X(start_daemon) X(stop_daemon) X(run) X(get_timeout) \
	X(get_daemon_info) X(get_connection_values) \
	X(create_response_from_buffer) X(add_response_header) \
	X(queue_response) X(destroy_response) X(suspend_connection) \
	X(resume_connection)

/* The types come from the header, so a call is checked as if it were linked. */
static struct {
#define MEMBER(name) __typeof__(MHD_##name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
	bool ready;
} mhd;

static int load_library(struct err *e)
{
	void *lib;

	if (mhd.ready)
		return 0;
	lib = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL)
		return err_set(e, ERR_NOTFOUND, "libmicrohttpd cannot be loaded "
			       "(%s); it is in the package libmicrohttpd12",
			       dlerror());
#define LOAD(name) do { \
		void *p = dlsym(lib, "MHD_" #name); \
		if (p == NULL) \
			return err_set(e, ERR_NOTFOUND, \
				       "libmicrohttpd lacks MHD_" #name); \
		memcpy(&mhd.name, &p, sizeof(p)); \
	} while (0);
	FUNCTIONS(LOAD)
#undef LOAD
	mhd.ready = true;
	return 0;
}

/* ---- what there is ---------------------------------------------------------- */

struct http {
	struct loop *loop;
	struct http_options opt;
	struct loop_fd in;		/* the port, later the daemon's epoll */
	struct loop_timer timer;
	struct loop_soon soon;
	int fd, port;			/* fd: -1 once the daemon has it      */
	struct MHD_Daemon *daemon;
	struct http_request *waiting;	/* told, not answered                 */
	bool closing;
};

struct http_request {
	struct http_request *next, **at;	/* among the waiting          */
	struct http *http;
	struct MHD_Connection *connection;
	char *method, *path;
	struct buf body;
	struct MHD_Response *response;
	int status;
	struct http_request **holder;
	size_t received;
	bool told, suspended, too_large;
};

const char *http_method(const struct http_request *q)
{
	return q->method;
}

const char *http_path(const struct http_request *q)
{
	return q->path;
}

const void *http_body(const struct http_request *q, size_t *len)
{
	*len = q->body.len;
	return q->body.data;
}

int http_socket(const struct http *h)
{
	return h->fd;
}

int http_port(const struct http *h)
{
	return h->port;
}

bool http_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	volatile unsigned char differ = a_len != b_len;
	size_t i;

	for (i = 0; i < a_len; i++)
		differ |= (unsigned char)(a[i] ^ (b_len ? b[i % b_len] : 0));
	return differ == 0;
}

/* ---- turning ----------------------------------------------------------------- */

static void on_timer(void *arg);

static void turn(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	mhd.run(h->daemon);
	loop_timer_stop(h->loop, &h->timer);
	if (mhd.get_timeout(h->daemon, &ms) != MHD_YES)
		return;
	if (ms == 0)
		loop_soon_start(h->loop, &h->soon, on_timer, h);
	else
		loop_timer_start(h->loop, &h->timer, (int64_t)ms, 0, on_timer, h);
}

static void on_timer(void *arg)
{
	turn(arg);
}

static void on_event(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	turn(arg);
}

/* ---- requests ----------------------------------------------------------------- */

struct each {
	void (*fn)(void *arg, const char *name, const char *value);
	void *arg;
};

static enum MHD_Result one_value(void *arg, enum MHD_ValueKind kind,
				 const char *name, const char *value)
{
	struct each *each = arg;

	(void)kind;
	each->fn(each->arg, name, value);
	return MHD_YES;
}

void http_each(const struct http_request *q, enum http_part part,
	       void (*fn)(void *arg, const char *name, const char *value),
	       void *arg)
{
	struct each each = { fn, arg };

	mhd.get_connection_values(q->connection, part == HTTP_HEADER ?
				  MHD_HEADER_KIND : MHD_GET_ARGUMENT_KIND,
				  one_value, &each);
}

void http_hold(struct http_request *q, struct http_request **where)
{
	q->holder = where;
}

static void leave_waiting(struct http_request *q)
{
	if (q->holder != NULL)
		*q->holder = NULL;
	q->holder = NULL;
	if (q->at == NULL)
		return;
	*q->at = q->next;
	if (q->next != NULL)
		q->next->at = q->at;
	q->at = NULL;
}

static void join_waiting(struct http *h, struct http_request *q)
{
	q->next = h->waiting;
	if (q->next != NULL)
		q->next->at = &q->next;
	q->at = &h->waiting;
	h->waiting = q;
}

void http_answer(struct http_request *q, int status,
		 const struct http_header *headers, size_t n_headers,
		 const void *body, size_t len)
{
	size_t i;

	leave_waiting(q);
	q->response = mhd.create_response_from_buffer(len, (void *)(uintptr_t)body,
						      MHD_RESPMEM_MUST_COPY);
	q->status = status;
	for (i = 0; q->response != NULL && i < n_headers; i++)
		mhd.add_response_header(q->response, headers[i].name,
					headers[i].value);
	if (!q->suspended)
		return;
	q->suspended = false;
	mhd.resume_connection(q->connection);
	loop_soon_start(q->http->loop, &q->http->soon, on_timer, q->http);
}

static struct http_request *new_request(struct http *h,
					struct MHD_Connection *c,
					const char *path, const char *method)
{
	struct http_request *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->http = h;
	q->connection = c;
	q->path = strdup(path);
	q->method = strdup(method);
	buf_init(&q->body, h->opt.body_bytes);
	if (q->path != NULL && q->method != NULL)
		return q;
	free(q->path);
	free(q->method);
	free(q);
	return NULL;
}

static enum MHD_Result send_response(struct http_request *q)
{
	enum MHD_Result rc;

	if (q->response == NULL)
		return MHD_NO;
	rc = mhd.queue_response(q->connection, (unsigned)q->status, q->response);
	mhd.destroy_response(q->response);
	q->response = NULL;
	return rc;
}

static enum MHD_Result refuse_size(struct http_request *q)
{
	static const char text[] = "{\"error\":{\"number\":\"K1018\",\"code\":"
		"\"input_too_large\",\"message\":\"the body is too large\"}}\n";
	static const struct http_header type = { "Content-Type",
						 "application/json" };

	q->told = true;
	http_answer(q, 413, &type, 1, text, sizeof(text) - 1);
	return send_response(q);
}

static enum MHD_Result complete(struct http_request *q)
{
	if (q->too_large && !q->told)
		return refuse_size(q);
	if (q->told)
		return send_response(q);
	q->told = true;
	if (q->http->closing) {
		http_answer(q, 503, NULL, 0, "", 0);
		return send_response(q);
	}
	join_waiting(q->http, q);
	q->http->opt.told(q->http->opt.arg, q);
	if (q->at == NULL)
		return send_response(q);
	q->suspended = true;
	mhd.suspend_connection(q->connection);
	return MHD_YES;
}

/* Called at the head, for each piece of the body, at its end, and once more when
 * a suspended connection goes on. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c,
				  const char *path, const char *method,
				  const char *version, const char *data,
				  size_t *size, void **slot)
{
	struct http_request *q = *slot;

	(void)version;
	if (q == NULL) {
		*slot = new_request(arg, c, path, method);
		return *slot != NULL ? MHD_YES : MHD_NO;
	}
	if (*size == 0)
		return complete(q);
	q->received += *size;
	if (q->received / 4 > q->http->opt.body_bytes)
		return MHD_NO;	/* a body without end: no answer, hang up */
	if (!q->too_large && buf_add(&q->body, data, *size) != 0) {
		q->too_large = true;
		buf_release(&q->body);
	}
	*size = 0;
	return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *c, void **slot,
			 enum MHD_RequestTerminationCode why)
{
	struct http_request *q = *slot;

	(void)arg;
	(void)c;
	(void)why;
	if (q == NULL)
		return;
	leave_waiting(q);
	if (q->response != NULL)
		mhd.destroy_response(q->response);
	buf_release(&q->body);
	free(q->path);
	free(q->method);
	free(q);
	*slot = NULL;
}

/* ---- the port ------------------------------------------------------------------ */

static int start_daemon(struct http *h, struct err *e)
{
	const union MHD_DaemonInfo *info;
	int rc = load_library(e);

	if (rc != 0)
		return rc;
	h->daemon = mhd.start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, h,
		MHD_OPTION_LISTEN_SOCKET, (MHD_socket)h->fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)h->opt.connections,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)h->opt.idle_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	if (h->daemon == NULL)
		return err_set(e, ERR_IO, "the HTTP server does not start");
	info = mhd.get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return err_set(e, ERR_IO, "the HTTP server has no descriptor");
	loop_fd_start(h->loop, &h->in, info->epoll_fd, LOOP_READ, on_event, h);
	h->fd = -1;	/* the daemon closes it */
	turn(h);
	return 0;
}

static void on_first(void *arg, int fd, int events)
{
	struct http *h = arg;
	struct err e;

	(void)fd;
	(void)events;
	loop_fd_stop(h->loop, &h->in);
	if (start_daemon(h, &e) != 0)
		fprintf(stderr, "keel: %s\n", e.msg);
}

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

static int open_port(const char *host, int port, struct err *e)
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

static int port_of(int fd)
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

int http_open(struct http **out, struct loop *l, const char *host, int port,
	      const struct http_options *o, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		if (o->socket > 0)
			close(o->socket);
		return err_set(e, ERR_NOMEM, "no memory for an HTTP server");
	}
	h->loop = l;
	h->opt = *o;
	h->fd = o->socket > 0 ? o->socket : open_port(host, port, e);
	if (h->fd < 0) {
		int rc = h->fd;

		free(h);
		return rc;
	}
	h->port = port_of(h->fd);
	loop_fd_start(l, &h->in, h->fd, LOOP_READ, on_first, h);
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	if (h == NULL)
		return;
	h->closing = true;
	while (h->waiting != NULL)
		http_answer(h->waiting, 503, NULL, 0, "", 0);
	if (h->daemon != NULL)
		mhd.run(h->daemon);	/* let the last answers go */
	loop_fd_stop(h->loop, &h->in);
	loop_timer_stop(h->loop, &h->timer);
	loop_soon_stop(h->loop, &h->soon);
	if (h->daemon != NULL)
		mhd.stop_daemon(h->daemon);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}
