#include "bind_budget.h"

#include "bind_store.h"
#include "budget.h"

/* A bad claim is the caller's mistake, so it raises. */
static int add(lua_State *L, int (*op)(struct txn *t, const void *p, size_t n,
				       struct err *e))
{
	struct txn *t = bind_check_txn(L, 1);
	struct buf *b;
	struct err e;

	luaL_checktype(L, 2, LUA_TTABLE);
	b = bind_buf(L, CODEC_BYTES);
	if (bind_encode(L, 2, b, &e) != 0 || op(t, b->data, b->len, &e) != 0)
		return luaL_error(L, "%s", e.msg);
	return 0;
}

/* reserve(tx, claim), settle(tx, end): the objects of budget.h */
static int l_reserve(lua_State *L)
{
	return add(L, budget_reserve);
}

static int l_settle(lua_State *L)
{
	return add(L, budget_settle);
}

/* recover(tx, now_ms) */
static int l_recover(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct err e;

	if (budget_recover(t, luaL_checkinteger(L, 2), &e) != 0)
		return luaL_error(L, "%s", e.msg);
	return 0;
}

int bind_open_budget(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "reserve", l_reserve }, { "settle", l_settle },
		{ "recover", l_recover }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
