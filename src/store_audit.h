/* store_audit.h -- reading the audit trail of a store from one end to the other.
 *
 * On a connection of its own and piece by piece, so that whoever owns the store goes
 * on, and whoever asks may do something else between two pieces. */
#ifndef KEEL_STORE_AUDIT_H
#define KEEL_STORE_AUDIT_H

#include <stdbool.h>

#include "audit_check.h"

struct store_audit;

/* The anchors' file of a store: becomes yours (free), NULL for one in memory or when
 * memory is short. */
char *store_audit_anchors(const char *path);

/* The trail of the store at path, as of now. Anchors are read before rows are, and
 * what the store says of them before both, so no
 * row that is added meanwhile can be missed. */
int store_audit_open(struct store_audit **out, const char *path, struct err *e);
void store_audit_close(struct store_audit *a);

/* About `rows` rows more; *over when that was all. */
int store_audit_step(struct store_audit *a, int rows, bool *over, struct err *e);

/* Borrowed until the end. */
void store_audit_found(struct store_audit *a, struct audit_found *out);

#endif
