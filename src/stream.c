#include "stream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libcurl.h"

#define curl (*libcurl)		/* loaded before the first stream */

#define PIECE (16 << 10)
#define PIECES 16			/* before others get their turn    */
#define SAID_MOST ((size_t)16 << 10)
#define UNSENT_MOST ((size_t)64 << 20)

struct stream {
	struct loop *loop;
	CURLM *multi;
	CURL *easy;
	struct loop_timer timer;
	struct loop_fd fd;
	struct loop_soon more;		/* what TLS holds wakes no descriptor */
	int sock;
	struct buf out, said;
	size_t sent;			/* of out                          */
	bool open, deaf, ended, closed;	/* deaf: they take no more         */
	int busy;			/* inside a callback of ours       */
	char curl_says[CURL_ERROR_SIZE];
	struct stream_request r;	/* the callbacks; texts are NULL   */
};

const char *stream_outcome_name(enum stream_outcome o)
{
	static const char *const names[] = {
		"closed", "lost", "bad_url", "connect", "tls", "timeout",
		"auth", "refused", "local"
	};

	return names[o];
}

/* ---- the end -------------------------------------------------------------- */

static void leave_curl(struct stream *s)
{
	loop_fd_stop(s->loop, &s->fd);
	loop_soon_stop(s->loop, &s->more);
	if (s->easy != NULL) {
		curl.multi_remove_handle(s->multi, s->easy);
		curl.easy_cleanup(s->easy);
	}
	if (s->multi != NULL)
		curl.multi_cleanup(s->multi);
	loop_timer_stop(s->loop, &s->timer);
	s->easy = NULL;
	s->multi = NULL;
}

static void release(struct stream *s)
{
	leave_curl(s);
	if (s->out.data != NULL)
		explicit_bzero(s->out.data, s->out.len);
	buf_release(&s->out);
	buf_release(&s->said);
	free(s);
}

static void end(struct stream *s, enum stream_outcome outcome, const char *why)
{
	struct stream_end it = { outcome, 0, &s->said, why };
	long status = 0;

	if (s->ended)
		return;
	s->ended = true;
	if (s->easy != NULL)
		curl.easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	it.status = (int)status;
	leave_curl(s);
	s->r.on_end(s->r.arg, &it);
}

/* Callbacks may close the stream: whoever entered last frees it. */
static void left(struct stream *s)
{
	if (--s->busy == 0 && s->closed)
		release(s);
}

/* ---- once it stands: bytes ------------------------------------------------- */

static void on_ready(void *arg, int fd, int events);

static void watch(struct stream *s)
{
	bool writes = !s->deaf && s->sent < s->out.len;

	loop_fd_start(s->loop, &s->fd, s->sock,
		      LOOP_READ | (writes ? LOOP_WRITE : 0), on_ready, s);
}

/* Who takes no more may have said why: what can be read still is. */
static void flush(struct stream *s)
{
	CURLcode code = CURLE_OK;
	size_t n;

	while (!s->deaf && s->sent < s->out.len && code == CURLE_OK) {
		n = 0;
		code = curl.easy_send(s->easy, s->out.data + s->sent,
				      s->out.len - s->sent, &n);
		s->sent += n;
		s->deaf = code != CURLE_OK && code != CURLE_AGAIN;
	}
	if (s->sent == s->out.len) {
		buf_reset(&s->out);
		s->sent = 0;
	}
	watch(s);
}

static void read_more(void *arg);

static void pump(struct stream *s)
{
	char piece[PIECE];
	CURLcode code = CURLE_OK;
	size_t n;
	int i;

	for (i = 0; i < PIECES && !s->closed && !s->ended; i++) {
		n = 0;
		code = curl.easy_recv(s->easy, piece, sizeof(piece), &n);
		if (code == CURLE_AGAIN)
			return;
		if (code != CURLE_OK)
			end(s, STREAM_LOST, "the connection broke");
		else if (n == 0)
			end(s, STREAM_CLOSED, "the server closed the connection");
		else
			s->r.on_data(s->r.arg, piece, n);
	}
	if (!s->closed && !s->ended)
		loop_soon_start(s->loop, &s->more, read_more, s);
}

static void read_more(void *arg)
{
	struct stream *s = arg;

	s->busy++;
	pump(s);
	left(s);
}

static void on_ready(void *arg, int fd, int events)
{
	struct stream *s = arg;

	(void)fd;
	s->busy++;
	if (events & LOOP_WRITE)
		flush(s);
	if (events & LOOP_READ)
		pump(s);
	left(s);
}

static void opened(struct stream *s)
{
	curl_socket_t sock = CURL_SOCKET_BAD;

	curl.easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &sock);
	if (sock == CURL_SOCKET_BAD) {
		end(s, STREAM_LOST, "the connection broke");
		return;
	}
	s->sock = sock;
	s->open = true;
	watch(s);
	loop_soon_start(s->loop, &s->more, read_more, s);
	s->r.on_open(s->r.arg, &s->said);
}

/* ---- until it stands: libcurl on the loop ----------------------------------- */

static enum stream_outcome outcome_of(CURLcode code)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return STREAM_BAD_URL;
	case CURLE_USE_SSL_FAILED:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return STREAM_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return STREAM_TIMEOUT;
	case CURLE_LOGIN_DENIED:
	case CURLE_AUTH_ERROR:
		return STREAM_AUTH;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_REMOTE_ACCESS_DENIED:
		return STREAM_REFUSED;
	case CURLE_OUT_OF_MEMORY:
		return STREAM_LOCAL;
	default:
		return STREAM_CONNECT;
	}
}

static void clean(char *text)
{
	for (; *text != 0; text++)
		if ((unsigned char)*text < 0x20)
			*text = ' ';
}

