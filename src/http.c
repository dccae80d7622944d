#include "http.h"

#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "http_port.h"

/* ---- libmicrohttpd, when first needed -------------------------------------- */

#define FUNCTIONS(X) \
	X(start_daemon) X(stop_daemon) X(run) X(get_timeout) \
	X(get_daemon_info) X(get_connection_values) X(get_connection_info) \
	X(create_response_from_buffer) X(create_response_from_callback) \
	X(add_response_header) \
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

/* A connection, for as long as it is there. */
struct link {
	struct link *next, **at;
	struct MHD_Connection *connection;
	int fd;
	int64_t since_us;	/* of the request that is on its way  */
	int64_t till_us;	/* then it is hung up on; 0: never    */
	struct http_request *streaming;
};

struct http {
	struct loop *loop;
	struct http_options opt;
	struct loop_fd in;		/* the port, later the daemon's epoll */
	struct loop_timer timer, watch;
	struct link *links;
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
	struct link *link;
	struct stream *stream;
};

/* What is to be sent of a streamed answer. */
struct stream {
	struct buf out;
	size_t taken;			/* of out, by the library      */
	struct loop_fd peer;		/* hears when the client left  */
	void (*gone)(void *arg);
	void *arg;
	bool ended, cut;
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

/* ---- links: no client is waited for ------------------------------------------- */

#define LOOKS 8		/* so often in the shortest limit */

/* The library sees the end of it in its next turn, and lets go of everything. */
static void hang_up(struct link *k)
{
	k->till_us = 0;
	shutdown(k->fd, SHUT_RDWR);
}

static void set_deadline(struct link *k, int64_t from_us, int ms)
{
	k->till_us = ms > 0 ? from_us + (int64_t)ms * 1000 : 0;
}

static void on_watch(void *arg)
{
	struct http *h = arg;
	int64_t now_us = clock_mono_us();
	struct link *k;

	for (k = h->links; k != NULL; k = k->next)
		if (k->till_us != 0 && k->till_us <= now_us)
			hang_up(k);
	if (h->links == NULL)
		loop_timer_stop(h->loop, &h->watch);
}

static void add_link(struct http *h, struct MHD_Connection *c, void **slot)
{
	const union MHD_ConnectionInfo *info =
		mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct link *k = info != NULL ? calloc(1, sizeof(*k)) : NULL;
	int shortest = h->opt.head_ms < h->opt.whole_ms ? h->opt.head_ms :
		h->opt.whole_ms;

	if (k == NULL)
		return;		/* its requests are refused: new_request */
	*k = (struct link){ .next = h->links, .at = &h->links, .connection = c,
			    .fd = info->connect_fd, .since_us = clock_mono_us() };
	set_deadline(k, k->since_us, h->opt.head_ms);
	if (k->next != NULL)
		k->next->at = &k->next;
	h->links = k;
	*slot = k;
	if (!loop_timer_active(&h->watch) && shortest > 0)
		loop_timer_start(h->loop, &h->watch, shortest / LOOKS + 1,
				 shortest / LOOKS + 1, on_watch, h);
}

static void on_link(void *arg, struct MHD_Connection *c, void **slot,
		    enum MHD_ConnectionNotificationCode what)
{
	struct link *k = *slot;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		add_link(arg, c, slot);
		return;
	}
	if (k == NULL)
		return;
	*k->at = k->next;
	if (k->next != NULL)
		k->next->at = k->at;
	free(k);
	*slot = NULL;
}

static struct link *link_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		mhd.get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
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

static void go_on(struct http_request *q)
{
	if (!q->suspended)
		return;
	q->suspended = false;
	mhd.resume_connection(q->connection);
	loop_soon_start(q->http->loop, &q->http->soon, on_timer, q->http);
}

static void begin_answer(struct http_request *q, int status,
			 const struct http_header *headers, size_t n_headers)
{
	size_t i;

	q->status = status;
	for (i = 0; q->response != NULL && i < n_headers; i++)
		mhd.add_response_header(q->response, headers[i].name,
					headers[i].value);
	go_on(q);
}

void http_answer(struct http_request *q, int status,
		 const struct http_header *headers, size_t n_headers,
		 const void *body, size_t len)
{
	leave_waiting(q);
	set_deadline(q->link, clock_mono_us(), q->http->opt.whole_ms);
	q->response = mhd.create_response_from_buffer(len, (void *)(uintptr_t)body,
						      MHD_RESPMEM_MUST_COPY);
	begin_answer(q, status, headers, n_headers);
}

/* ---- streams ------------------------------------------------------------------- */

/* Nothing to send: the connection rests until there is, so that the library
 * neither spins nor counts the silence. */
