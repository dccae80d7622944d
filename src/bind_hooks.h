/* bind_hooks.h -- how what happens in runs enters Lua; shared by bind_run.c. */
#ifndef KEEL_BIND_HOOKS_H
#define KEEL_BIND_HOOKS_H

#include "bind_loop.h"
#include "run.h"

/* A runner as Lua holds it. */
struct held_runner {
	struct runner *rn;
	struct store *s;
	struct loop *loop;
	struct loop_wake wake;
	struct loop_soon soon;
	lua_State *T;		/* the thread on which hooks enter Lua */
	bool closing;		/* nobody is told anything any more    */
};

extern const char bind_runs_key;	/* registry: struct run * -> userdata */
extern const char bind_hooks_key;	/* registry: held_runner -> hooks     */

/* The hooks of a run; hooks.arg is the held_runner. */
extern const struct run_hooks bind_hooks;

/* Push the value of n codec bytes, nil for NULL. */
void bind_push_value(lua_State *T, const void *p, size_t n);

#endif
