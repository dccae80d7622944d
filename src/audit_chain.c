#include "audit_chain.h"

#include <string.h>

static void put_number(struct buf *b, uint64_t n)
{
	unsigned char bytes[8];
	int i;

	for (i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(n >> (56 - 8 * i));
	buf_add(b, bytes, sizeof(bytes));
}

static void put_cell(struct buf *b, const struct audit_cell *c)
{
	uint64_t bits;

	buf_byte(b, (unsigned char)c->type);
	switch (c->type) {
	case AUDIT_INT:
		put_number(b, (uint64_t)c->integer);
		break;
	case AUDIT_FLOAT:
		memcpy(&bits, &c->number, sizeof(bits));
		put_number(b, bits);
		break;
	case AUDIT_TEXT:
	case AUDIT_BYTES:
		put_number(b, c->n);
		if (c->n > 0)
			buf_add(b, c->p, c->n);
		break;
	default:
		break;
	}
}

int audit_digest(const struct audit_cell *c, struct buf *scratch,
		 unsigned char out[DIGEST_BYTES])
{
	buf_reset(scratch);
	put_cell(scratch, c);
	if (scratch->failed == 0)
		digest_sha256(scratch->data, scratch->len, out);
	return scratch->failed;
}

/* A digest that was kept when the words went, or the one of the words. */
static int part(const struct audit_cell *kept, const struct audit_cell *words,
		struct buf *scratch, unsigned char out[DIGEST_BYTES])
{
	if (kept->type != AUDIT_BYTES || kept->n != DIGEST_BYTES)
		return audit_digest(words, scratch, out);
	memcpy(out, kept->p, DIGEST_BYTES);
	return 0;
}

int audit_link(const struct audit_row *row, int64_t id,
	       const unsigned char before[DIGEST_BYTES], struct buf *scratch,
	       unsigned char out[DIGEST_BYTES])
{
	unsigned char subject[DIGEST_BYTES], detail[DIGEST_BYTES];
	int i, rc;

	rc = part(&row->subject_hash, &row->cell[AUDIT_SUBJECT], scratch, subject);
	if (rc == 0)
		rc = part(&row->detail_hash, &row->cell[AUDIT_DETAIL], scratch,
			  detail);
	if (rc != 0)
		return rc;
	buf_reset(scratch);
	buf_add(scratch, before, DIGEST_BYTES);
	put_number(scratch, (uint64_t)id);
	for (i = 0; i < AUDIT_SUBJECT; i++)
		put_cell(scratch, &row->cell[i]);
	buf_add(scratch, subject, sizeof(subject));
	buf_add(scratch, detail, sizeof(detail));
	if (scratch->failed == 0)
		digest_sha256(scratch->data, scratch->len, out);
	return scratch->failed;
}

int audit_left(const struct audit_row *row, struct buf *scratch,
	       unsigned char out[DIGEST_BYTES])
{
	buf_reset(scratch);
	put_cell(scratch, &row->cell[AUDIT_SUBJECT]);
	put_cell(scratch, &row->cell[AUDIT_DETAIL]);
	put_cell(scratch, &row->subject_hash);
	put_cell(scratch, &row->detail_hash);
	if (scratch->failed == 0)
		digest_sha256(scratch->data, scratch->len, out);
	return scratch->failed;
}
