/* bind_journal.h -- core.run.journal, and the words for what a record is. */
#ifndef KEEL_BIND_JOURNAL_H
#define KEEL_BIND_JOURNAL_H

#include "bind.h"

/* By enum effect_class and enum journal_kind; each ends with NULL. */
extern const char *const bind_effects[], *const bind_kinds[];

/* journal(store, run_id, tail) -> records, newest first | nil, message, code */
int bind_journal(lua_State *L);

#endif
