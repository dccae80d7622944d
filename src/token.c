#include "token.h"

#include <string.h>

/* Letters of U+00C0..U+017F and U+1E00..U+1EFF without their marks. Capitals
 * stand for two letters: E ae, O oe, S ss, T th, J ij; '?' folds to itself. */
static const char latin_1[] =
	"aaaaaaEceeeeiiiidnooooo ouuuuyTSaaaaaaEceeeeiiiidnooooo ouuuuyTy"
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiJJjjkkklllllll"
	"lllnnnnnnnnnooooooOOrrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
static const char latin_2[] =
	"aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"
	"mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"
	"wwwwwwwwwwxxxxyyzzzzzzhtwy????S?aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"
	"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy??????";

void token_read(struct token_reader *r, const void *text, size_t n)
{
	r->p = text;
	r->end = n > 0 ? r->p + n : r->p;
}

/* The code point at p and its length; 0 and 1 for what is not UTF-8. */
static uint32_t decode(const unsigned char *p, const unsigned char *end,
		       size_t *len)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2
		: p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	uint32_t c;
	size_t i;

	*len = 1;
	if (n == 1)
		return p[0];
	if (n == 0 || (size_t)(end - p) < n)
		return 0;
	c = p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	*len = n;
	return c;
}

static bool between(uint32_t c, uint32_t from, uint32_t to)
{
	return c >= from && c <= to;
}

static bool is_word(uint32_t c)
{
	if (c < 0x80)
		return between(c | 0x20, 'a', 'z') || between(c, '0', '9');
	if (c < 0xc0)
		return c == 0xaa || c == 0xb5 || c == 0xba;
	return c != 0xd7 && c != 0xf7 && c != 0x37e && c != 0x387 &&
	       !between(c, 0x2000, 0x206f) &&	/* punctuation         */
	       !between(c, 0x20a0, 0x20cf) &&	/* money               */
	       !between(c, 0x2190, 0x2bff) &&	/* arrows, symbols     */
	       !between(c, 0x2e00, 0x2e7f) && !between(c, 0x3000, 0x3003) &&
	       !between(c, 0x3008, 0x3020) && !between(c, 0xd800, 0xf8ff) &&
	       !between(c, 0xfe00, 0xfe6f) && !between(c, 0xff00, 0xff0f) &&
	       !between(c, 0xff1a, 0xff20) && !between(c, 0xfff0, 0xffff) &&
	       !between(c, 0x1f000, 0x1faff);	/* emoji               */
}

static uint32_t greek(uint32_t c)
{
	static const char *const marked =
		"\x86\xb1\x88\xb5\x89\xb7\x8a\xb9\x8c\xbf\x8e\xc5\x8f\xc9"
		"\x90\xb9\xac\xb1\xad\xb5\xae\xb7\xaf\xb9\xb0\xc5"
		"\xaa\xb9\xab\xc5\xca\xb9\xcb\xc5\xcc\xbf\xcd\xc5\xce\xc9"
		"\xc2\xc3";	/* the last: final sigma */
	const unsigned char *m = (const unsigned char *)marked;

	for (; *m != 0; m += 2)
		if (c == 0x300u + m[0])
			return 0x300u + m[1];
	return between(c, 0x391, 0x3a9) ? c + 0x20 : c;
}

static uint32_t cyrillic(uint32_t c)
{
	if (c == 0x401 || c == 0x451)
		return 0x435;
	if (c < 0x410)
		return c + 0x50;
	if (c < 0x430)
		return c + 0x20;
	return c >= 0x460 && c < 0x530 && !between(c, 0x480, 0x48f) &&
	       !between(c, 0x4c0, 0x4cf) ? c | 1 : c;
}

static uint32_t fold(uint32_t c)
{
	if (c < 0x80)
		return between(c, 'A', 'Z') ? c | 0x20 : c;
	if (between(c, 0xc0, 0x17f))
		return (unsigned char)latin_1[c - 0xc0];
	if (between(c, 0x1e00, 0x1eff) && latin_2[c - 0x1e00] != '?')
		return (unsigned char)latin_2[c - 0x1e00];
	if (between(c, 0x386, 0x3ce))
		return greek(c);
	if (between(c, 0x400, 0x52f))
		return cyrillic(c);
	return c;
}

