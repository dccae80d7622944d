/* json.h -- JSON text in and out of codec bytes.
 *
 * Reading is jansson's (integers up to 64 bits stay exact, [] and {} stay
 * apart, duplicate keys and trailing text are errors); an integer that does
 * not fit becomes a float. Writing is ours, because it must be exact: all 64 bits
 * of integers, the shortest text that reads back as the same float. */
#ifndef KEEL_JSON_H
#define KEEL_JSON_H

#include "codec.h"

/* Append the value of the n bytes of text to out. ERR_INPUT says line and
 * column; ERR_LIMIT when it nests deeper than CODEC_DEPTH. */
int json_read(const char *text, size_t n, struct buf *out, struct err *e);

/* Append the JSON text of the codec value at p to out; indent is the number of
 * spaces a level, or 0 for one line. ERR_DAMAGED when p is no codec value. */
int json_write(const void *p, size_t n, int indent, struct buf *out,
	       struct err *e);

/* Append s (UTF-8) as a quoted JSON string. What would drive a terminal that shows
 * it, or turn its direction, is spelled \uXXXX: the same value to a program. */
void json_quote(const unsigned char *s, size_t n, struct buf *out);

#endif
