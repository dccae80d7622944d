#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t limit)
{
	memset(b, 0, sizeof(*b));
	b->limit = limit;
}

void buf_release(struct buf *b)
{
	free(b->data);
	buf_init(b, b->limit);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
}

unsigned char *buf_reserve(struct buf *b, size_t n)
{
	unsigned char *grown;
	size_t cap;

	if (b->failed)
		return NULL;
	if (n <= b->cap - b->len)
		return b->data + b->len;
	if (n > b->limit || b->len > b->limit - n) {
		b->failed = ERR_LIMIT;
		return NULL;
	}
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap - b->len < n)
		cap *= 2;
	grown = realloc(b->data, cap);
	if (grown == NULL) {
		b->failed = ERR_NOMEM;
		return NULL;
	}
	b->data = grown;
	b->cap = cap;
	return b->data + b->len;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	unsigned char *to;

	if (n == 0)
		return b->failed;
	to = buf_reserve(b, n);
	if (to == NULL)
		return b->failed;
	memcpy(to, p, n);
	b->len += n;
	return 0;
}

int buf_byte(struct buf *b, unsigned char c)
{
	return buf_add(b, &c, 1);
}

int buf_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(b, (size_t)n + 1) == NULL)
		return b->failed ? b->failed : (b->failed = ERR_NOMEM);
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void *buf_take(struct buf *b, size_t *len)
{
	unsigned char *data = realloc(b->data, b->len + 1);

	if (data == NULL)
		return NULL;
	data[b->len] = 0;
	*len = b->len;
	b->data = NULL;
	b->len = b->cap = 0;
	return data;
}

int buf_err(const struct buf *b, struct err *e, const char *what)
{
	if (b->failed == ERR_LIMIT)
		return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes",
			       what, b->limit);
	if (b->failed)
		return err_set(e, ERR_NOMEM, "no memory for %s", what);
	return 0;
}
