/* codec.h -- the bytes in which Keel keeps values: journal, payloads, digests.
 *
 * JSON loses what a journal must not: integers above 2^53, the last digits of
 * floats, the difference between {} and []. So a value is one of
 *
 *   00                       null
 *   01 / 02                  false / true
 *   03 v                     integer   v = zigzag LEB128, at most 10 bytes
 *   04 d                     float     d = IEEE 754 double, 8 bytes, little end
 *   05 n bytes               string    n = LEB128 length in bytes, UTF-8
 *   06 n value*              array     n = LEB128 count
 *   07 n (len bytes value)*  object    n = count; keys ascending by bytes
 *
 * The form is canonical: equal values have equal bytes, so a hash of the bytes
 * is a hash of the value. Numbers of the float kind stay floats (1.0 is not 1);
 * NaN and infinities cannot be written. CODEC_DEPTH arrays and objects may lie in
 * one another. A key holds no NUL: JSON readers would not take it back. */
#ifndef KEEL_CODEC_H
#define KEEL_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#define CODEC_DEPTH 100
#define CODEC_DEEPEST (CODEC_DEPTH + 8)	/* read: a list of rows that hold values */
#define CODEC_BYTES ((size_t)64 << 20)	/* no single value is larger */

enum codec_type {
	CODEC_NULL, CODEC_FALSE, CODEC_TRUE, CODEC_INT, CODEC_FLOAT,
	CODEC_STRING, CODEC_ARRAY, CODEC_OBJECT
};

/* Writing. An array or object is its head and then its n values, each value of
 * an object behind its key; the caller sorts keys. Failures stay in b->failed. */
void codec_null(struct buf *b);
void codec_bool(struct buf *b, bool v);
void codec_int(struct buf *b, int64_t v);
void codec_float(struct buf *b, double v);
void codec_string(struct buf *b, const void *s, size_t n);
void codec_array(struct buf *b, uint64_t n);
void codec_object(struct buf *b, uint64_t n);
void codec_key(struct buf *b, const void *s, size_t n);
void codec_cstring(struct buf *b, const char *s);	/* NULL writes null */

/* Reading: a cursor over borrowed bytes. */
struct codec_reader {
	const unsigned char *p, *end;
};

struct codec_item {
	enum codec_type type;
	int64_t integer;		/* CODEC_INT                          */
	double number;			/* CODEC_FLOAT                        */
	const unsigned char *bytes;	/* CODEC_STRING, borrowed             */
	size_t len;			/* of bytes; of the array or object   */
};

void codec_read(struct codec_reader *r, const void *p, size_t n);

/* Take the next head (for arrays and objects the values follow). 0 or
 * ERR_DAMAGED. */
int codec_next(struct codec_reader *r, struct codec_item *item);
/* Take a key of an object. */
int codec_next_key(struct codec_reader *r, const unsigned char **s, size_t *n);
/* Step over one whole value. */
int codec_skip(struct codec_reader *r);

/* 0 when the n bytes are one whole canonical value, else ERR_DAMAGED. */
int codec_check(const void *p, size_t n);

/* Find a member of the object at p; *r then stands on its value. Returns
 * ERR_NOTFOUND when there is none (or p is no object). */
int codec_member(const void *p, size_t n, const char *key,
		 struct codec_reader *r);

/* A shortest decimal text that reads back as the same double; keeps ".0". Some 20 ns for
 * floats of few digits; 1 to 3 us, by their size, for those that are not `quick`. */
void codec_float_text(double v, char out[32]);
bool codec_float_quick(double v);

/* Whether the n bytes are well-formed UTF-8 (no surrogates, no overlongs). */
bool codec_utf8(const unsigned char *s, size_t n);

/* How many of the n bytes, from the first on, are ASCII; up to 7 fewer. */
size_t codec_ascii(const unsigned char *s, size_t n);

/* How many of the n bytes (at least one) at s are a character that shows nothing
 * itself but drives a terminal, begins a line or turns the direction of what is
 * read: controls (C1 too), U+2028 and U+2029, direction marks. 0 for others. */
size_t codec_unseen(const unsigned char *s, size_t n);

/* Whether they can be the key of an object. */
bool codec_key_ok(const unsigned char *s, size_t n);

#endif
