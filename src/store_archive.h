/* store_archive.h -- what a driver provides for runs that are over.
 *
 * A run that is over (or has slept long) is packed: its records move, newest first
 * and a few at a time, from the journal into compressed segments. They keep their
 * log numbers, so a walk meets the same records before, between and after.
 *
 * A run that is not wanted any more is dropped: nothing is left but a tombstone
 * (which run, when, why, a digest of its records). Both work in slices, one
 * transaction each, so that nobody waits long for the writer; a crash between two
 * slices leaves a state that the next slice goes on with. */
#ifndef KEEL_STORE_ARCHIVE_H
#define KEEL_STORE_ARCHIVE_H

#include "store_driver.h"

/* How much one slice may do. */
struct archive_slice {
	int64_t records;	/* at most so many records                    */
	int64_t bytes;		/* until so many bytes are taken up           */
};

/* Pack the next slice of the run; runs.packed says how far it is: NULL not begun,
 * a log number to go on with, 0 all. ERR_CONFLICT when there is no such run. */
int store_archive_pack(struct db *db, int64_t run,
		       const struct archive_slice *slice, struct err *e);

struct archive_drop {
	int64_t run, now_ms;
	const char *who, *why, *note;	/* note may be NULL */
	bool whole;		/* not in slices, and look through the whole
				 * journal for records that no chain leads to  */
};

/* Drop a run: its row, approvals, timers and waits at once, its records by slices
 * (tombstones.rest > 0 until all are gone; call again). ERR_CONFLICT when the run is
 * not over, or its parent is not. A run that is gone already is gone on with. */
int store_archive_drop(struct db *db, const struct archive_drop *d,
		       const struct archive_slice *slice, struct err *e);

#endif