static ssize_t on_read(void *arg, uint64_t at, char *to, size_t most)
{
	struct http_request *q = arg;
	struct stream *s = q->stream;
	size_t n = s->out.len - s->taken;

	(void)at;
	if (n == 0 && (s->ended || s->cut))
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0) {
		q->suspended = true;
		mhd.suspend_connection(q->connection);
		return 0;
	}
	if (n > most)
		n = most;
	memcpy(to, s->out.data + s->taken, n);
	s->taken += n;
	if (s->taken == s->out.len) {
		buf_reset(&s->out);
		s->taken = 0;
	}
	return (ssize_t)n;
}

static void cut(struct http_request *q)
{
	loop_fd_stop(q->http->loop, &q->stream->peer);
	q->stream->cut = true;
	hang_up(q->link);
	go_on(q);
}

/* The library does not look at a connection that rests, so we do: a client says
 * nothing more on a stream, and what can be read is its end. */
static void on_peer(void *arg, int fd, int events)
{
	struct http_request *q = arg;
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	cut(q);
}

int http_stream(struct http_request *q, int status,
		const struct http_header *headers, size_t n_headers,
		size_t ceiling, void (*gone)(void *arg), void *arg)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	q->response = mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, 4096,
							on_read, q, NULL);
	if (q->response == NULL) {
		free(s);
		return ERR_NOMEM;
	}
	leave_waiting(q);
	q->link->till_us = 0;
	buf_init(&s->out, ceiling);
	s->gone = gone;
	s->arg = arg;
	q->stream = s;
	q->link->streaming = q;
	loop_fd_start(q->http->loop, &s->peer, q->link->fd, LOOP_READ, on_peer, q);
	begin_answer(q, status, headers, n_headers);
	return 0;
}

int http_stream_push(struct http_request *q, const void *data, size_t len)
{
	struct stream *s = q->stream;

	if (s->ended || s->cut)
		return ERR_LIMIT;
	if (s->taken > 0) {
		memmove(s->out.data, s->out.data + s->taken,
			s->out.len - s->taken);
		s->out.len -= s->taken;
		s->taken = 0;
	}
	if (buf_add(&s->out, data, len) != 0) {
		cut(q);
		return ERR_LIMIT;
	}
	go_on(q);
	return 0;
}

void http_stream_end(struct http_request *q)
{
	q->stream->gone = NULL;
	q->stream->ended = true;
	set_deadline(q->link, clock_mono_us(), q->http->opt.whole_ms);
	go_on(q);
}

static void forget_stream(struct http_request *q)
{
	struct stream *s = q->stream;

	if (s == NULL)
		return;
	q->link->streaming = NULL;
	loop_fd_stop(q->http->loop, &s->peer);
	if (s->gone != NULL)
		s->gone(s->arg);
	buf_release(&s->out);
	free(s);
}

/* ---- from the head to the end --------------------------------------------------- */

static struct http_request *new_request(struct http *h,
					struct MHD_Connection *c,
					const char *path, const char *method)
{
	struct link *k = link_of(c);
	struct http_request *q = k != NULL ? calloc(1, sizeof(*q)) : NULL;

	if (q == NULL)
		return NULL;
	q->link = k;
	set_deadline(k, k->since_us, h->opt.whole_ms);
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
	q->link->till_us = 0;	/* it is our turn now */
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
	forget_stream(q);
	q->link->since_us = clock_mono_us();
	set_deadline(q->link, q->link->since_us, q->http->opt.head_ms);
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
		MHD_OPTION_NOTIFY_CONNECTION, on_link, h,
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
	h->fd = o->socket > 0 ? o->socket : http_port_open(host, port, e);
	if (h->fd < 0) {
		int rc = h->fd;

		free(h);
		return rc;
	}
	h->port = http_port_of(h->fd);
	loop_fd_start(l, &h->in, h->fd, LOOP_READ, on_first, h);
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	struct link *k;

	if (h == NULL)
		return;
	h->closing = true;
	for (k = h->links; k != NULL; k = k->next)
		if (k->streaming != NULL)
			http_stream_end(k->streaming);
	while (h->waiting != NULL)
		http_answer(h->waiting, 503, NULL, 0, "", 0);
	if (h->daemon != NULL)
		mhd.run(h->daemon);	/* let the last answers go */
	loop_fd_stop(h->loop, &h->in);
	loop_timer_stop(h->loop, &h->timer);
	loop_timer_stop(h->loop, &h->watch);
	loop_soon_stop(h->loop, &h->soon);
	if (h->daemon != NULL)
		mhd.stop_daemon(h->daemon);
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}
