#include "fetch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "clock.h"
#include "fetch_handle.h"

#define curl (*libcurl)		/* loaded before the first client */

/* ---- what there is -------------------------------------------------------- */

#define PIECES_MOST ((size_t)4 << 20)	/* of a body between two tellings */

struct fetch {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct fetch_call *calls;		/* all of them                 */
	struct fetch_call *ready, **ready_end;	/* with something to tell      */
	struct fetch_handles handles;
};

struct fetch_call {
	struct fetch *fetch;
	struct fetch_call *next, **at;		/* among fetch->calls          */
	struct fetch_call *ready_next;
	bool is_ready;
	struct fetch_handle handle;
	void *request_body;
	struct buf header, body;
	size_t received, body_limit;
	struct fetch_limits limits;
	struct loop_timer patience;		/* first byte, then stall      */
	int64_t start_us, heard_us;
	struct fetch_reply reply;
	char message[CURL_ERROR_SIZE + 64];
	char curl_says[CURL_ERROR_SIZE];
	bool ended, cancelled;
	bool refused;				/* an address: public_only     */
	int busy;				/* inside a callback of ours   */
	void (*on_data)(void *arg, const struct fetch_reply *r, const void *p,
			size_t n);
	void (*done)(void *arg, const struct fetch_reply *r);
	void *arg;
};

const char *fetch_outcome_name(enum fetch_outcome o)
{
	static const char *const names[] = {
		"ok", "bad_url", "connect", "tls", "timeout", "lost", "cut",
		"too_large", "protocol", "local", "private"
	};

	return names[o];
}

/* ---- the end of a call ---------------------------------------------------- */

static void make_ready(struct fetch_call *c)
{
	struct fetch *f = c->fetch;

	if (c->is_ready || c->busy > 0)
		return;
	c->is_ready = true;
	c->ready_next = NULL;
	*f->ready_end = c;
	f->ready_end = &c->ready_next;
}

static void unready(struct fetch_call *c)
{
	struct fetch_call **p = &c->fetch->ready;

	if (!c->is_ready)
		return;
	while (*p != c)
		p = &(*p)->ready_next;
	*p = c->ready_next;
	if (*p == NULL)
		c->fetch->ready_end = p;
	c->is_ready = false;
}

/* Take it away from libcurl; keeps the handle for another call of its kind. */
static void leave_curl(struct fetch_call *c)
{
	struct fetch *f = c->fetch;

	loop_timer_stop(f->loop, &c->patience);
	if (c->handle.easy == NULL)
		return;
	curl.multi_remove_handle(f->multi, c->handle.easy);
	fetch_handle_give(&f->handles, &c->handle);
}

static void free_call(struct fetch_call *c)
{
	unready(c);
	leave_curl(c);
	if (c->next != NULL)
		c->next->at = c->at;
	*c->at = c->next;
	free(c->request_body);
	buf_release(&c->header);
	buf_release(&c->body);
	free(c);
}

static void end_call(struct fetch_call *c, enum fetch_outcome outcome,
		     const char *why)
{
	size_t i;

	if (c->ended)
		return;
	c->ended = true;
	c->reply.outcome = outcome;
	snprintf(c->message, sizeof(c->message), "%s", why);
	for (i = 0; c->message[i] != 0; i++)
		if ((unsigned char)c->message[i] < 0x20)
			c->message[i] = ' ';
	c->reply.message = outcome == FETCH_OK ? NULL : c->message;
	c->reply.total_us = clock_mono_us() - c->start_us;
	leave_curl(c);
	make_ready(c);
}

/* Callbacks may cancel, start others, or turn the loop: the call is `busy`
 * meanwhile, so that nobody frees it or enters it twice. */
static void tell(struct fetch_call *c)
{
	void *piece;
	size_t n;

	c->busy++;
	while (c->on_data != NULL && c->body.len > 0 && !c->cancelled) {
		piece = buf_take(&c->body, &n);
		if (piece == NULL)
			break;
		c->on_data(c->arg, &c->reply, piece, n);
		free(piece);
	}
	if (c->ended && !c->cancelled) {
		c->cancelled = true;
		c->done(c->arg, &c->reply);
	}
	c->busy--;
	if (c->cancelled)
		free_call(c);
}

