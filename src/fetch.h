/* fetch.h -- HTTP requests to the outside, over libcurl on the loop.
 *
 * libcurl is loaded when the first client is opened, not when the program
 * starts: a process that never calls out does not carry it.
 *
 * What is promised:
 *   - one fetch_start() sends the request at most once: nothing is repeated
 *     behind the caller's back, not even on a kept-alive connection that died;
 *   - redirects are not followed: a 3xx is a reply like any other;
 *   - certificates are verified; proxies are those of the environment;
 *   - everything has a ceiling: the header, the body after decompression, and
 *     four times (connect, first byte, stall, total);
 *   - no message contains a header, a body or the query of a URL;
 *   - callbacks come from the loop, never from inside fetch_start(). */
#ifndef KEEL_FETCH_H
#define KEEL_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "loop.h"

struct fetch;
struct fetch_call;

struct fetch *fetch_open(struct loop *l, struct err *e);
/* Open calls are dropped without a callback. NULL is fine. */
void fetch_close(struct fetch *f);

enum fetch_outcome {
	FETCH_OK,		/* a whole reply, whatever its status           */
	FETCH_BAD_URL,		/* the request could not be put together        */
	FETCH_CONNECT,		/* no name, no route, refused                   */
	FETCH_TLS,		/* no secure connection, or not with them       */
	FETCH_TIMEOUT,		/* one of the four times; see sent and begun    */
	FETCH_LOST,		/* broken before any byte of a reply            */
	FETCH_CUT,		/* broken inside the reply                      */
	FETCH_TOO_LARGE,	/* header or body over its ceiling              */
	FETCH_PROTOCOL,		/* what came is not HTTP, or wrongly compressed */
	FETCH_LOCAL,		/* memory, descriptors                          */
	FETCH_PRIVATE		/* public_only, and no address of it is public  */
};

const char *fetch_outcome_name(enum fetch_outcome o);

/* A zero takes the default. Times are milliseconds. */
struct fetch_limits {
	int64_t connect_ms;	/* 10 s: name, TCP, TLS, proxy                  */
	int64_t first_byte_ms;	/* 120 s: from connected to the reply's first   */
	int64_t stall_ms;	/* 60 s: between bytes of the reply             */
	int64_t total_ms;	/* 600 s                                        */
	size_t header_bytes;	/* 64 KiB                                       */
	size_t body_bytes;	/* 32 MiB after decompression                   */
};

/* What on_data and done see; borrowed during the call. */
struct fetch_reply {
	enum fetch_outcome outcome;
	int status;		/* 0 before a status line                       */
	bool sent;		/* the other side may have seen the request     */
	bool begun;		/* bytes of a reply came                        */
	const struct buf *header;	/* raw lines of the last reply head     */
	const struct buf *body;		/* empty when on_data took it           */
	int64_t connect_us, first_byte_us, total_us;	/* from the start       */
	const char *message;	/* for a person, when the outcome is not OK     */
};

struct fetch_request {
	const char *method;		/* "GET" when NULL                      */
	const char *url;		/* http:// or https://                  */
	const char *const *headers;	/* lines "Name: value"                  */
	size_t header_count;
	const void *body;		/* NULL: none                           */
	size_t body_len;
	const char *ca_file;		/* NULL: the system's                   */
	/* Connect to addresses of the open internet alone (address.h), whatever the
	 * name comes to when it is looked up; on a connection of its own, past any
	 * proxy, which would look it up itself. */
	bool public_only;
	struct fetch_limits limits;
	/* Each piece of the body as it comes, for replies with any status;
	 * NULL gathers it in reply->body. */
	void (*on_data)(void *arg, const struct fetch_reply *r,
			const void *p, size_t n);
	void (*done)(void *arg, const struct fetch_reply *r);	/* once         */
	void *arg;
};

/* Begin; the request is copied. NULL with *e when it cannot even begin:
 * ERR_INPUT for a URL or header that is none. The call is freed after done. */
struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *r,
			       struct err *e);
/* End it now; done will not be called. Allowed in callbacks, its own too. */
void fetch_cancel(struct fetch_call *c);

#endif
