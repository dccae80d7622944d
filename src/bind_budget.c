#include "bind_budget.h"

#include "bind_store.h"
#include "budget.h"

/* ---- fields of a table --------------------------------------------------------- */

/* The text stays in its table, where it is safe while we borrow it. */
static const char *text(lua_State *L, int idx, const char *key)
{
	const char *s;

	lua_getfield(L, idx, key);
	if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "'%s' of a claim must be text", key);
	s = lua_tostring(L, -1);
	lua_pop(L, 1);
	return s;
}

static int64_t number(lua_State *L, int idx, const char *key, int64_t otherwise)
{
	int64_t v = otherwise;
	int is_whole = 1;

	lua_getfield(L, idx, key);
	if (!lua_isnil(L, -1))
		v = lua_tointegerx(L, -1, &is_whole);
	if (!is_whole)
		luaL_error(L, "'%s' of a claim must be a whole number", key);
	lua_pop(L, 1);
	return v;
}

static void read_lines(lua_State *L, struct ledger_line *lines, int *count)
{
	int i, n;

	lua_getfield(L, 2, "lines");
	n = lua_istable(L, -1) ? (int)lua_rawlen(L, -1) : 0;
	if (n > LEDGER_LINES)
		luaL_error(L, "a claim needs 1 to %d lines", LEDGER_LINES);
	for (i = 0; i < n; i++) {
		lua_rawgeti(L, -1, i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		lines[i] = (struct ledger_line){
			text(L, -1, "scope"), text(L, -1, "window"),
			number(L, -1, "start", 0),
			{ number(L, -1, "limit_money", -1),
			  number(L, -1, "limit_tokens", -1),
			  number(L, -1, "limit_calls", -1) }
		};
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	*count = n;
}

/* ---- verbs ----------------------------------------------------------------------- */

/* The claim of a table at 2, borrowed from it: the fields of struct ledger_claim, `hold`
 * spread out as money, tokens, calls. */
static void read_claim(lua_State *L, struct ledger_claim *c,
		       struct ledger_line lines[LEDGER_LINES])
{
	luaL_checktype(L, 2, LUA_TTABLE);
	*c = (struct ledger_claim){
		.key = text(L, 2, "key"), .advance = text(L, 2, "advance"),
		.run = text(L, 2, "run"), .agent = text(L, 2, "agent"),
		.tier = text(L, 2, "tier"), .provider = text(L, 2, "provider"),
		.model = text(L, 2, "model"), .price = text(L, 2, "price"),
		.seq = number(L, 2, "seq", -1),
		.attempt = number(L, 2, "attempt", 1),
		.now = number(L, 2, "now", -1),
		.hold = { number(L, 2, "money", -1), number(L, 2, "tokens", -1),
			  number(L, 2, "calls", 1) },
		.lines = lines
	};
	read_lines(L, lines, &c->count);
}

static enum ledger_state state_of(lua_State *L)
{
	static const char *const names[] = { "settled", "estimated", "released",
					     NULL };
	enum ledger_state s;

	lua_getfield(L, 2, "state");
	s = (enum ledger_state)luaL_checkoption(L, -1, NULL, names);
	lua_pop(L, 1);
	return s;
}

/* The same of struct ledger_end, `state` as a word. */
static void read_end(lua_State *L, struct ledger_end *end)
{
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_getfield(L, 2, "late");
	*end = (struct ledger_end){
		.key = text(L, 2, "key"), .request_id = text(L, 2, "request_id"),
		.error = text(L, 2, "error"), .state = state_of(L),
		.late = lua_toboolean(L, -1), .now = number(L, 2, "now", -1),
		.cost = number(L, 2, "cost", 0), .input = number(L, 2, "input", 0),
		.output = number(L, 2, "output", 0),
		.cached = number(L, 2, "cached", 0),
		.written = number(L, 2, "written", 0),
		.reasoning = number(L, 2, "reasoning", 0)
	};
	lua_pop(L, 1);
}

/* reserve(tx, claim). A bad claim is the caller's mistake, so it raises. */
static int l_reserve(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct ledger_line lines[LEDGER_LINES];
	struct ledger_claim c;
	struct err e;

	read_claim(L, &c, lines);
	if (budget_reserve(t, &c, &e) != 0)
		return luaL_error(L, "%s", e.msg);
	return 0;
}

/* settle(tx, end) */
static int l_settle(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct ledger_end end;
	struct err e;

	read_end(L, &end);
	if (budget_settle(t, &end, &e) != 0)
		return luaL_error(L, "%s", e.msg);
	return 0;
}

static int post(lua_State *L, struct txn *t, int rc, const struct err *e)
{
	if (t == NULL)
		return luaL_error(L, "no memory for a transaction");
	if (rc != 0) {
		txn_free(t);
		return luaL_error(L, "%s", e->msg);
	}
	bind_post(L, 1, t);
	return 0;
}

/* post_reserve(store, claim), post_settle(store, end): a transaction of its own, which is
 * not waited for (see bind_post); the store listens. */
static int l_post_reserve(lua_State *L)
{
	struct ledger_line lines[LEDGER_LINES];
	struct ledger_claim c;
	struct txn *t;
	struct err e;

	bind_check_store(L, 1);
	read_claim(L, &c, lines);
	t = txn_new();
	return post(L, t, t != NULL ? budget_reserve(t, &c, &e) : 0, &e);
}

static int l_post_settle(lua_State *L)
{
	struct ledger_end end;
	struct txn *t;
	struct err e;

	bind_check_store(L, 1);
	read_end(L, &end);
	t = txn_new();
	return post(L, t, t != NULL ? budget_settle(t, &end, &e) : 0, &e);
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
		{ "post_reserve", l_post_reserve },
		{ "post_settle", l_post_settle },
		{ "recover", l_recover }, { NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