static void tell_all(struct fetch *f)
{
	struct fetch_call *c;

	while ((c = f->ready) != NULL) {
		unready(c);
		tell(c);
	}
}

/* ---- what libcurl's answers mean ----------------------------------------- */

static enum fetch_outcome outcome_of(const struct fetch_call *c, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return FETCH_OK;
	case CURLE_URL_MALFORMAT:
	case CURLE_LOGIN_DENIED:	/* a name or password in the URL */
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* the second is also said of a reply that is not HTTP */
		return c->reply.sent ? FETCH_PROTOCOL : FETCH_BAD_URL;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		if (c->refused)
			return FETCH_PRIVATE;
		return FETCH_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return FETCH_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return FETCH_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return FETCH_LOCAL;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return FETCH_PROTOCOL;
	default:
		if (!c->reply.sent)
			return FETCH_CONNECT;
		return c->reply.begun ? FETCH_CUT : FETCH_LOST;
	}
}

static void ended_by_curl(struct fetch_call *c, CURLcode code)
{
	const char *why = c->curl_says[0] != 0 ? c->curl_says
					       : curl.easy_strerror(code);

	if (c->refused && code == CURLE_COULDNT_CONNECT)
		why = "its name leads to a private address";
	if (code == CURLE_ABORTED_BY_CALLBACK)	/* by before_request */
		why = "the connection was closed before a reply";
	/* a line of the header that is longer than libcurl takes */
	if (c->header.failed == ERR_LIMIT ||
	    (code == CURLE_OUT_OF_MEMORY && c->reply.sent))
		end_call(c, FETCH_TOO_LARGE, "the reply's header is too large");
	else if (c->received > c->body_limit || c->body.failed == ERR_LIMIT)
		end_call(c, FETCH_TOO_LARGE, "the reply's body is too large");
	else if (c->header.failed != 0 || c->body.failed != 0)
		end_call(c, FETCH_LOCAL, "no memory for the reply");
	else
		end_call(c, outcome_of(c, code), why);
}

