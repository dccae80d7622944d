#include "stub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

#define REQUEST_MOST 65536
#define EVENTS 16		/* of a stream */

static const char usage[] = "\"usage\":{\"prompt_tokens\":250,\"completion_tokens\""
	":40,\"total_tokens\":290}";
static const char words[] = "A model's answer of about the usual length, so that "
	"reading it costs what it costs every day: it names two things, weighs one "
	"against the other, and ends with a sentence that sums both up in few words.";

struct guest {
	int fd;
	size_t have;
	int64_t asked_us, due_us, step_us;	/* due 0: nothing is owed */
	int left;				/* events of a stream still to come */
	size_t place;				/* in the heap, from 1; 0: not there */
	char in[REQUEST_MOST];
};

/* Those that are owed something, the soonest first. */
static struct guest **heap;
static size_t owed, room;
static uint64_t chance = 88172645463325252u;

static uint64_t next_chance(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

static void settle(size_t i, struct guest *g)
{
	heap[i] = g;
	g->place = i;
}

static void rise(size_t i)
{
	struct guest *g = heap[i];

	for (; i > 1 && heap[i / 2]->due_us > g->due_us; i /= 2)
		settle(i, heap[i / 2]);
	settle(i, g);
}

static void sink(size_t i)
{
	struct guest *g = heap[i];
	size_t child;

	while ((child = 2 * i) <= owed) {
		if (child < owed && heap[child + 1]->due_us < heap[child]->due_us)
			child++;
		if (heap[child]->due_us >= g->due_us)
			break;
		settle(i, heap[child]);
		i = child;
	}
	settle(i, g);
}

static bool owe(struct guest *g)
{
	struct guest **more;

	if (owed + 2 > room) {
		more = realloc(heap, 2 * (owed + 64) * sizeof(*heap));
		if (more == NULL)
			return false;
		heap = more;
		room = 2 * (owed + 64);
	}
	settle(++owed, g);
	rise(owed);
	return true;
}

static void forgive(struct guest *g)
{
	size_t i = g->place;
	struct guest *last;

	if (i == 0)
		return;
	last = heap[owed--];
	g->place = 0;
	if (last == g)
		return;
	settle(i, last);
	rise(i);
	sink(last->place);
}

static void leave(struct guest *g)
{
	forgive(g);
	close(g->fd);
	free(g);
}

/* Small replies always find room in an open connection's buffer. */
static bool say(struct guest *g, const char *text, int n)
{
	return send(g->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool answer_whole(struct guest *g)
{
	char body[1024], out[1400];
	int n, m;

	n = snprintf(body, sizeof(body), "{\"id\":\"c\",\"object\":\"chat.completion\","
		"\"created\":1,\"model\":\"stub\",\"choices\":[{\"index\":0,\"message\":"
		"{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
		"%s}", words, usage);
	m = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Type: "
		"application/json\r\nX-Request-Id: held-%lld\r\nContent-Length: %d\r\n\r\n%s",
		(long long)(clock_mono_us() - g->asked_us), n, body);
	return say(g, out, m);
}

static bool answer_event(struct guest *g)
{
	char event[512], out[600];
	int n, m;

	if (g->left > 1)
		n = snprintf(event, sizeof(event), "data: {\"choices\":[{\"index\":0,"
			"\"delta\":{\"content\":\" word\"},\"finish_reason\":%s}]}\n\n",
			g->left == 2 ? "\"stop\"" : "null");
	else
		n = snprintf(event, sizeof(event), "data: {\"choices\":[],%s}\n\n"
			"data: [DONE]\n\n", usage);
	m = snprintf(out, sizeof(out), "%x\r\n%s\r\n%s", n, event,
		     g->left == 1 ? "0\r\n\r\n" : "");
	return say(g, out, m);
}

/* Say what is due. False when the guest is gone. */
static bool pay(struct guest *g)
{
	bool ok;

	forgive(g);
	if (g->left == 0) {
		ok = answer_whole(g);
	} else {
		ok = answer_event(g);
		g->left--;
		g->due_us += g->step_us;
		if (ok && g->left > 0)
			return owe(g);
	}
	g->due_us = 0;
	if (!ok)
		leave(g);
	return ok;
}

static const char streaming[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	"Transfer-Encoding: chunked\r\n\r\n";

static bool hear(struct guest *g, const char *head, const char *body, size_t n)
{
	long long low, high, hold;

	if (sscanf(head, "POST /%lld-%lld", &low, &high) != 2)
		low = high = 0;
	hold = low + (high > low ? (long long)(next_chance() %
					       (uint64_t)(high - low)) : 0);
	g->asked_us = clock_mono_us();
	g->due_us = g->asked_us + hold;
	g->left = 0;
	if (memmem(body, n, "\"stream\":true", 13) != NULL) {
		g->left = EVENTS + 1;
		g->step_us = hold / EVENTS;
		if (!say(g, streaming, (int)sizeof(streaming) - 1)) {
			leave(g);
			return false;
		}
	}
	if (hold == 0 && g->left == 0)
		return pay(g);
	return owe(g);
}

/* One whole request is handled at a time: our guests do not send two at once. */
static void read_guest(struct guest *g)
{
	ssize_t n = recv(g->fd, g->in + g->have, sizeof(g->in) - 1 - g->have, 0);
	const char *stop, *length;
	size_t head, need;

	if (n <= 0) {
		leave(g);
		return;
	}
	g->have += (size_t)n;
	g->in[g->have] = 0;
	stop = strstr(g->in, "\r\n\r\n");
	if (stop == NULL) {
		if (g->have == sizeof(g->in) - 1)
			leave(g);
		return;
	}
	head = (size_t)(stop - g->in) + 4;
	length = strcasestr(g->in, "content-length:");
	need = head + (length != NULL ? strtoul(length + 15, NULL, 10) : 0);
	if (need > sizeof(g->in) - 1) {
		leave(g);
		return;
	}
	if (g->have < need)
		return;
	g->have = 0;
	hear(g, g->in, g->in + head, need - head);
}

static void greet(int listener, int poll)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct guest *g = fd >= 0 ? malloc(sizeof(*g)) : NULL;

	if (g == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	memset(g, 0, offsetof(struct guest, in));
	g->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	ev.data.ptr = g;
	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &ev);
}

static void pay_all(void)
{
	while (owed > 0 && heap[1]->due_us <= clock_mono_us())
		pay(heap[1]);
}

static int open_listener(int *port, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 ||
	    listen(fd, 2048) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
		err_errno(e, errno, "listening for the bench");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

int stub_serve(void (*listening)(int port), struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN }, got[256];
	int i, n, port, wait_ms, poll, listener = open_listener(&port, e);
	int64_t late_us;

	if (listener < 0)
		return ERR_IO;
	poll = epoll_create1(EPOLL_CLOEXEC);
	ev.data.ptr = NULL;
	if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &ev) != 0)
		return err_errno(e, errno, "waiting for the bench");
	listening(port);
	for (;;) {
		pay_all();
		wait_ms = -1;
		if (owed > 0) {
			late_us = clock_mono_us() - heap[1]->due_us;
			wait_ms = late_us >= 0 ? 0 : (int)(-late_us / 1000);
		}
		n = epoll_wait(poll, got, 256, wait_ms);
		for (i = 0; i < n; i++) {
			if (got[i].data.ptr == NULL)
				greet(listener, poll);
			else
				read_guest(got[i].data.ptr);
		}
	}
}
