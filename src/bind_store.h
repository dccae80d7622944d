/* bind_store.h -- the store as Lua sees it (core.store), and how other C halves
 * reach the store and the transaction that a script holds. */
#ifndef KEEL_BIND_STORE_H
#define KEEL_BIND_STORE_H

#include "bind.h"
#include "store.h"

int bind_open_store(lua_State *L);

/* The store or transaction at idx; raises when it is none or already closed.
 * Borrowed: valid while the Lua value is held. */
/* The same, or NULL when it is closed. */
struct store *bind_open_store_of(lua_State *L, int idx);
struct store *bind_check_store(lua_State *L, int idx);
struct txn *bind_check_txn(lua_State *L, int idx);

/* Push a new, empty transaction; NULL memory raises. */
struct txn *bind_push_txn(lua_State *L);

/* Take the transaction at idx from Lua, which then holds an empty one: becomes
 * yours. */
struct txn *bind_take_txn(lua_State *L, int idx);

/* Hand t over to the store at idx without waiting and without a word: it may lie for a
 * few ms. What became of it is told only when it failed, by store:lost(). Not for an
 * engine's store. t becomes the store's. */
void bind_post(lua_State *L, int idx, struct txn *t);

/* Push a store that somebody else closes, and then says so of the value at idx:
 * whoever still holds it finds it closed. */
void bind_push_store(lua_State *L, struct store *s);
void bind_drop_store(lua_State *L, int idx);

#endif
