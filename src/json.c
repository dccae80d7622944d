#include "json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int emit(json_t *v, int depth, struct buf *out, struct err *e);

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int emit_object(json_t *v, int depth, struct buf *out, struct err *e)
{
	size_t n = json_object_size(v), i = 0;
	const char **keys, *key;
	json_t *member;
	int rc = 0;

	keys = malloc((n ? n : 1) * sizeof(*keys));
	if (keys == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an object");
	json_object_foreach(v, key, member)
		keys[i++] = key;
	qsort(keys, n, sizeof(*keys), by_bytes);
	codec_object(out, n);
	for (i = 0; i < n && rc == 0; i++) {
		codec_key(out, keys[i], strlen(keys[i]));
		rc = emit(json_object_get(v, keys[i]), depth + 1, out, e);
	}
	free(keys);
	return rc;
}

static int emit_array(json_t *v, int depth, struct buf *out, struct err *e)
{
	size_t n = json_array_size(v), i;
	int rc = 0;

	codec_array(out, n);
	for (i = 0; i < n && rc == 0; i++)
		rc = emit(json_array_get(v, i), depth + 1, out, e);
	return rc;
}

static int emit(json_t *v, int depth, struct buf *out, struct err *e)
{
	if (depth >= CODEC_DEPTH && (json_is_array(v) || json_is_object(v)))
		return err_set(e, ERR_LIMIT, "JSON nests deeper than %d levels",
			       CODEC_DEPTH);
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return emit_object(v, depth, out, e);
	case JSON_ARRAY:
		return emit_array(v, depth, out, e);
	case JSON_STRING:
		codec_string(out, json_string_value(v), json_string_length(v));
		return 0;
	case JSON_INTEGER:
		codec_int(out, json_integer_value(v));
		return 0;
	case JSON_REAL:
		codec_float(out, json_real_value(v));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		codec_bool(out, json_is_true(v));
		return 0;
	default:
		codec_null(out);
		return 0;
	}
}

/* A number beyond 64 bits is legal JSON, so it is read a second time with every
 * integer as a float rather than refused. */
static json_t *parse(const char *text, size_t n, json_error_t *why)
{
	size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_t *v = json_loadb(text, n, flags, why);

	if (v == NULL && json_error_code(why) == json_error_numeric_overflow)
		v = json_loadb(text, n, flags | JSON_DECODE_INT_AS_REAL, why);
	return v;
}

int json_read(const char *text, size_t n, struct buf *out, struct err *e)
{
	size_t start = out->len;
	json_error_t why;
	json_t *v = parse(text, n, &why);
	int rc;

	if (v == NULL)
		return err_set(e, ERR_INPUT, "bad JSON at line %d, column %d: %s",
			       why.line, why.column, why.text);
	rc = emit(v, 0, out, e);
	json_decref(v);
	if (rc == 0 && out->failed)
		rc = buf_err(out, e, "JSON text");
	if (rc != 0 && !out->failed)
		out->len = start;
	return rc;
}

