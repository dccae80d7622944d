/* ids.h -- sortable public ids for runs, approvals and events. */
#ifndef KEEL_IDS_H
#define KEEL_IDS_H

#include <stdint.h>

#define IDS_TEXT 24

/* prefix (at most 7 letters), '_', 9 letters of time and 7 of chance, so that
 * ids sort by the time of their making: "run_3f9k2m0qp7xh4d1z". Letters are
 * Crockford's base 32 in lower case. */
void ids_make(const char *prefix, int64_t now_ms, uint64_t chance,
	      char out[IDS_TEXT + 1]);

#endif
