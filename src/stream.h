/* stream.h -- connections to mail servers, over libcurl on the loop.
 *
 * libcurl connects, makes it TLS (at once, or by STARTTLS) and logs in; what is said
 * after that is the caller's, byte by byte: so the caller knows what the other side
 * can have seen when a connection breaks.
 *
 * What is promised:
 *   - certificates are verified; with `starttls` nothing is said over a connection that
 *     did not become TLS, the password least of all;
 *   - nothing is repeated and no connection is used twice;
 *   - nothing here waits: callbacks come from the loop, never from inside a call;
 *   - no message contains the user or the password. */
#ifndef KEEL_STREAM_H
#define KEEL_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "loop.h"

struct stream;

enum stream_outcome {
	STREAM_CLOSED,		/* the other side closed it                     */
	STREAM_LOST,		/* it broke                                     */
	STREAM_BAD_URL,
	STREAM_CONNECT,		/* no name, no route, refused, gone at once     */
	STREAM_TLS,		/* no secure connection, or not with them       */
	STREAM_TIMEOUT,		/* it did not stand in time                     */
	STREAM_AUTH,		/* the server does not take user and password   */
	STREAM_REFUSED,		/* the server does not want to talk             */
	STREAM_LOCAL		/* memory                                       */
};

const char *stream_outcome_name(enum stream_outcome o);

/* Borrowed during the call. */
struct stream_end {
	enum stream_outcome outcome;
	int status;		/* the last code of an SMTP server, or 0        */
	const struct buf *said;	/* what the server said until it stood          */
	const char *message;	/* for a person                                 */
};

struct stream_request {
	const char *url;	/* imap:// imaps:// smtp:// smtps://host[:port] */
	const char *user, *password;
	const char *ca_file;	/* NULL: the system's                           */
	bool starttls;		/* the plain schemes become TLS, or fail        */
	int64_t connect_ms;	/* until it stands and is logged in             */
	void (*on_open)(void *arg, const struct buf *said);
	void (*on_data)(void *arg, const void *p, size_t n);
	void (*on_end)(void *arg, const struct stream_end *end);	/* once */
	void *arg;
};

/* Begin; the request is copied. NULL with *e when it cannot even begin. */
struct stream *stream_open(struct loop *l, const struct stream_request *r,
			   struct err *e);
/* Send it, now and as the other side takes it. ERR_LIMIT: too much lies here unsent;
 * ERR_NETWORK: it is over, or does not stand yet. */
int stream_write(struct stream *s, const void *p, size_t n, struct err *e);
/* Bytes that surely nobody has seen. */
size_t stream_unsent(const struct stream *s);
/* End it without a callback and free it; allowed in callbacks. NULL is fine. */
void stream_close(struct stream *s);

#endif
