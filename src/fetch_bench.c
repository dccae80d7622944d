#include "fetch_bench.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "libcurl.h"
#include "loop.h"

struct slot {
	struct bench *bench;
	CURL *easy;
	int64_t start_us, held_us;
	size_t got;
};

struct bench {
	const struct fetch_bench *b;
	struct loop *loop;
	CURLM *multi;
	struct curl_slist *headers;
	struct slot *slots;
	struct loop_timer timer;
	int64_t *us;
	int started, done, failed;
};

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
	struct slot *s = arg;

	(void)one;
	if (n > 19 && strncasecmp(p, "x-request-id: held-", 19) == 0)
		s->held_us = strtoll(p + 19, NULL, 10);
	return n;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
	(void)p;
	(void)one;
	((struct slot *)arg)->got += n;
	return n;
}

static void start(struct slot *s)
{
	struct bench *b = s->bench;

	if (b->started >= b->b->calls)
		return;
	b->started++;
	s->held_us = 0;
	s->start_us = clock_mono_us();
	libcurl->multi_add_handle(b->multi, s->easy);
}

static void reap(struct bench *b)
{
	CURLMsg *m;
	struct slot *s;
	char *private;
	long status;
	int left;

	while ((m = libcurl->multi_info_read(b->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		libcurl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		libcurl->easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE,
				      &status);
		s = (struct slot *)(void *)private;
		b->failed += m->data.result != CURLE_OK || status != 200;
		b->us[b->done++] = clock_mono_us() - s->start_us - s->held_us;
		libcurl->multi_remove_handle(b->multi, s->easy);
		start(s);
	}
}

static void on_fd(void *arg, int fd, int events)
{
	struct bench *b = arg;
	int running;

	libcurl->multi_socket_action(b->multi, fd,
		(events & LOOP_READ ? CURL_CSELECT_IN : 0) |
		(events & LOOP_WRITE ? CURL_CSELECT_OUT : 0), &running);
	reap(b);
}

static void on_timer(void *arg)
{
	struct bench *b = arg;
	int running;

	libcurl->multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(b);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
	struct bench *b = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(b->loop, &b->timer);
	else
		loop_timer_start(b->loop, &b->timer, ms, 0, on_timer, b);
	return 0;
}

static int want_fd(CURL *easy, curl_socket_t fd, int what, void *arg,
		   void *socket_arg)
{
	struct bench *b = arg;
	struct loop_fd *w = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			loop_fd_stop(b->loop, w);
		free(w);
		return 0;
	}
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return -1;
		libcurl->multi_assign(b->multi, fd, w);
	}
	loop_fd_start(b->loop, w, fd, (what & CURL_POLL_IN ? LOOP_READ : 0) |
		      (what & CURL_POLL_OUT ? LOOP_WRITE : 0), on_fd, b);
	return 0;
}

static int prepare(struct bench *b, struct slot *s)
{
	const struct libcurl *c = libcurl;

	s->bench = b;
	s->easy = c->easy_init();
	if (s->easy == NULL)
		return ERR_NOMEM;
	c->easy_setopt(s->easy, CURLOPT_PRIVATE, s);
	c->easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
	c->easy_setopt(s->easy, CURLOPT_HTTPHEADER, b->headers);
	c->easy_setopt(s->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	c->easy_setopt(s->easy, CURLOPT_POST, 1L);
	c->easy_setopt(s->easy, CURLOPT_POSTFIELDS, b->b->body);
	c->easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		       (curl_off_t)b->b->len);
	c->easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, on_header);
	c->easy_setopt(s->easy, CURLOPT_HEADERDATA, s);
	c->easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
	c->easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	return c->easy_setopt(s->easy, CURLOPT_URL, b->b->url) == CURLE_OK
		? 0 : ERR_NOMEM;
}

static int set_up(struct bench *b, struct err *e)
{
	size_t i;
	int n, rc;

	if ((rc = libcurl_load(e)) != 0)
		return rc;
	b->loop = loop_open(e);
	if (b->loop == NULL)
		return ERR_NOMEM;
	b->multi = libcurl->multi_init();
	b->slots = calloc((size_t)b->b->concurrency, sizeof(*b->slots));
	if (b->multi == NULL || b->slots == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a bench");
	for (i = 0; i < b->b->header_count; i++)
		b->headers = libcurl->slist_append(b->headers, b->b->headers[i]);
	libcurl->multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, want_fd);
	libcurl->multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b);
	libcurl->multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	libcurl->multi_setopt(b->multi, CURLMOPT_TIMERDATA, b);
	for (n = 0; n < b->b->concurrency; n++)
		if (prepare(b, &b->slots[n]) != 0)
			return err_set(e, ERR_NOMEM, "no memory for a bench");
	return 0;
}

static void tear_down(struct bench *b)
{
	int n;

	for (n = 0; b->slots != NULL && n < b->b->concurrency; n++)
		if (b->slots[n].easy != NULL) {
			libcurl->multi_remove_handle(b->multi, b->slots[n].easy);
			libcurl->easy_cleanup(b->slots[n].easy);
		}
	if (b->multi != NULL)
		libcurl->multi_cleanup(b->multi);
	if (b->headers != NULL)
		libcurl->slist_free_all(b->headers);
	loop_close(b->loop);
	free(b->slots);
}

int fetch_bench(const struct fetch_bench *fb, int64_t *us, int64_t *wall_us,
		struct err *e)
{
	struct bench b = { .b = fb, .us = us };
	int64_t began;
	int n, rc = set_up(&b, e);

	began = clock_mono_us();
	for (n = 0; rc == 0 && n < fb->concurrency; n++)
		start(&b.slots[n]);
	while (rc == 0 && b.done < fb->calls && b.failed == 0)
		loop_turn(b.loop, true);
	*wall_us = clock_mono_us() - began;
	if (rc == 0 && b.failed > 0)
		rc = err_set(e, ERR_NETWORK, "the bare client's request failed");
	tear_down(&b);
	return rc;
}
