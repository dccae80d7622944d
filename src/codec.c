#include "codec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A mark, or none when it is below 0, and a number. */
static void put_head(struct buf *b, int mark, uint64_t v)
{
	unsigned char bytes[11];
	size_t n = 0;

	if (mark >= 0)
		bytes[n++] = (unsigned char)mark;
	while (v >= 0x80) {
		bytes[n++] = (unsigned char)(v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (unsigned char)v;
	buf_add(b, bytes, n);
}

static void put_text(struct buf *b, int mark, const void *s, size_t n)
{
	put_head(b, mark, n);
	buf_add(b, s, n);
}

void codec_null(struct buf *b)
{
	buf_byte(b, CODEC_NULL);
}

void codec_bool(struct buf *b, bool v)
{
	buf_byte(b, v ? CODEC_TRUE : CODEC_FALSE);
}

void codec_int(struct buf *b, int64_t v)
{
	put_head(b, CODEC_INT, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void codec_float(struct buf *b, double v)
{
	unsigned char bytes[9] = { CODEC_FLOAT };
	uint64_t bits;
	int i;

	memcpy(&bits, &v, sizeof(bits));
	for (i = 0; i < 8; i++)
		bytes[1 + i] = (unsigned char)(bits >> (8 * i));
	buf_add(b, bytes, sizeof(bytes));
}

void codec_string(struct buf *b, const void *s, size_t n)
{
	put_text(b, CODEC_STRING, s, n);
}

void codec_cstring(struct buf *b, const char *s)
{
	if (s == NULL)
		codec_null(b);
	else
		codec_string(b, s, strlen(s));
}

void codec_array(struct buf *b, uint64_t n)
{
	put_head(b, CODEC_ARRAY, n);
}

void codec_object(struct buf *b, uint64_t n)
{
	put_head(b, CODEC_OBJECT, n);
}

void codec_key(struct buf *b, const void *s, size_t n)
{
	put_text(b, -1, s, n);
}

void codec_read(struct codec_reader *r, const void *p, size_t n)
{
	r->p = p;
	r->end = r->p + n;
}

static int take_varint(struct codec_reader *r, uint64_t *out)
{
	uint64_t v = 0;
	int shift;

	for (shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		unsigned char c = *r->p++;

		if (shift == 63 && c > 1)
			return ERR_DAMAGED;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			if (c == 0 && shift > 0)
				return ERR_DAMAGED;	/* not the short form */
			*out = v;
			return 0;
		}
	}
	return ERR_DAMAGED;
}

static int take_bytes(struct codec_reader *r, const unsigned char **s,
		      size_t *n)
{
	uint64_t len;

	if (take_varint(r, &len) || len > (uint64_t)(r->end - r->p))
		return ERR_DAMAGED;
	*s = r->p;
	*n = (size_t)len;
	r->p += len;
	return 0;
}

static int take_float(struct codec_reader *r, double *v)
{
	uint64_t bits = 0;
	int i;

	if (r->end - r->p < 8)
		return ERR_DAMAGED;
	for (i = 0; i < 8; i++)
		bits |= (uint64_t)r->p[i] << (8 * i);
	r->p += 8;
	memcpy(v, &bits, sizeof(bits));
	return isfinite(*v) ? 0 : ERR_DAMAGED;
}

int codec_next(struct codec_reader *r, struct codec_item *item)
{
	uint64_t v;

	if (r->p >= r->end || *r->p > CODEC_OBJECT)
		return ERR_DAMAGED;
	item->type = (enum codec_type)*r->p++;
	switch (item->type) {
	case CODEC_INT:
		if (take_varint(r, &v))
			return ERR_DAMAGED;
		item->integer = (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
		return 0;
	case CODEC_FLOAT:
		return take_float(r, &item->number);
	case CODEC_STRING:
		return take_bytes(r, &item->bytes, &item->len);
	case CODEC_ARRAY:
	case CODEC_OBJECT:
		/* every value takes a byte at least: a count beyond what is
		 * left is a lie that must not reach an allocation */
		if (take_varint(r, &v) || v > (uint64_t)(r->end - r->p))
			return ERR_DAMAGED;
		item->len = (size_t)v;
		return 0;
	default:
		return 0;
	}
}

int codec_next_key(struct codec_reader *r, const unsigned char **s, size_t *n)
{
	return take_bytes(r, s, n);
}

bool codec_key_ok(const unsigned char *s, size_t n)
{
	return memchr(s, 0, n) == NULL && codec_utf8(s, n);
}

static int walk(struct codec_reader *r, int depth, bool strict)
{
	const unsigned char *key, *last = NULL;
	size_t i, n, last_n = 0;
	struct codec_item item;
	int order;

	if (codec_next(r, &item))
		return ERR_DAMAGED;
	if (item.type == CODEC_STRING)
		return !strict || codec_utf8(item.bytes, item.len)
			? 0 : ERR_DAMAGED;
	if (item.type != CODEC_ARRAY && item.type != CODEC_OBJECT)
		return 0;
	if (depth >= CODEC_DEEPEST)
		return ERR_DAMAGED;
	for (i = 0; i < item.len; i++) {
		if (item.type == CODEC_OBJECT) {
			if (take_bytes(r, &key, &n))
				return ERR_DAMAGED;
			order = last == NULL ? -1 :
				memcmp(last, key, last_n < n ? last_n : n);
			if (order > 0 || (order == 0 && last_n >= n))
				return ERR_DAMAGED;
			if (strict && !codec_key_ok(key, n))
				return ERR_DAMAGED;
			last = key;
			last_n = n;
		}
		if (walk(r, depth + 1, strict))
			return ERR_DAMAGED;
	}
	return 0;
}

int codec_skip(struct codec_reader *r)
{
	return walk(r, 0, false);
}

int codec_check(const void *p, size_t n)
{
	struct codec_reader r;

	codec_read(&r, p, n);
	return walk(&r, 0, true) || r.p != r.end ? ERR_DAMAGED : 0;
}

int codec_member(const void *p, size_t n, const char *key,
		 struct codec_reader *r)
{
	size_t i, want = strlen(key), got;
	struct codec_item item;
	const unsigned char *s;

	codec_read(r, p, n);
	if (codec_next(r, &item) || item.type != CODEC_OBJECT)
		return ERR_NOTFOUND;
	for (i = 0; i < item.len; i++) {
		if (codec_next_key(r, &s, &got))
			return ERR_NOTFOUND;
		if (got == want && memcmp(s, key, want) == 0)
			return 0;
		if (codec_skip(r))
			return ERR_NOTFOUND;
	}
	return ERR_NOTFOUND;
}

/* Most floats of programs are a few digits with a point among them: v is digits /
 * 10^places when that division, which rounds once, gives v. No two texts of up to 15
 * digits mean the same float, so it is what %.15g would write. */
static bool few_digits(double v, uint64_t *digits, size_t *places)
{
	static const double tens[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7 };
	double size = fabs(v), scaled;

	if (!(size >= 1e-3 && size < 1e15) && v != 0)
		return false;
	for (*places = 0; *places < 8; ++*places) {
		scaled = size * tens[*places];
		if (scaled >= 1e15)
			return false;
		*digits = (uint64_t)(scaled + 0.5);
		if (*digits < 1000000000000000u &&
		    (double)*digits / tens[*places] == size)
			return true;
	}
	return false;
}

bool codec_float_quick(double v)
{
	size_t places;
	uint64_t digits;

	return few_digits(v, &digits, &places);
}

static bool quick_text(double v, char out[32])
{
	char text[32];
	size_t at = sizeof(text), places;
	uint64_t digits;

	if (!few_digits(v, &digits, &places))
		return false;
	text[--at] = 0;
	if (places == 0)
		text[--at] = '0';
	while (places-- > 0) {
		text[--at] = (char)('0' + digits % 10);
		digits /= 10;
	}
	text[--at] = '.';
	do
		text[--at] = (char)('0' + digits % 10);
	while ((digits /= 10) != 0);
	if (signbit(v))
		text[--at] = '-';
	memcpy(out, text + at, sizeof(text) - at);
	return true;
}

void codec_float_text(double v, char out[32])
{
	int digits, n = 0;

	if (quick_text(v, out))
		return;
	for (digits = 15; digits <= 17; digits++) {
		n = snprintf(out, 32, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			break;
	}
	if (strpbrk(out, ".eEn") == NULL)
		snprintf(out + n, 32 - (size_t)n, ".0");
}

/* The bytes of the character at s, which is not ASCII; 0 when it is none. */
static size_t sequence(const unsigned char *s, size_t n)
{
	unsigned char c = s[0];

	if (c < 0xc2 || c > 0xf4 || n < 2 || (s[1] & 0xc0) != 0x80)
		return 0;
	if (c < 0xe0)
		return 2;
	if (n < 3 || (s[2] & 0xc0) != 0x80)
		return 0;
	if (c < 0xf0)
		return (c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f)
		     ? 0 : 3;
	if (n < 4 || (s[3] & 0xc0) != 0x80)
		return 0;
	return (c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f) ? 0 : 4;
}

size_t codec_unseen(const unsigned char *s, size_t n)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	if (n >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
		return 2;
	if (n >= 2 && s[0] == 0xd8 && s[1] == 0x9c)
		return 2;
	if (n < 3 || s[0] != 0xe2)
		return 0;
	if (s[1] == 0x80 && ((s[2] >= 0xa8 && s[2] <= 0xae) || s[2] == 0x8e ||
			     s[2] == 0x8f))
		return 3;
	return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
}

size_t codec_ascii(const unsigned char *s, size_t n)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(&word, s + i, sizeof(word));
		if (word & 0x8080808080808080u)
			break;
	}
	return i;
}

bool codec_utf8(const unsigned char *s, size_t n)
{
	size_t step;

	while (n > 0) {
		if (s[0] < 0x80) {
			step = codec_ascii(s, n);
			step += step == 0;
		} else {
			step = sequence(s, n);
		}
		if (step == 0)
			return false;
		s += step;
		n -= step;
	}
	return true;
}