/* After every call into libcurl that may have moved transfers. */
static void reap(struct fetch *f)
{
	CURLMsg *m;
	int left;
	struct fetch_call *c;
	char *private;

	while ((m = curl.multi_info_read(f->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		c = (struct fetch_call *)(void *)private;
		ended_by_curl(c, m->data.result);
	}
	tell_all(f);
}

/* ---- libcurl on the loop --------------------------------------------------- */

static void on_fd(void *arg, int fd, int events)
{
	struct fetch *f = arg;
	int running;

	curl.multi_socket_action(f->multi, fd,
				 (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
				 (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0),
				 &running);
	reap(f);
}

static void on_timer(void *arg)
{
	struct fetch *f = arg;
	int running;

	curl.multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(f);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
	struct fetch *f = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(f->loop, &f->timer);
	else
		loop_timer_start(f->loop, &f->timer, ms, 0, on_timer, f);
	return 0;
}

static int want_fd(CURL *easy, curl_socket_t fd, int what, void *arg,
		   void *socket_arg)
{
	struct fetch *f = arg;
	struct loop_fd *w = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_fd_stop(f->loop, w);
		free(w);
		return 0;
	}
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return -1;
		curl.multi_assign(f->multi, fd, w);
	}
	loop_fd_start(f->loop, w, fd, (what & CURL_POLL_IN ? LOOP_READ : 0) |
		      (what & CURL_POLL_OUT ? LOOP_WRITE : 0), on_fd, f);
	return 0;
}

/* ---- one call, as libcurl tells it ---------------------------------------- */

static void lose_patience(void *arg)
{
	struct fetch_call *c = arg;
	struct fetch *f = c->fetch;
	int64_t limit_ms = c->reply.begun ? c->limits.stall_ms
					  : c->limits.first_byte_ms;
	int64_t left_ms = limit_ms -
			  (clock_mono_us() - c->heard_us) / 1000;

	/* Bytes only note their time; the timer finds out here. */
	if (left_ms > 0) {
		loop_timer_start(f->loop, &c->patience, left_ms, 0,
				 lose_patience, c);
		return;
	}
	end_call(c, FETCH_TIMEOUT, c->reply.begun ?
		 "the reply stalled" : "no reply began in time");
	tell_all(f);
}

/* Called when the connection stands and the request is about to be written.
 * libcurl repeats a request when a kept-alive connection dies under it, which
 * for a paid POST could mean to pay twice: the second time we refuse. */
static int before_request(void *arg, char *ip, char *local_ip, int port,
			  int local_port)
{
	struct fetch_call *c = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	if (c->reply.sent)
		return CURL_PREREQFUNC_ABORT;
	c->reply.sent = true;
	c->heard_us = clock_mono_us();
	c->reply.connect_us = c->heard_us - c->start_us;
	loop_timer_start(c->fetch->loop, &c->patience, c->limits.first_byte_ms,
			 0, lose_patience, c);
	return CURL_PREREQFUNC_OK;
}

static void heard(struct fetch_call *c)
{
	c->heard_us = clock_mono_us();
	if (c->reply.begun)
		return;
	c->reply.begun = true;
	c->reply.first_byte_us = c->heard_us - c->start_us;
	loop_timer_start(c->fetch->loop, &c->patience, c->limits.stall_ms, 0,
			 lose_patience, c);
}

/* A new status line begins a new head: what came before was an interim reply. */
static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
	struct fetch_call *c = arg;
	long status;

	(void)one;
	heard(c);
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		buf_reset(&c->header);
		curl.easy_getinfo(c->handle.easy, CURLINFO_RESPONSE_CODE, &status);
		c->reply.status = (int)status;
	}
	return buf_add(&c->header, p, n) == 0 ? n : 0;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
	struct fetch_call *c = arg;

	(void)one;
	heard(c);
	c->received += n;
	if (c->received > c->body_limit || buf_add(&c->body, p, n) != 0)
		return 0;
	if (c->on_data != NULL)
		make_ready(c);
	return n;
}

/* ---- open and close ------------------------------------------------------- */

struct fetch *fetch_open(struct loop *l, struct err *e)
{
	struct fetch *f;

	if (libcurl_load(e) != 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f != NULL)
		f->multi = curl.multi_init();
	if (f == NULL || f->multi == NULL) {
		free(f);
		err_set(e, ERR_NOMEM, "no memory for an HTTP client");
		return NULL;
	}
	f->loop = l;
	f->ready_end = &f->ready;
	curl.multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, want_fd);
	curl.multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl.multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl.multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl.multi_setopt(f->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return f;
}

void fetch_close(struct fetch *f)
{
	if (f == NULL)
		return;
	while (f->calls != NULL)
		free_call(f->calls);
	fetch_handles_drop(&f->handles);
	curl.multi_cleanup(f->multi);
	loop_timer_stop(f->loop, &f->timer);
	free(f);
}

/* ---- start and cancel ------------------------------------------------------ */