/* Append the folded code point; false when the word is full. */
static bool put(struct token *t, uint32_t c)
{
	static const char pairs[] = "EaeOoeSssTthJij";
	const char *pair;
	char out[4];
	size_t n;

	if (c < 0x80) {
		pair = between(c, 'A', 'Z') ? strchr(pairs, (int)c) : NULL;
		n = pair ? 2 : 1;
		out[0] = pair ? pair[1] : (char)c;
		out[1] = pair ? pair[2] : 0;
	} else if (c < 0x800) {
		n = 2;
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		n = 3;
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
	} else {
		n = 4;
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 0x3f));
		out[2] = (char)(0x80 | (c >> 6 & 0x3f));
		out[3] = (char)(0x80 | (c & 0x3f));
	}
	if (t->n + n > sizeof(t->word))
		return false;
	memcpy(t->word + t->n, out, n);
	t->n += n;
	return true;
}

static const unsigned char *word_end(const unsigned char *p,
				     const unsigned char *end)
{
	size_t n;

	while (p < end && is_word(decode(p, end, &n)))
		p += n;
	return p;
}

/* Behind "it" of "it's": step over the ending. */
static const unsigned char *skip_ending(const unsigned char *p,
					const unsigned char *end)
{
	const unsigned char *q;
	size_t n;
	uint32_t c;

	if (p >= end)
		return p;
	c = decode(p, end, &n);
	if (c != '\'' && c != 0x2019)
		return p;
	q = word_end(p + n, end);
	return q > p + n && (size_t)(q - (p + n)) <= 2 ? q : p;
}

bool token_next(struct token_reader *r, struct token *t)
{
	bool room = true;
	size_t n;
	uint32_t c;

	do {
		while (r->p < r->end && !is_word(decode(r->p, r->end, &n)))
			r->p += n;
		if (r->p >= r->end)
			return false;
		t->at = r->p;
		t->n = 0;
		while (r->p < r->end && is_word(c = decode(r->p, r->end, &n))) {
			/* Marks that follow their letter go with folding. */
			if (room && !between(c, 0x300, 0x36f))
				room = put(t, fold(c));
			r->p += n;
		}
		t->len = (size_t)(r->p - t->at);
		r->p = skip_ending(r->p, r->end);
	} while (t->n == 0);
	return true;
}

/* Spaces, and punctuation that only parts: of no weight between words. */
static bool parts(uint32_t c)
{
	if (c <= ' ')
		return true;
	if (c < 0x80)
		return strchr(".,;:!?\"()[]{}*_#>|~`", (int)c) != NULL;
	return c == 0xa0 || c == 0xab || c == 0xbb || between(c, 0x2000, 0x200b) ||
	       between(c, 0x201c, 0x201f) || c == 0x2026;
}

static bool digit(uint32_t c)
{
	return between(c, '0', '9');
}

struct hashing {
	uint64_t h;
	uint32_t last;		/* code point before, ' ' after a gap */
};

static void hash_add(struct hashing *s, uint32_t c)
{
	struct token t = { .n = 0 };
	size_t i;

	put(&t, is_word(c) ? fold(c) : c == 0x2019 ? '\'' : c);
	for (i = 0; i < t.n; i++)
		s->h = (s->h ^ (unsigned char)t.word[i]) * 1099511628211u;
}

int64_t token_hash(const void *text, size_t n)
{
	struct hashing s = { 14695981039346656037u, ' ' };
	const unsigned char *p = text, *end = n > 0 ? p + n : p;
	bool gap = false;
	uint32_t c, next;
	size_t len, ignored;

	for (; p < end; p += len) {
		/* Plain letters and digits, as nearly all is. */
		if (s.last != ' ' && !gap && between(*p | 0x20, 'a', 'z')) {
			s.last = *p | 0x20;
			s.h = (s.h ^ s.last) * 1099511628211u;
			len = 1;
			continue;
		}
		c = decode(p, end, &len);
		if (c == 0 || between(c, 0x300, 0x36f))
			continue;
		next = p + len < end ? decode(p + len, end, &ignored) : ' ';
		if (parts(c) && !(c > ' ' && digit(s.last) && digit(next))) {
			gap = true;
			s.last = ' ';
			continue;
		}
		if (gap && s.h != 14695981039346656037u)
			s.h = (s.h ^ ' ') * 1099511628211u;
		gap = false;
		hash_add(&s, c);
		s.last = c;
	}
	return (int64_t)(s.h >> 1);
}
