/* bind_journal.c -- looking at the records of a run from Lua. */
#include "bind_journal.h"

#include <string.h>

#include "bind_run.h"
#include "bind_store.h"
#include "store_driver.h"

const char *const bind_effects[] = { "pure", "read", "local", "idempotent",
				     "at_most_once", NULL };
const char *const bind_kinds[] = { "?", "start", "step", "intent", "result",
				   "note", "end", NULL };

struct journal_op {
	struct op op;
	lua_State *L;
	int64_t run, tail;
	lua_Integer n;
};

static void push_row(lua_State *L, const struct journal_row *row)
{
	lua_createtable(L, 0, 14);
	lua_pushinteger(L, row->lsn);
	lua_setfield(L, -2, "lsn");
	lua_pushinteger(L, row->seq);
	lua_setfield(L, -2, "seq");
	lua_pushstring(L, bind_kinds[row->kind <= JOURNAL_END ? row->kind : 0]);
	lua_setfield(L, -2, "kind");
	lua_pushstring(L, bind_effects[row->effect <= EFFECT_AT_MOST_ONCE
				  ? row->effect : 0]);
	lua_setfield(L, -2, "effect");
	lua_pushboolean(L, (row->flags & JOURNAL_FAILED) != 0);
	lua_setfield(L, -2, "failed");
	lua_pushboolean(L, (row->flags & JOURNAL_GROUP) != 0);
	lua_setfield(L, -2, "group");
	if (row->name != NULL) {
		lua_pushstring(L, row->name);
		lua_setfield(L, -2, "name");
		lua_pushlstring(L, (const char *)row->hash, JOURNAL_HASH);
		lua_setfield(L, -2, "hash");
	}
	lua_pushinteger(L, row->fuel);
	lua_setfield(L, -2, "fuel");
	lua_pushinteger(L, row->cost);
	lua_setfield(L, -2, "cost");
	lua_pushinteger(L, row->t_ms);
	lua_setfield(L, -2, "t");
	lua_pushinteger(L, row->took_us);
	lua_setfield(L, -2, "took_us");
	if (row->args != NULL && bind_decode(L, row->args, row->args_len) == 0)
		lua_setfield(L, -2, "args");
	if (row->data != NULL && bind_decode(L, row->data, row->len) == 0)
		lua_setfield(L, -2, "value");
}

/* Encode the member `name` of the table at t, if it is there. */
static int encode_member(lua_State *L, int t, const char *name, struct buf *to,
			 struct err *e)
{
	int rc = 0;

	if (lua_getfield(L, t, name) != LUA_TNIL)
		rc = bind_encode(L, -1, to, e);
	lua_pop(L, 1);
	return rc;
}

static bool member_true(lua_State *L, int t, const char *name)
{
	bool yes;

	lua_getfield(L, t, name);
	yes = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return yes;
}

static int option(lua_State *L, int t, const char *name,
		  const char *const names[])
{
	int i;

	lua_getfield(L, t, name);
	i = luaL_checkoption(L, -1, NULL, names);
	lua_pop(L, 1);
	return i;
}

/* The other way of push_row. What is text stays the table's. */
int bind_journal_row(lua_State *L, int t, struct journal_row *row,
		     struct buf *args, struct buf *data, struct err *e)
{
	int rc = encode_member(L, t, "args", args, e);
	const char *hash;
	size_t n;

	if (rc == 0)
		rc = encode_member(L, t, "value", data, e);
	if (rc != 0)
		return rc;
	row->kind = (uint8_t)option(L, t, "kind", bind_kinds);
	row->effect = (uint8_t)option(L, t, "effect", bind_effects);
	row->flags = (uint8_t)((member_true(L, t, "failed") ? JOURNAL_FAILED : 0) |
			       (member_true(L, t, "group") ? JOURNAL_GROUP : 0));
	row->seq = (int32_t)bind_integer(L, t, "seq", 0);
	row->fuel = bind_integer(L, t, "fuel", 0);
	row->cost = bind_integer(L, t, "cost", 0);
	row->t_ms = bind_integer(L, t, "t", 0);
	row->took_us = bind_integer(L, t, "took_us", 0);
	row->args = args->data;
	row->args_len = args->len;
	row->data = data->data;
	row->len = data->len;
	lua_getfield(L, t, "hash");
	hash = lua_tolstring(L, -1, &n);
	if (hash != NULL && n == JOURNAL_HASH)
		memcpy(row->hash, hash, n);
	lua_getfield(L, t, "name");
	row->name = lua_tostring(L, -1);
	lua_pop(L, 2);
	return 0;
}

static int put_row(lua_State *L)
{
	push_row(L, lua_touserdata(L, 2));
	lua_rawseti(L, 1, luaL_checkinteger(L, 3));
	return 0;
}

/* Protected: the walk holds a transaction, and for :memory: a lock. */
static int each_row(void *arg, const struct journal_row *row)
{
	struct journal_op *j = arg;

	if (row->run != j->run)
		return ERR_DAMAGED;
	lua_pushcfunction(j->L, put_row);
	lua_pushvalue(j->L, -2);
	lua_pushlightuserdata(j->L, (void *)row);
	lua_pushinteger(j->L, ++j->n);
	if (lua_pcall(j->L, 3, 0, 0) == LUA_OK)
		return 0;
	lua_pop(j->L, 1);
	return ERR_NOMEM;
}

static int journal_apply(struct db *db, struct op *op, struct err *e)
{
	struct journal_op *j = (struct journal_op *)op;
	int rc = db->driver->walk(db, j->tail, each_row, j, e);

	if (rc == ERR_DAMAGED && e->code != ERR_DAMAGED)
		err_set(e, rc, "the journal leads into another run");
	if (rc == ERR_NOMEM)
		err_set(e, rc, "no memory for a journal");
	return rc;
}

/* journal(store, run_id, tail) -> records, newest first | nil, message, code */
int bind_journal(lua_State *L)
{
	struct store *s = bind_check_store(L, 1);
	struct journal_op j = { .op = { .apply = journal_apply }, .L = L,
				.run = luaL_checkinteger(L, 2),
				.tail = luaL_checkinteger(L, 3) };
	struct err e = { 0 };

	lua_newtable(L);
	if (store_look(s, &j.op, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}
