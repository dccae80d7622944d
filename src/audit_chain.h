/* audit_chain.h -- how a row of the audit trail is tied to the one before it.
 *
 * A row's chain is 64 bytes: the hash of the row before (zeros for the first), and
 *
 *	SHA-256(that hash | id | time | who | what | channel | run | seq
 *	        | SHA-256(subject) | SHA-256(detail))
 *
 * where a cell is written as its type, its length and its bytes, so that no two rows
 * look alike. Subject and detail go in by their digests: a purge may take their words
 * and leave the digests, and the chain holds. Because a row carries the hash of the
 * row before it, each can be checked alone: what is wrong is found where it is, and
 * not in the row behind. */
#ifndef KEEL_AUDIT_CHAIN_H
#define KEEL_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "digest.h"

#define AUDIT_CHAIN (2 * DIGEST_BYTES)

/* A value as the database holds it; text and bytes are borrowed. */
struct audit_cell {
	enum { AUDIT_NULL, AUDIT_INT, AUDIT_FLOAT, AUDIT_TEXT, AUDIT_BYTES } type;
	int64_t integer;
	double number;
	const void *p;
	size_t n;
};

enum audit_column {
	AUDIT_TIME, AUDIT_WHO, AUDIT_WHAT, AUDIT_CHANNEL, AUDIT_RUN, AUDIT_SEQ,
	AUDIT_SUBJECT, AUDIT_DETAIL, AUDIT_COLUMNS
};

struct audit_row {
	int64_t id;
	struct audit_cell cell[AUDIT_COLUMNS];
	/* What stands for a subject and a detail whose words were taken. */
	struct audit_cell subject_hash, detail_hash, chain;
};

/* The digest of one value. scratch is emptied first, as below. */
int audit_digest(const struct audit_cell *c, struct buf *scratch,
		 unsigned char out[DIGEST_BYTES]);

/* The hash of a row that is number `id` behind `before`. */
int audit_link(const struct audit_row *row, int64_t id,
	       const unsigned char before[DIGEST_BYTES], struct buf *scratch,
	       unsigned char out[DIGEST_BYTES]);

/* What a purge vouches for: the digest of the row's subject and detail as they are now. */
int audit_left(const struct audit_row *row, struct buf *scratch,
	       unsigned char out[DIGEST_BYTES]);

#endif