/* After every call into libcurl that may have moved the transfer. */
static void reap(struct stream *s)
{
	CURLMsg *m;
	CURLcode code;
	int n;

	s->busy++;
	while (s->multi != NULL && !s->closed &&
	       (m = curl.multi_info_read(s->multi, &n)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result;
		clean(s->curl_says);
		if (code == CURLE_OK)
			opened(s);
		else
			end(s, outcome_of(code), s->curl_says[0] != 0
			    ? s->curl_says : curl.easy_strerror(code));
	}
	left(s);
}

static void on_fd(void *arg, int fd, int events)
{
	struct stream *s = arg;
	int running;

	curl.multi_socket_action(s->multi, fd,
				 (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
				 (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0),
				 &running);
	reap(s);
}

static void on_timer(void *arg)
{
	struct stream *s = arg;
	int running;

	curl.multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(s);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
	struct stream *s = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(s->loop, &s->timer);
	else
		loop_timer_start(s->loop, &s->timer, ms, 0, on_timer, s);
	return 0;
}

static int want_fd(CURL *easy, curl_socket_t fd, int what, void *arg,
		   void *socket_arg)
{
	struct stream *s = arg;
	struct loop_fd *w = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_fd_stop(s->loop, w);
		free(w);
		return 0;
	}
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return -1;
		curl.multi_assign(s->multi, fd, w);
	}
	loop_fd_start(s->loop, w, fd, (what & CURL_POLL_IN ? LOOP_READ : 0) |
		      (what & CURL_POLL_OUT ? LOOP_WRITE : 0), on_fd, s);
	return 0;
}

/* What the server says until it stands; more than that is nobody's interest. */
static size_t on_said(char *p, size_t one, size_t n, void *arg)
{
	struct stream *s = arg;

	(void)one;
	if (s->said.len + n <= SAID_MOST)
		buf_add(&s->said, p, n);
	return n;
}

/* ---- open and close ---------------------------------------------------------- */

static bool one_line(const char *s)
{
	for (; s != NULL && *s != 0; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int check_request(const struct stream_request *r, struct err *e)
{
	static const char *const schemes[] = {
		"imap://", "imaps://", "smtp://", "smtps://"
	};
	size_t i;

	if (!one_line(r->url))
		return err_set(e, ERR_INPUT, "a URL has control characters");
	if (!one_line(r->user) || !one_line(r->password))
		return err_set(e, ERR_INPUT, "user and password must have no "
			       "line ends or control characters");
	for (i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(r->url, schemes[i], strlen(schemes[i])) == 0)
			return 0;
	return err_set(e, ERR_INPUT, "a mail server's URL must begin with "
		       "imap://, imaps://, smtp:// or smtps://");
}

static int set_up_multi(struct stream *s)
{
	s->multi = curl.multi_init();
	if (s->multi == NULL)
		return ERR_NOMEM;
	curl.multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, want_fd);
	curl.multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
	curl.multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl.multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
	return 0;
}

static int set_text(CURL *h, CURLoption option, const char *text)
{
	return text == NULL || curl.easy_setopt(h, option, text) == CURLE_OK
		? 0 : ERR_NOMEM;
}

static int set_up(struct stream *s, const struct stream_request *r)
{
	long ms = (long)(r->connect_ms > 0 ? r->connect_ms : 30000);
	CURL *h = curl.easy_init();

	s->easy = h;
	if (h == NULL || set_up_multi(s) != 0)
		return ERR_NOMEM;
	curl.easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
	curl.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "imap,imaps,smtp,smtps");
	curl.easy_setopt(h, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl.easy_setopt(h, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl.easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl.easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl.easy_setopt(h, CURLOPT_USE_SSL, r->starttls ? (long)CURLUSESSL_ALL
							 : (long)CURLUSESSL_NONE);
	curl.easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl.easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, ms);
	curl.easy_setopt(h, CURLOPT_TIMEOUT_MS, ms);
	curl.easy_setopt(h, CURLOPT_HEADERFUNCTION, on_said);
	curl.easy_setopt(h, CURLOPT_HEADERDATA, s);
	curl.easy_setopt(h, CURLOPT_ERRORBUFFER, s->curl_says);
	if (set_text(h, CURLOPT_URL, r->url) != 0 ||
	    set_text(h, CURLOPT_USERNAME, r->user) != 0 ||
	    set_text(h, CURLOPT_PASSWORD, r->password) != 0 ||
	    set_text(h, CURLOPT_CAINFO, r->ca_file) != 0)
		return ERR_NOMEM;
	return curl.multi_add_handle(s->multi, h) == CURLM_OK ? 0 : ERR_NOMEM;
}

struct stream *stream_open(struct loop *l, const struct stream_request *r,
			   struct err *e)
{
	struct stream *s;

	if (check_request(r, e) != 0 || libcurl_load(e) != 0)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->loop = l;
		s->r = *r;
		s->r.url = s->r.user = s->r.password = s->r.ca_file = NULL;
		buf_init(&s->out, UNSENT_MOST);
		buf_init(&s->said, SAID_MOST);
		if (set_up(s, r) == 0)
			return s;
		release(s);
	}
	err_set(e, ERR_NOMEM, "no memory for a connection");
	return NULL;
}

int stream_write(struct stream *s, const void *p, size_t n, struct err *e)
{
	if (!s->open || s->ended)
		return err_set(e, ERR_NETWORK, "the connection is closed");
	if (buf_add(&s->out, p, n) != 0)
		return buf_err(&s->out, e, "what is to be sent");
	flush(s);
	return 0;
}

size_t stream_unsent(const struct stream *s)
{
	return s->out.len - s->sent;
}

void stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->busy > 0) {
		s->closed = s->ended = true;
		leave_curl(s);
		return;
	}
	release(s);
}
