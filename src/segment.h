/* segment.h -- packed bytes: records of a run that is over, and large payloads.
 *
 * A packed block is
 *   'K' version(1) n z      n = LEB128 length of what was packed; z = a zlib stream
 *                           that begins with our dictionary (its id is checked,
 *                           and so is the sum of what comes out)
 * What is packed of a journal is its records one behind the other, each
 *   lsn prev seq            LEB128; prev as the distance back from lsn, 0 for none
 *   kind effect flags       a byte each
 *   name hash               n, n bytes and a NUL, 16 bytes; n = LEB128 of length + 1,
 *                           and nothing else where it is 0: no name
 *   fuel cost t took        zigzag LEB128
 *   args data               n, n bytes; n as above
 * in the order in which a walk meets them: newest first. */
#ifndef KEEL_SEGMENT_H
#define KEEL_SEGMENT_H

#include <stdbool.h>

#include "buf.h"
#include "journal_row.h"

#define SEGMENT_BYTES ((size_t)160 << 20)	/* no block unpacks to more */

/* Append the packed form of the n bytes to out. */
int segment_pack(const void *p, size_t n, struct buf *out, struct err *e);

/* Append to out what was packed; ERR_DAMAGED when the block is not whole. */
int segment_unpack(const void *p, size_t n, struct buf *out, struct err *e);

/* Append one record. A failure stays in out->failed. */
void segment_add(struct buf *out, const struct journal_row *row);

/* Which log numbers a segment holds, without unpacking it: the distances from one to
 * the next lower, LEB128, newest first. Append one; and ask whether lsn is among those
 * that begin at `last`. */
void segment_mark(struct buf *out, int64_t distance);
bool segment_marked(const void *p, size_t n, int64_t last, int64_t lsn);

struct segment_reader {
	const unsigned char *p, *end;
};

/* Take the next record; what it points to is borrowed from the reader's bytes.
 * Returns 1, 0 at the end, or ERR_DAMAGED. */
int segment_next(struct segment_reader *r, struct journal_row *row);

#endif
