/* bind_archive.c -- core.archive: what a transaction does to runs that are over.
 *
 *   pack(tx, run_id, records, bytes) -> tx      one slice (store_archive.h)
 *   drop(tx, { run, now, who, why, note, whole }, records, bytes) -> tx
 *   tidy(tx, whole) -> tx                       tx is empty and stays so         */
#include "bind_archive.h"

#include <stdlib.h>
#include <string.h>

#include "bind_store.h"
#include "store_archive.h"

struct archive_op {
	struct op op;
	struct archive_slice slice;
	struct archive_drop drop;
	char texts[];		/* what drop points to */
};

static int pack_apply(struct db *db, struct op *op, struct err *e)
{
	struct archive_op *a = (struct archive_op *)op;

	return store_archive_pack(db, a->drop.run, &a->slice, e);
}

static int drop_apply(struct db *db, struct op *op, struct err *e)
{
	struct archive_op *a = (struct archive_op *)op;

	return store_archive_drop(db, &a->drop, &a->slice, e);
}

static void archive_free(struct op *op)
{
	free(op);
}

static struct archive_op *add_op(lua_State *L, struct txn *t, size_t texts,
				 int (*apply)(struct db *, struct op *,
					      struct err *))
{
	struct archive_op *a = calloc(1, sizeof(*a) + texts);

	if (a == NULL)
		luaL_error(L, "no memory for an operation");
	a->op.apply = apply;
	a->op.drop = archive_free;
	a->slice.records = luaL_checkinteger(L, 3);
	a->slice.bytes = luaL_checkinteger(L, 4);
	t->may_refuse = true;
	return a;
}

static int l_pack(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	int64_t run = luaL_checkinteger(L, 2);
	struct archive_op *a;

	luaL_checkinteger(L, 3);
	luaL_checkinteger(L, 4);
	a = add_op(L, t, 0, pack_apply);
	a->drop.run = run;
	txn_add(t, &a->op);
	lua_settop(L, 1);
	return 1;
}

/* The text of a field, left on the stack; NULL when there is none. */
static const char *text_of(lua_State *L, const char *name, size_t *n)
{
	const char *text = NULL;

	*n = 0;
	if (lua_getfield(L, 2, name) != LUA_TNIL) {
		text = lua_tolstring(L, -1, n);
		if (text == NULL)
			luaL_error(L, "'%s' is a text", name);
	}
	return text;
}

static const char *keep_text(char **to, const char *text, size_t n)
{
	const char *kept = *to;

	if (text == NULL)
		return NULL;
	memcpy(*to, text, n + 1);
	*to += n + 1;
	return kept;
}

static int l_drop(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	const char *who, *why, *note;
	size_t who_n, why_n, note_n;
	lua_Integer run, now;
	struct archive_op *a;
	bool whole;
	char *to;

	luaL_checktype(L, 2, LUA_TTABLE);
	luaL_checkinteger(L, 3);
	luaL_checkinteger(L, 4);
	lua_getfield(L, 2, "run");
	run = luaL_checkinteger(L, -1);
	lua_getfield(L, 2, "now");
	now = luaL_checkinteger(L, -1);
	lua_getfield(L, 2, "whole");
	whole = lua_toboolean(L, -1);
	who = text_of(L, "who", &who_n);
	why = text_of(L, "why", &why_n);
	note = text_of(L, "note", &note_n);
	if (who == NULL || why == NULL)
		return luaL_error(L, "dropping a run needs 'who' and 'why'");
	a = add_op(L, t, who_n + why_n + note_n + 3, drop_apply);
	to = a->texts;
	a->drop.run = run;
	a->drop.now_ms = now;
	a->drop.whole = whole;
	a->drop.who = keep_text(&to, who, who_n);
	a->drop.why = keep_text(&to, why, why_n);
	a->drop.note = keep_text(&to, note, note_n);
	txn_add(t, &a->op);
	lua_settop(L, 1);
	return 1;
}

static int l_tidy(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);

	if (t->first != NULL)
		return luaL_argerror(L, 1, "this transaction is not empty");
	t->tidy = lua_toboolean(L, 2) ? TIDY_WHOLE : TIDY_LOG;
	lua_settop(L, 1);
	return 1;
}

int bind_open_archive(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "pack", l_pack }, { "drop", l_drop }, { "tidy", l_tidy },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
