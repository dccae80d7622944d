/* buf.h -- growing bytes, with a ceiling.
 *
 * A buf never grows past its limit: the call that would fails with ERR_LIMIT
 * and the buf keeps what it had. After a failure the buf is `failed`, and later
 * appends fail too, so a caller may write a whole document and check once. */
#ifndef KEEL_BUF_H
#define KEEL_BUF_H

#include <stddef.h>

#include "err.h"

struct buf {
	unsigned char *data;	/* NULL while empty; not NUL-terminated    */
	size_t len, cap;	/* bytes                                   */
	size_t limit;		/* ceiling in bytes                        */
	int failed;		/* 0, ERR_NOMEM or ERR_LIMIT               */
};

void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b);

/* Forget the content and a failure, keep the memory. */
void buf_reset(struct buf *b);

/* Make room for n more bytes and return where they go (len is not moved), or
 * NULL with b->failed set. */
unsigned char *buf_reserve(struct buf *b, size_t n);

int buf_add(struct buf *b, const void *p, size_t n);
int buf_byte(struct buf *b, unsigned char c);
int buf_str(struct buf *b, const char *s);
int buf_fmt(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The bytes, malloced, become yours (with a NUL behind them that does not
 * count); the buf is empty afterwards. NULL when memory is short. */
void *buf_take(struct buf *b, size_t *len);

/* Say in *e why b failed; returns b->failed. */
int buf_err(const struct buf *b, struct err *e, const char *what);

#endif
