/* bind_journal.c -- looking at the records of a run from Lua. */
#include "bind_journal.h"

#include <stdio.h>

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

/* In hex; only commands have one. */
static void push_hash(lua_State *L, const struct journal_row *row)
{
	char hex[2 * JOURNAL_HASH + 1];
	int i;

	if (row->kind != JOURNAL_STEP && row->kind != JOURNAL_INTENT)
		return;
	for (i = 0; i < JOURNAL_HASH; i++)
		snprintf(hex + 2 * i, 3, "%02x", row->hash[i]);
	lua_pushstring(L, hex);
	lua_setfield(L, -2, "hash");
}

static void push_row(lua_State *L, const struct journal_row *row)
{
	lua_createtable(L, 0, 10);
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
	if (row->name != NULL) {
		lua_pushstring(L, row->name);
		lua_setfield(L, -2, "name");
	}
	push_hash(L, row);
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
