/* gen.h -- Lua source out of bytes: each choice takes a byte; where the bytes end,
 * every choice is the first. */
#ifndef KEEL_FUZZ_GEN_H
#define KEEL_FUZZ_GEN_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

#define GEN_BYTES 32768

struct gen {
	const uint8_t *p, *end;
	char text[GEN_BYTES];
	size_t n;
};

static inline unsigned take(struct gen *g)
{
	return g->p < g->end ? *g->p++ : 0;
}

/* One of n. */
static inline unsigned pick(struct gen *g, unsigned n)
{
	return take(g) % n;
}

static inline void put(struct gen *g, const char *s)
{
	size_t n = strlen(s);

	if (n > GEN_BYTES - g->n)
		n = GEN_BYTES - g->n;
	memcpy(g->text + g->n, s, n);
	g->n += n;
}

static inline void putf(struct gen *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline void putf(struct gen *g, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(g, text);
}

static inline void put_byte(struct gen *g, unsigned c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ' ||
	    (c >= '(' && c <= '9'))
		putf(g, "%c", (int)c);
	else
		putf(g, "\\%03u", c);
}

#define COUNT(list) ((unsigned)(sizeof(list) / sizeof(*(list))))
#define PUT_ONE(g, list) put(g, (list)[pick(g, COUNT(list))])

/* How many more: 0 to most, small ones more often. */
static inline unsigned some(struct gen *g, unsigned most)
{
	unsigned a = pick(g, most + 1), b = pick(g, most + 1);

	return a < b ? a : b;
}

#endif
