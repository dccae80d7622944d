/* bind.h -- shared helpers of the frontier, the only floor that knows lua.h.
 *
 * Three laws: a wrong argument raises; a failing world returns nil, message,
 * code; nothing is owned across a call that may raise unless a guard holds it.
 *
 * How values cross:  null <-> light userdata NULL; arrays <-> sequences; objects
 * <-> tables with string keys. An empty table is an object unless it carries the
 * array mark (a metatable), which decoding puts on empty arrays. */
#ifndef KEEL_BIND_H
#define KEEL_BIND_H

#include <lauxlib.h>
#include <lua.h>

#include "codec.h"

/* Once for every new state, run states too: makes the array mark. */
void bind_open(lua_State *L);

/* Append the value at idx to out. Reads raw: never runs a metamethod, never
 * raises except for memory of the Lua stack (reported, not raised). ERR_INPUT
 * names the path of what cannot be kept: a function, a cycle (by depth), NaN,
 * text that is not UTF-8, mixed or sparse tables. A run pays for it; ERR_LIMIT when
 * it is dead by then, and any error raised after that is its end. */
int bind_encode(lua_State *L, int idx, struct buf *out, struct err *e);
/* The same for a value that will lie `depth` levels inside of another. */
int bind_encode_within(lua_State *L, int idx, int depth, struct buf *out,
		       struct err *e);

/* Push the value of the n bytes. May raise for memory or the run's fuel; the bytes were checked
 * (ERR_DAMAGED returned and nothing pushed otherwise). */
int bind_decode(lua_State *L, const void *p, size_t n);

/* Push the array mark. */
void bind_array_mark(lua_State *L);

/* Push nil, message, code; returns 3. */
int bind_fail(lua_State *L, const struct err *e);

/* A slot for one pointer that free() releases when the scope ends, even by an
 * error. Push with bind_guard, which marks it to be closed; set *slot. */
void **bind_guard(lua_State *L);

/* The same for a buf. */
struct buf *bind_buf(lua_State *L, size_t limit);

/* Make the class of a userdata: a metatable of that name with these methods (those of
 * the language too: __gc, __close), which are found by indexing it. */
void bind_class(lua_State *L, const char *name, const luaL_Reg *methods);

/* Register functions of a C half: a table of them is left on the stack. */
#define bind_module(L, functions) luaL_newlib(L, functions)

#endif
