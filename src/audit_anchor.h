/* audit_anchor.h -- the file beside the store that says how far the audit trail was.
 *
 * A line an anchor: "ID TIME HASH", the number of a row, its time (ms) and its hash in
 * hex. Who rewrites the whole trail in the database, and every hash of it, does not fit
 * what stands here. The file is only added to, a line and a sync at a time; one that has
 * grown large is thinned: all of the last two days stay, of what is older one an hour.
 * A line that a crash cut short is no line.
 *
 * The store keeps the number of the last row that it knows to be anchored (in meta, with
 * the next rows of the trail, and when its owner ends). Anchors that end before it were
 * taken away, cut, or replaced by an older copy. They are begun anew then, and that is a
 * row of the trail: "audit.anchor", whose subject says which rows are held to each other
 * alone because of it. */
#ifndef KEEL_AUDIT_ANCHOR_H
#define KEEL_AUDIT_ANCHOR_H

#include <inttypes.h>
#include <stddef.h>

#include "digest.h"
#include "err.h"

#define AUDIT_BEGUN_ANEW "begun anew, not held: %" SCNd64 " to %" SCNd64

struct audit_anchor {
	int64_t id, time_ms;
	unsigned char hash[DIGEST_BYTES];
};

struct audit_anchors {
	struct audit_anchor *list;	/* as they lie: oldest first */
	size_t n;
	size_t bad;			/* the first line that is none, from 1; or 0 */
};

/* No file is an empty list. */
int audit_anchors_read(const char *path, struct audit_anchors *out, struct err *e);
void audit_anchors_release(struct audit_anchors *a);

/* The last whole one: 1, or 0 when there is none, or an error. */
int audit_anchor_last(const char *path, struct audit_anchor *a, struct err *e);

/* Add one, durably. A file of more than *most bytes is thinned, and *most raised when
 * that does not make it small. */
int audit_anchor_add(const char *path, const struct audit_anchor *a, size_t *most,
		     struct err *e);

#endif
