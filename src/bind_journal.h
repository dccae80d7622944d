/* bind_journal.h -- core.run.journal, and the words for what a record is. */
#ifndef KEEL_BIND_JOURNAL_H
#define KEEL_BIND_JOURNAL_H

#include "bind.h"
#include "buf.h"
#include "journal_row.h"

/* By enum effect_class and enum journal_kind; each ends with NULL. */
extern const char *const bind_effects[], *const bind_kinds[];

/* journal(store, run_id, tail) -> records, newest first | nil, message, code */
int bind_journal(lua_State *L);

/* The row of a record at t, as journal() gives it: bytes go into args and data, and the
 * name stays the table's. */
int bind_journal_row(lua_State *L, int t, struct journal_row *row,
		     struct buf *args, struct buf *data, struct err *e);

#endif
