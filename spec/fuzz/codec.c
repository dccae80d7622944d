/* codec.c -- any bytes: refused, or a value that survives every way of reading it.
 *
 * What codec_check() lets through must be readable by the cursor to its last byte,
 * and must come back as the same bytes from JSON text, indented or not. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json.h"

/* Read a value with the cursor alone; the depth is bounded by codec_check. */
static void visit(struct codec_reader *r, bool trusted)
{
	const unsigned char *key;
	struct codec_item it;
	size_t i, n;

	if (codec_next(r, &it) != 0) {
		expect(!trusted);
		return;
	}
	if (it.type == CODEC_STRING)
		expect(it.bytes + it.len <= r->end);
	if (!trusted || (it.type != CODEC_ARRAY && it.type != CODEC_OBJECT))
		return;
	for (i = 0; i < it.len; i++) {
		if (it.type == CODEC_OBJECT)
			expect(codec_next_key(r, &key, &n) == 0);
		visit(r, true);
	}
}

static void through_json(const uint8_t *p, size_t n, int indent)
{
	struct buf text, back;
	struct err e;
	int rc;

	buf_init(&text, 16 << 20);
	buf_init(&back, 16 << 20);
	expect(json_write(p, n, indent, &text, &e) == 0);
	rc = json_read((char *)text.data, text.len, &back, &e);
	/* only what is wrapped may be deeper than what a text may hold */
	expect(rc == 0 || rc == ERR_LIMIT);
	if (rc == 0)
		expect(back.len == n && memcmp(back.data, p, n) == 0);
	buf_release(&text);
	buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct codec_reader r;
	struct codec_item it;
	struct buf text;
	struct err e;
	int ok = codec_check(p, n) == 0;

	codec_read(&r, p, n);
	visit(&r, ok);
	if (ok)
		expect(r.p == r.end);
	codec_read(&r, p, n);
	if (codec_skip(&r) == 0)
		expect(r.p <= r.end);
	else
		expect(!ok);
	if (codec_member(p, n, "a", &r) == 0)
		expect(codec_next(&r, &it) == 0 || !ok);
	if (ok) {
		through_json(p, n, 0);
		through_json(p, n, 2);
		return 0;
	}
	/* damaged bytes may be printed in part, but never read beyond */
	buf_init(&text, 1 << 20);
	(void)json_write(p, n, 0, &text, &e);
	buf_release(&text);
	return 0;
}
