/* store_sqlite_rollup.c -- sums that pages and monitors ask for, kept with what they sum. */
#include "store_sqlite.h"

static const struct sqlite_verb verbs[] = {
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_rollup = { NULL, verbs, NULL, NULL, NULL, NULL };
