/* segment.c -- any bytes as a packed block, and as the records in one: refused, or
 * read within their bounds; and what is packed comes back as it was.
 *
 * The first byte says how the others are taken: even as records, odd as a block. */
#include <string.h>

#include "fuzz.h"
#include "segment.h"

static void touch(const void *p, size_t n)
{
	volatile unsigned char sum = 0;
	size_t i;

	for (i = 0; p != NULL && i < n; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)p)[i]);
}

static int same_bytes(const void *a, size_t n, const void *b, size_t m)
{
	return n == m && (a == NULL) == (b == NULL) &&
	       (n == 0 || memcmp(a, b, n) == 0);
}

static int same_row(const struct journal_row *a, const struct journal_row *b)
{
	return a->lsn == b->lsn && a->prev == b->prev && a->seq == b->seq &&
	       a->kind == b->kind && a->effect == b->effect &&
	       a->flags == b->flags && a->fuel == b->fuel && a->cost == b->cost &&
	       a->t_ms == b->t_ms && a->took_us == b->took_us &&
	       (a->name == NULL) == (b->name == NULL) &&
	       (a->name == NULL || strcmp(a->name, b->name) == 0) &&
	       memcmp(a->hash, b->hash, JOURNAL_HASH) == 0 &&
	       same_bytes(a->args, a->args_len, b->args, b->args_len) &&
	       same_bytes(a->data, a->len, b->data, b->len);
}

/* Each record that is read is written again, and reads as the same. */
static void records(const uint8_t *p, size_t n)
{
	struct segment_reader r = { p, p + n }, back;
	struct journal_row row, again;
	struct buf out;
	int rc;

	buf_init(&out, 16 << 20);
	(void)segment_marked(p, n, INT64_MAX, 1);
	(void)segment_marked(p, n, 100, 5);
	while ((rc = segment_next(&r, &row)) == 1) {
		expect(r.p <= r.end);
		expect(row.lsn > 0 && row.prev >= 0 && row.prev < row.lsn);
		touch(row.args, row.args_len);
		touch(row.data, row.len);
		buf_reset(&out);
		segment_add(&out, &row);
		back.p = out.data;
		back.end = out.data + out.len;
		expect(segment_next(&back, &again) == 1);
		expect(back.p == back.end);
		expect(same_row(&row, &again));
	}
	expect(rc == 0 || rc == ERR_DAMAGED);
	buf_release(&out);
}

static void block(const uint8_t *p, size_t n)
{
	struct buf out;
	struct err e;

	buf_init(&out, 64 << 20);
	if (segment_unpack(p, n, &out, &e) == 0)
		records(out.data, out.len);
	else
		expect(out.len == 0);
	buf_release(&out);
}

static void there_and_back(const uint8_t *p, size_t n)
{
	struct buf packed, out;
	struct err e;

	buf_init(&packed, 16 << 20);
	buf_init(&out, 16 << 20);
	expect(segment_pack(p, n, &packed, &e) == 0);
	expect(segment_unpack(packed.data, packed.len, &out, &e) == 0);
	expect(out.len == n && (n == 0 || memcmp(out.data, p, n) == 0));
	/* cut off, or with one bit turned, it is refused */
	buf_reset(&out);
	expect(segment_unpack(packed.data, packed.len - 1, &out, &e) ==
	       ERR_DAMAGED);
	packed.data[packed.len - 1] ^= 1;
	buf_reset(&out);
	expect(segment_unpack(packed.data, packed.len, &out, &e) == ERR_DAMAGED);
	buf_release(&packed);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	if (p[0] & 1)
		block(p + 1, n - 1);
	else
		records(p + 1, n - 1);
	there_and_back(p + 1, n - 1);
	return 0;
}