/* A character that must not stand there itself, n bytes long, as six at most. */
static size_t spell_unseen(const unsigned char *s, size_t n, unsigned char *out)
{
	static const char hex[] = "0123456789abcdef";
	unsigned int code = s[0];

	if (n == 2)
		code = (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
	else if (n == 3)
		code = (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 |
		       (s[2] & 0x3fu);
	out[0] = '\\';
	if (code == '\n' || code == '\t' || code == '\r') {
		out[1] = code == '\n' ? 'n' : code == '\t' ? 't' : 'r';
		return 2;
	}
	out[1] = 'u';
	out[2] = (unsigned char)hex[code >> 12];
	out[3] = (unsigned char)hex[code >> 8 & 15];
	out[4] = (unsigned char)hex[code >> 4 & 15];
	out[5] = (unsigned char)hex[code & 15];
	return 6;
}

/* Bytes that begin nothing to be spelled: all of ASCII that is seen but " and \, and
 * all others but those that codec_unseen knows. */
static bool seen(unsigned char c)
{
	if (c < 0x80)
		return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
	return c != 0xc2 && c != 0xd8 && c != 0xe2;
}

#define ONES 0x0101010101010101u
#define TOPS 0x8080808080808080u
/* Whether a byte of w is 0, and below n <= 128 where none has its top bit set. */
#define HAS_ZERO(w)	(((w) - ONES) & ~(w) & TOPS)
#define HAS_LESS(w, n)	(((w) - ONES * (n)) & ~(w) & TOPS)

/* How many bytes at s stand for themselves. */
static size_t run_of_seen(const unsigned char *s, size_t n)
{
	size_t i = 0;
	uint64_t w;

	for (; i + 8 <= n; i += 8) {
		memcpy(&w, s + i, 8);
		if ((w & TOPS) || HAS_LESS(w, 0x20) ||
		    HAS_ZERO(w ^ ONES * '"') || HAS_ZERO(w ^ ONES * '\\') ||
		    HAS_ZERO(w ^ ONES * 0x7f))
			break;
	}
	while (i < n && seen(s[i]))
		i++;
	return i;
}

/* The character at s, which may have to be spelled; returns its bytes. */
static size_t spell(const unsigned char *s, size_t n, unsigned char *to,
		    size_t *at)
{
	size_t unseen;

	if (s[0] != '"' && s[0] != '\\') {
		unseen = s[0] < 0x20 ? 1 : codec_unseen(s, n);
		if (unseen > 0) {
			*at += spell_unseen(s, unseen, to + *at);
			return unseen;
		}
	} else {
		to[(*at)++] = '\\';
	}
	to[(*at)++] = s[0];
	return 1;
}

/* What is spelled goes through here, so that a text of nothing else is no slower than
 * its length. */
#define SPELLED 240

void json_quote(const unsigned char *s, size_t n, struct buf *out)
{
	unsigned char held[SPELLED + 8];
	size_t i = 0, from, h = 0;

	held[h++] = '"';
	while (i < n) {
		if (h > SPELLED - 8) {
			buf_add(out, held, h);
			h = 0;
		}
		if (!seen(s[i])) {
			i += spell(s + i, n - i, held, &h);
			continue;
		}
		from = i;
		i += run_of_seen(s + i, n - i);
		if (i - from <= SPELLED - h) {
			memcpy(held + h, s + from, i - from);
			h += i - from;
		} else {
			buf_add(out, held, h);
			buf_add(out, s + from, i - from);
			h = 0;
		}
	}
	held[h++] = '"';
	buf_add(out, held, h);
}

static void newline(struct buf *out, int indent, int depth)
{
	int i;

	if (indent == 0)
		return;
	buf_byte(out, '\n');
	for (i = 0; i < indent * depth; i++)
		buf_byte(out, ' ');
}

static void put_integer(int64_t v, struct buf *out)
{
	uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (v < 0)
		digits[--at] = '-';
	buf_add(out, digits + at, sizeof(digits) - at);
}

static int text_of(struct codec_reader *r, int indent, int depth,
		   struct buf *out);

static int text_of_members(struct codec_reader *r, const struct codec_item *it,
			   int indent, int depth, struct buf *out)
{
	bool object = it->type == CODEC_OBJECT;
	const unsigned char *key;
	size_t i, n;

	if (depth >= CODEC_DEEPEST)
		return ERR_DAMAGED;
	buf_byte(out, object ? '{' : '[');
	for (i = 0; i < it->len; i++) {
		if (i > 0)
			buf_byte(out, ',');
		newline(out, indent, depth + 1);
		if (object) {
			if (codec_next_key(r, &key, &n))
				return ERR_DAMAGED;
			json_quote(key, n, out);
			buf_str(out, indent ? ": " : ":");
		}
		if (text_of(r, indent, depth + 1, out))
			return ERR_DAMAGED;
	}
	if (it->len > 0)
		newline(out, indent, depth);
	buf_byte(out, object ? '}' : ']');
	return 0;
}

static int text_of(struct codec_reader *r, int indent, int depth,
		   struct buf *out)
{
	struct codec_item it;
	char number[32];

	if (codec_next(r, &it))
		return ERR_DAMAGED;
	switch (it.type) {
	case CODEC_NULL:
		buf_str(out, "null");
		return 0;
	case CODEC_FALSE:
		buf_str(out, "false");
		return 0;
	case CODEC_TRUE:
		buf_str(out, "true");
		return 0;
	case CODEC_INT:
		put_integer(it.integer, out);
		return 0;
	case CODEC_FLOAT:
		codec_float_text(it.number, number);
		buf_str(out, number);
		return 0;
	case CODEC_STRING:
		json_quote(it.bytes, it.len, out);
		return 0;
	default:
		return text_of_members(r, &it, indent, depth, out);
	}
}

int json_write(const void *p, size_t n, int indent, struct buf *out,
	       struct err *e)
{
	struct codec_reader r;

	codec_read(&r, p, n);
	if (text_of(&r, indent, 0, out))
		return err_set(e, ERR_DAMAGED, "not a stored value");
	return buf_err(out, e, "JSON text");
}
