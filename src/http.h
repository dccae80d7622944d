/* http.h -- requests in, replies out: an HTTP server on the loop.
 *
 * The port is open from the start, but the server behind it (libmicrohttpd, and
 * what that pulls in) is loaded when the first connection comes: an engine that
 * nobody asks pays nothing for being askable.
 *
 * A request is told when all of it is there, within the limits of size and of
 * time; it is answered once, then or later, whole or as a stream. Nothing is
 * checked here but form and size. Who sends or reads too slowly is hung up on:
 * nothing here ever waits for a client. */
#ifndef KEEL_HTTP_H
#define KEEL_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "loop.h"

struct http;
struct http_request;

struct http_options {
	size_t body_bytes;	/* of a request; more is answered with 413 */
	int idle_s;		/* a silent connection is closed           */
	int head_ms;		/* for the head of a request, counted from the
				 * answer before it: no trickle holds a place */
	int whole_ms;		/* for all of a request; then again for the
				 * client to take its whole answer         */
	int connections;	/* at once                                 */
	int socket;		/* above 0: one that listens there already; it
				 * is the server's then, also on failure   */
	void (*told)(void *arg, struct http_request *q);
	void *arg;
};

/* Listen; port 0 picks one. host is an address, or "localhost". ERR_LOCKED when
 * somebody else listens there. */
int http_open(struct http **out, struct loop *l, const char *host, int port,
	      const struct http_options *o, struct err *e);
/* Requests that wait for an answer get 503. */
void http_close(struct http *h);
int http_port(const struct http *h);
int http_socket(const struct http *h);	/* borrowed */

/* ---- a request, borrowed from the telling until the answer -------------- */

const char *http_method(const struct http_request *q);
const char *http_path(const struct http_request *q);	/* decoded */
const void *http_body(const struct http_request *q, size_t *len);

enum http_part { HTTP_HEADER, HTTP_QUERY };

/* Call each(arg, name, value) for all headers or query fields, as they came;
 * value may be NULL (a query field without "="). */
void http_each(const struct http_request *q, enum http_part part,
	       void (*each)(void *arg, const char *name, const char *value),
	       void *arg);

/* *where, which points to q, becomes NULL when q is answered, by whomever. */
void http_hold(struct http_request *q, struct http_request **where);

struct http_header {
	const char *name, *value;
};

/* Answer: all is copied. The request is gone for the caller. */
void http_answer(struct http_request *q, int status,
		 const struct http_header *headers, size_t n_headers,
		 const void *body, size_t len);

/* ---- a streamed answer --------------------------------------------------- */

/* Answer with a stream that goes on until http_stream_end, or until the client
 * leaves or lags: gone(arg) is called then, once, and q is gone for the caller;
 * also after http_stream_end, which is gone without a word. Headers are copied.
 * More than `ceiling` bytes that the client did not take yet cut it off. */
int http_stream(struct http_request *q, int status,
		const struct http_header *headers, size_t n_headers,
		size_t ceiling, void (*gone)(void *arg), void *arg);
/* ERR_LIMIT when the client lags: it is cut, and gone() comes in a later turn. */
int http_stream_push(struct http_request *q, const void *data, size_t len);
void http_stream_end(struct http_request *q);

/* Whether two texts are the same, in a time that tells nothing of where they
 * differ. */
bool http_same(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
