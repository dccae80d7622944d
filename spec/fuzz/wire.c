/* wire.c -- any bytes, in any pieces, to the two doors of an engine: the unix socket
 * tells just the lines that were sent, until one is too long; the HTTP server tells
 * whole requests within the limits, and what it answers begins as an answer. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "fuzz.h"
#include "http.h"
#include "socket.h"

#define LINE 200
#define BODY 300
#define TURNS 2000

static struct loop *loop;
static struct socket_server *lines;
static struct http *web;
static char path[64];

static struct buf told;
static bool closed, too_long;
static int requests;
static struct http_request *held;

/* ---- the socket -------------------------------------------------------------- */

static void on_line(void *arg, struct socket *s, const char *p, size_t n)
{
	struct err e;

	(void)arg;
	expect(n <= LINE && memchr(p, '\n', n) == NULL);
	buf_add(&told, p, n);
	buf_byte(&told, '\n');
	(void)socket_send(s, p, n, &e);
}

static void on_closed(void *arg, struct socket *s, const struct err *why)
{
	(void)arg;
	(void)s;
	closed = true;
	too_long = why != NULL;
}

static void on_accepted(void *arg, struct socket *s)
{
	(void)arg;
	(void)s;
}

/* ---- the web -------------------------------------------------------------------- */

static void on_pair(void *arg, const char *name, const char *value)
{
	expect(name != NULL);
	*(size_t *)arg += strlen(name) + (value != NULL ? strlen(value) : 0);
}

static void answer(struct http_request *q)
{
	const struct http_header type = { "Content-Type", "text/plain" };
	size_t n = 0, len = 0;
	const void *body = http_body(q, &len);

	expect(len <= BODY);
	expect(http_method(q)[0] != 0);
	http_each(q, HTTP_HEADER, on_pair, &n);
	http_each(q, HTTP_QUERY, on_pair, &n);
	http_answer(q, 200, &type, 1, len > 0 ? body : "none", len > 0 ? len : 4);
}

/* Every other one is answered a while later, if it is still there then. */
static void on_told(void *arg, struct http_request *q)
{
	(void)arg;
	expect(http_path(q) != NULL);
	if (requests++ % 2 == 0 || held != NULL) {
		answer(q);
		return;
	}
	held = q;
	http_hold(q, &held);
}

/* ---- both ------------------------------------------------------------------------- */

static void open_all(void)
{
	struct socket_hooks hooks = { on_accepted, on_line, on_closed, NULL };
	struct http_options o = { .body_bytes = BODY, .idle_s = 5, .connections = 100, .told = on_told };
	struct err e;

	loop = loop_open(&e);
	expect(loop != NULL);
	snprintf(path, sizeof(path), "/tmp/keel-fuzz-%d.sock", (int)getpid());
	expect(socket_listen(&lines, loop, path, LINE, &hooks, &e) == 0);
	if (http_open(&web, loop, "127.0.0.1", 0, &o, &e) != 0) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
}

static int connect_line(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	expect(connect(fd, (void *)&a, sizeof(a)) == 0);
	return fd;
}

static int connect_web(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)http_port(web)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	expect(connect(fd, (void *)&a, sizeof(a)) == 0);
	return fd;
}

static void turn(int n)
{
	while (n-- > 0)
		(void)loop_turn(loop, false);
}

/* Pieces as long as the first bytes say. */
static void send_pieces(int fd, const uint8_t *p, size_t n)
{
	const uint8_t *lengths = p;
	size_t at = 0, piece;
	int i;

	for (i = 0; at < n; i = (i + 1) % 4) {
		piece = n >= 4 ? (size_t)lengths[i] + 1 : n;
		if (piece > n - at)
			piece = n - at;
		if (send(fd, p + at, piece, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		at += piece;
		turn(2);
	}
	shutdown(fd, SHUT_WR);
}

/* What the lines of the bytes are, as they must be told. */
static void check_lines(const uint8_t *p, size_t n)
{
	const uint8_t *end;
	size_t at = 0;

	while (n > 0) {
		end = memchr(p, '\n', n);
		if ((end != NULL ? (size_t)(end - p) : n) > LINE) {
			expect(told.len == at);
			expect(too_long);
			return;
		}
		if (end == NULL)
			break;
		expect(told.len >= at + (size_t)(end - p) + 1);
		expect(memcmp(told.data + at, p, (size_t)(end - p) + 1) == 0);
		at += (size_t)(end - p) + 1;
		n -= (size_t)(end - p) + 1;
		p = end + 1;
	}
	expect(told.len == at);
}

static void to_socket(const uint8_t *p, size_t n)
{
	int fd = connect_line(), i;

	buf_init(&told, 1 << 20);
	closed = too_long = false;
	turn(2);
	send_pieces(fd, p, n);
	for (i = 0; i < TURNS && !closed; i++)
		turn(1);
	expect(closed);
	check_lines(p, n);
	close(fd);
	buf_release(&told);
}

static void to_web(const uint8_t *p, size_t n)
{
	char text[4096];
	int fd = connect_web(), i;
	ssize_t got = 0, first = 0;

	requests = 0;
	turn(2);
	send_pieces(fd, p, n);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (i = 0; i < 40; i++) {
		turn(1);
		if (i == 10 && held != NULL)
			answer(held);
		got = recv(fd, text, sizeof(text), 0);
		if (got > 0 && first == 0) {
			first = got;
			expect(got < 9 || memcmp(text, "HTTP/1.", 7) == 0);
		}
		if (got == 0)
			break;
	}
	close(fd);
	turn(4);
	expect(held == NULL || requests > 0);
	if (held != NULL)
		answer(held);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (loop == NULL)
		open_all();
	if (n < 2)
		return 0;
	if (p[0] % 2)
		to_socket(p + 1, n - 1);
	else
		to_web(p + 1, n - 1);
	return 0;
}
