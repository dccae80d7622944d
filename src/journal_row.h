/* journal_row.h -- one record of a run's journal, as it lies in the store.
 *
 * The journal is one append-only table in the order of log numbers (lsn): with
 * runs interleaved that is three to five times faster than a table clustered by
 * run. A run's own records are found by walking `prev` back from its tail, so
 * no index is written on the step path. */
#ifndef KEEL_JOURNAL_ROW_H
#define KEEL_JOURNAL_ROW_H

#include <stddef.h>
#include <stdint.h>

enum journal_kind {
	JOURNAL_START = 1,	/* input, seeds, code: what a replay begins with */
	JOURNAL_STEP = 2,	/* a command and its result in one record        */
	JOURNAL_INTENT = 3,	/* a command, durable before it is performed     */
	JOURNAL_RESULT = 4,	/* the result of an INTENT                       */
	JOURNAL_NOTE = 5,	/* something that happened; never compared       */
	JOURNAL_END = 6		/* output or failure                             */
};

enum journal_flag {
	JOURNAL_FAILED = 1,	/* data is an error object {code, message}       */
	JOURNAL_GROUP = 2	/* a step whose body made steps of its own       */
};

enum effect_class {
	EFFECT_PURE, EFFECT_READ, EFFECT_LOCAL, EFFECT_IDEMPOTENT,
	EFFECT_AT_MOST_ONCE
};

#define JOURNAL_HASH 16		/* bytes of SHA-256 over the canonical arguments */

struct journal_row {
	int64_t lsn, run, prev;	/* prev: lsn of the run's record before, or 0 */
	int32_t seq;		/* number of the command in its run, from 1   */
	uint8_t kind, effect, flags;
	const char *name;	/* "step:fetch"; NULL for RESULT              */
	unsigned char hash[JOURNAL_HASH];
	int64_t fuel;		/* script instructions since the last command */
	int64_t cost;		/* pico-USD                                   */
	int64_t t_ms;
	int64_t took_us;	/* from the command to its result             */
	const void *args;	/* codec bytes of the command; NULL for none  */
	size_t args_len;
	const void *data;	/* codec bytes of the result                  */
	size_t len;
};

#endif
