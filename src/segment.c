#include "segment.h"

#include <string.h>
#include <zlib.h>

#define VERSION 1


/* What journals are full of, the most common last. A change of it is a change of
 * VERSION: blocks are read with the dictionary that they were packed with. */
static const char dictionary[] =
	"compensated rejected approved edited expired at_most_once idempotent"
	" subject deadline otherwise importance session speaker trust external"
	" classify summarise extract_contact extract_tasks draft_reply find_dates"
	" match_entity detect_language model memory.remember memory.search records"
	" usage cached attempts provider messages content role system user"
	" temperature max_tokens schema properties required type object string"
	" message_id attachments from subject body mail.received payload text key"
	" value name kind time tags source sources skill/ hash file agents/ .lua"
	" agent budget caps instructions memory wall code config input needs output"
	" profile run_ seed skills uses version zone failed value step:";

/* ---- numbers -------------------------------------------------------------- */

static void put_number(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_byte(b, (unsigned char)(v | 0x80));
		v >>= 7;
	}
	buf_byte(b, (unsigned char)v);
}

static void put_signed(struct buf *b, int64_t v)
{
	put_number(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static int take_number(struct segment_reader *r, uint64_t *out)
{
	uint64_t v = 0;
	int shift;

	for (shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		unsigned char c = *r->p++;

		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*out = v;
			return 0;
		}
	}
	return ERR_DAMAGED;
}

static int take_signed(struct segment_reader *r, int64_t *out)
{
	uint64_t v;

	if (take_number(r, &v) != 0)
		return ERR_DAMAGED;
	*out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
	return 0;
}

/* ---- blocks --------------------------------------------------------------- */

static int zlib_trouble(int z, struct err *e)
{
	if (z == Z_MEM_ERROR)
		return err_set(e, ERR_NOMEM, "no memory to pack or unpack");
	return err_set(e, ERR_DAMAGED, "a packed block is damaged");
}

int segment_pack(const void *p, size_t n, struct buf *out, struct err *e)
{
	z_stream z = { 0 };
	unsigned char *to;
	size_t room;
	int rc;

	if (n > SEGMENT_BYTES)
		return err_set(e, ERR_LIMIT, "too much for one packed block");
	buf_byte(out, 'K');
	buf_byte(out, VERSION);
	put_number(out, n);
	if (deflateInit(&z, 6) != Z_OK)
		return zlib_trouble(Z_MEM_ERROR, e);
	deflateSetDictionary(&z, (const Bytef *)dictionary,
			     sizeof(dictionary) - 1);
	room = deflateBound(&z, (uLong)n);
	if ((to = buf_reserve(out, room)) == NULL) {
		deflateEnd(&z);
		return buf_err(out, e, "a packed block");
	}
	z.next_in = (Bytef *)p;
	z.avail_in = (uInt)n;
	z.next_out = to;
	z.avail_out = (uInt)room;
	rc = deflate(&z, Z_FINISH);
	out->len += room - z.avail_out;
	deflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : zlib_trouble(rc, e);
}

static int inflate_all(z_stream *z, struct segment_reader *r,
		       unsigned char *to, size_t n)
{
	int rc;

	z->next_in = (Bytef *)r->p;
	z->avail_in = (uInt)(r->end - r->p);
	z->next_out = to;
	z->avail_out = (uInt)n;
	rc = inflate(z, Z_FINISH);
	if (rc == Z_NEED_DICT) {
		rc = inflateSetDictionary(z, (const Bytef *)dictionary,
					  sizeof(dictionary) - 1);
		if (rc == Z_OK)
			rc = inflate(z, Z_FINISH);
	}
	if (rc == Z_MEM_ERROR)
		return rc;
	return rc == Z_STREAM_END && z->avail_out == 0 && z->avail_in == 0
		? Z_OK : Z_DATA_ERROR;
}

int segment_unpack(const void *p, size_t n, struct buf *out, struct err *e)
{
	struct segment_reader r = { p, (const unsigned char *)p + n };
	unsigned char nothing, *to = &nothing;
	z_stream z = { 0 };
	uint64_t whole;
	int rc;

	if (n < 3 || r.p[0] != 'K' || r.p[1] != VERSION)
		return zlib_trouble(Z_DATA_ERROR, e);
	r.p += 2;
	/* zlib packs at most about 1,030 to 1: a length beyond is a lie */
	if (take_number(&r, &whole) != 0 || whole > SEGMENT_BYTES ||
	    whole > (uint64_t)n * 1100)
		return zlib_trouble(Z_DATA_ERROR, e);
	if (whole > 0 && (to = buf_reserve(out, (size_t)whole)) == NULL)
		return buf_err(out, e, "a packed block");
	if (inflateInit(&z) != Z_OK)
		return zlib_trouble(Z_MEM_ERROR, e);
	rc = inflate_all(&z, &r, to, (size_t)whole);
	inflateEnd(&z);
	if (rc != Z_OK)
		return zlib_trouble(rc, e);
	out->len += (size_t)whole;
	return 0;
}

/* ---- marks ---------------------------------------------------------------- */

void segment_mark(struct buf *out, int64_t distance)
{
	put_number(out, (uint64_t)distance);
}

bool segment_marked(const void *p, size_t n, int64_t last, int64_t lsn)
{
	struct segment_reader r = { p, (const unsigned char *)p + n };
	uint64_t distance;

	while (last > lsn && r.p < r.end && take_number(&r, &distance) == 0 &&
	       distance > 0 && distance <= (uint64_t)last)
		last -= (int64_t)distance;
	return last == lsn;
}

/* ---- records -------------------------------------------------------------- */

static void put_bytes(struct buf *b, const void *p, size_t n)
{
	put_number(b, p != NULL ? (uint64_t)n + 1 : 0);
	if (p != NULL && n > 0)
		buf_add(b, p, n);
}

void segment_add(struct buf *out, const struct journal_row *row)
{
	put_number(out, (uint64_t)row->lsn);
	put_number(out, row->prev != 0 ? (uint64_t)(row->lsn - row->prev) : 0);
	put_number(out, (uint32_t)row->seq);
	buf_byte(out, row->kind);
	buf_byte(out, row->effect);
	buf_byte(out, row->flags);
	if (row->name == NULL) {
		put_number(out, 0);
	} else {
		size_t n = strlen(row->name);

		put_number(out, (uint64_t)n + 1);
		buf_add(out, row->name, n + 1);
		buf_add(out, row->hash, JOURNAL_HASH);
	}
	put_signed(out, row->fuel);
	put_signed(out, row->cost);
	put_signed(out, row->t_ms);
	put_signed(out, row->took_us);
	put_bytes(out, row->args, row->args_len);
	put_bytes(out, row->data, row->len);
}

static int take_bytes(struct segment_reader *r, const void **p, size_t *n)
{
	uint64_t len;

	*p = NULL;
	*n = 0;
	if (take_number(r, &len) != 0)
		return ERR_DAMAGED;
	if (len == 0)
		return 0;
	if (--len > (uint64_t)(r->end - r->p))
		return ERR_DAMAGED;
	*p = r->p;
	*n = (size_t)len;
	r->p += len;
	return 0;
}

static int take_name(struct segment_reader *r, struct journal_row *row)
{
	uint64_t n;

	if (take_number(r, &n) != 0)
		return ERR_DAMAGED;
	if (n == 0)
		return 0;
	if (n > (uint64_t)(r->end - r->p) ||
	    (uint64_t)(r->end - r->p) - n < JOURNAL_HASH ||
	    memchr(r->p, 0, (size_t)n) != r->p + n - 1)
		return ERR_DAMAGED;
	row->name = (const char *)r->p;
	r->p += n;
	memcpy(row->hash, r->p, JOURNAL_HASH);
	r->p += JOURNAL_HASH;
	return 0;
}

static int take_place(struct segment_reader *r, struct journal_row *row)
{
	uint64_t lsn, back, seq;

	if (take_number(r, &lsn) != 0 || take_number(r, &back) != 0 ||
	    take_number(r, &seq) != 0 || r->end - r->p < 3)
		return ERR_DAMAGED;
	if (lsn == 0 || lsn > INT64_MAX || back > lsn || seq > UINT32_MAX)
		return ERR_DAMAGED;
	row->lsn = (int64_t)lsn;
	row->prev = back != 0 ? (int64_t)(lsn - back) : 0;
	row->seq = (int32_t)(uint32_t)seq;
	row->kind = *r->p++;
	row->effect = *r->p++;
	row->flags = *r->p++;
	return 0;
}

int segment_next(struct segment_reader *r, struct journal_row *row)
{
	if (r->p == r->end)
		return 0;
	memset(row, 0, sizeof(*row));
	if (take_place(r, row) != 0 || take_name(r, row) != 0 ||
	    take_signed(r, &row->fuel) != 0 || take_signed(r, &row->cost) != 0 ||
	    take_signed(r, &row->t_ms) != 0 ||
	    take_signed(r, &row->took_us) != 0 ||
	    take_bytes(r, &row->args, &row->args_len) != 0 ||
	    take_bytes(r, &row->data, &row->len) != 0)
		return ERR_DAMAGED;
	return 1;
}
