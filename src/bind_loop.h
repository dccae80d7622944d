/* bind_loop.h -- the loop of a trusted lua_State, and how C calls back into it. */
#ifndef KEEL_BIND_LOOP_H
#define KEEL_BIND_LOOP_H

#include "bind.h"
#include "loop.h"

/* The loop of this state, made when first asked for and closed with the state.
 * Raises when the system gives none. Ask before you make a userdata that uses
 * it: what was made later is finalized earlier. */
struct loop *bind_loop(lua_State *L);

/* The thread on which callbacks enter Lua. Push the function and n arguments
 * there, then call: protected, with a traceback; results are dropped; an error
 * goes to loop.on_error, or to standard error. */
lua_State *bind_loop_thread(lua_State *L);
void bind_loop_call(lua_State *T, int n);

int bind_open_loop(lua_State *L);	/* core.loop */

#endif
