/* audit_check.h -- is the audit trail what was written? One pass over its rows.
 *
 * Rows are given in the order of their ids. What is found has a kind and a place:
 *   changed    the row is not the one that was written here
 *   inserted   nobody of ours wrote this row
 *   missing    rows were taken out before this one
 *   reordered  the row was written, but at another place
 *   cut        the trail ends before its last anchor
 *   rewritten  each row fits the next, and none of it fits the anchors from here on
 *   anchor     a line of the anchors' file is none; or anchors are gone that were there
 *   begun      the anchors were found gone or short, and begun anew behind this row:
 *              what was anchored before is held to itself alone. Told of until the
 *              owner accepts it (a row "audit.accept" whose seq is the row) */
#ifndef KEEL_AUDIT_CHECK_H
#define KEEL_AUDIT_CHECK_H

#include "audit_anchor.h"
#include "audit_chain.h"

#define AUDIT_MOST 200		/* problems that are told of                       */
#define AUDIT_BEGUN 50		/* beginnings that are told of                     */

struct audit_problem {
	const char *kind;
	int64_t id;		/* the row, or the line of the anchors' file      */
	char what[160];
};

/* The anchors were begun anew behind row `id`: from..to is held to itself alone. */
struct audit_begun {
	int64_t id, from, to;
	bool accepted;
};

struct audit_check;

/* Anchors become the check's; `anchored` is the row that the store says was anchored, 0
 * for none. NULL when memory is short. */
struct audit_check *audit_check_open(struct audit_anchors *anchors, int64_t anchored);
void audit_check_close(struct audit_check *c);

/* The next row; borrowed. 0, or an error of memory. */
int audit_check_row(struct audit_check *c, const struct audit_row *row);
/* A row behind the last one that cannot be read at all. */
void audit_check_unreadable(struct audit_check *c, const char *why);
/* After the last row. */
int audit_check_end(struct audit_check *c);

struct audit_found {
	int64_t rows, anchored, unanchored;
	int64_t count;		/* of problems, those that are not told of, too     */
	const struct audit_problem *list;
	size_t n;
	const struct audit_begun *begun;	/* oldest first */
	size_t begun_n;
};

/* Borrowed until the check is closed. */
void audit_check_found(struct audit_check *c, struct audit_found *out);

#endif
