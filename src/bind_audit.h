/* bind_audit.h -- core.audit: whether the audit trail of a store is what was written. */
#ifndef KEEL_BIND_AUDIT_H
#define KEEL_BIND_AUDIT_H

#include "bind.h"

int bind_open_audit(lua_State *L);

#endif