static bool one_line(const char *s)
{
	for (; *s != 0; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t')
			return false;
	return true;
}

/* Every socket that libcurl is about to connect, with where to. */
static curl_socket_t open_public(void *arg, curlsocktype why,
				 struct curl_sockaddr *to)
{
	struct fetch_call *c = arg;

	(void)why;
	if (!address_is_public(&to->addr)) {
		c->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int check_request(const struct fetch_request *r, struct err *e)
{
	size_t i;

	if (strncasecmp(r->url, "http://", 7) != 0 &&
	    strncasecmp(r->url, "https://", 8) != 0)
		return err_set(e, ERR_INPUT,
			       "a URL must begin with http:// or https://");
	if (!one_line(r->url))
		return err_set(e, ERR_INPUT, "a URL has control characters");
	for (i = 0; i < r->header_count; i++)
		if (!one_line(r->headers[i]))
			return err_set(e, ERR_INPUT, "header %zu has line ends "
				       "or control characters", i + 1);
	return 0;
}

static void set_limits(struct fetch_call *c, const struct fetch_limits *given)
{
	struct fetch_limits *l = &c->limits;

	*l = *given;
	l->connect_ms = l->connect_ms > 0 ? l->connect_ms : 10000;
	l->first_byte_ms = l->first_byte_ms > 0 ? l->first_byte_ms : 120000;
	l->stall_ms = l->stall_ms > 0 ? l->stall_ms : 60000;
	l->total_ms = l->total_ms > 0 ? l->total_ms : 600000;
	l->header_bytes = l->header_bytes > 0 ? l->header_bytes : 64 << 10;
	l->body_bytes = l->body_bytes > 0 ? l->body_bytes : 32 << 20;
	buf_init(&c->header, l->header_bytes);
	buf_init(&c->body, l->body_bytes);
	c->body_limit = l->body_bytes;
}

static void set_own(struct fetch_call *c, const struct fetch_request *r)
{
	CURL *h = c->handle.easy;

	if (r->body != NULL) {
		curl.easy_setopt(h, CURLOPT_POSTFIELDS, c->request_body);
		curl.easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)r->body_len);
	}
	curl.easy_setopt(h, CURLOPT_PRIVATE, c);
	curl.easy_setopt(h, CURLOPT_ERRORBUFFER, c->curl_says);
	curl.easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)c->limits.connect_ms);
	curl.easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)c->limits.total_ms);
	curl.easy_setopt(h, CURLOPT_PREREQDATA, c);
	if (r->public_only)
		curl.easy_setopt(h, CURLOPT_OPENSOCKETDATA, c);
	curl.easy_setopt(h, CURLOPT_HEADERDATA, c);
	curl.easy_setopt(h, CURLOPT_WRITEDATA, c);
}

static struct fetch_call *new_call(struct fetch *f,
				   const struct fetch_request *r)
{
	struct fetch_call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->fetch = f;
	c->next = f->calls;
	if (c->next != NULL)
		c->next->at = &c->next;
	c->at = &f->calls;
	f->calls = c;
	set_limits(c, &r->limits);
	c->reply.header = &c->header;
	c->reply.body = &c->body;
	c->on_data = r->on_data;
	/* what is told piece by piece is not held for long, whatever it comes to */
	if (c->on_data != NULL && c->limits.body_bytes > PIECES_MOST)
		buf_init(&c->body, PIECES_MOST);
	c->done = r->done;
	c->arg = r->arg;
	c->start_us = clock_mono_us();
	return c;
}

static int fill_call(struct fetch_call *c, const struct fetch_request *r)
{
	static const struct fetch_hooks hooks = {
		before_request, open_public, on_header, on_body
	};

	if (r->body != NULL) {
		c->request_body = malloc(r->body_len + 1);
		if (c->request_body == NULL)
			return ERR_NOMEM;
		memcpy(c->request_body, r->body, r->body_len);
	}
	if (fetch_handle_take(&c->fetch->handles, r, &hooks, &c->handle) != 0)
		return ERR_NOMEM;
	set_own(c, r);
	return curl.multi_add_handle(c->fetch->multi, c->handle.easy) == CURLM_OK
		? 0 : ERR_NOMEM;
}

struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *r,
			       struct err *e)
{
	struct fetch_call *c;

	if (check_request(r, e) != 0)
		return NULL;
	c = new_call(f, r);
	if (c != NULL && fill_call(c, r) != 0) {
		free_call(c);
		c = NULL;
	}
	if (c == NULL)
		err_set(e, ERR_NOMEM, "no memory for an HTTP request");
	return c;
}

void fetch_cancel(struct fetch_call *c)
{
	if (c->busy > 0) {
		c->cancelled = true;
		leave_curl(c);
		return;
	}
	free_call(c);
}
