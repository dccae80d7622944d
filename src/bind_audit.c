/* bind_audit.c -- core.audit: whether the audit trail of a store is what was written.
 *
 *   open(path) -> check | nil, message, code
 *   check:step(rows) -> over | nil, message, code       a piece, while others wait
 *   check:found() -> { rows, anchored, unanchored, count, problems = { { kind, id, what } },
 *                      begun = { { id, from, to, accepted } } }
 *   anchors(path) -> the name of the file beside a store, or nil                       */
#include "bind_audit.h"

#include <stdlib.h>

#include "store_audit.h"

#define CHECK "keel.audit"

static int l_open(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct store_audit **slot = lua_newuserdatauv(L, sizeof(*slot), 0);
	struct err e;

	*slot = NULL;
	luaL_setmetatable(L, CHECK);
	if (store_audit_open(slot, path, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}

static struct store_audit *check_at(lua_State *L)
{
	struct store_audit **slot = luaL_checkudata(L, 1, CHECK);

	if (*slot == NULL)
		luaL_argerror(L, 1, "this check is closed");
	return *slot;
}

static int l_close(lua_State *L)
{
	struct store_audit **slot = luaL_checkudata(L, 1, CHECK);

	store_audit_close(*slot);
	*slot = NULL;
	return 0;
}

static int l_step(lua_State *L)
{
	struct store_audit *a = check_at(L);
	bool over;
	struct err e;

	if (store_audit_step(a, (int)luaL_checkinteger(L, 2), &over, &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, over);
	return 1;
}

static void put_number(lua_State *L, const char *name, int64_t n)
{
	lua_pushinteger(L, n);
	lua_setfield(L, -2, name);
}

static void put_begun(lua_State *L, const struct audit_found *found)
{
	size_t i;

	lua_newtable(L);
	bind_array_mark(L);
	lua_setmetatable(L, -2);
	for (i = 0; i < found->begun_n; i++) {
		lua_newtable(L);
		put_number(L, "id", found->begun[i].id);
		put_number(L, "from", found->begun[i].from);
		put_number(L, "to", found->begun[i].to);
		lua_pushboolean(L, found->begun[i].accepted);
		lua_setfield(L, -2, "accepted");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "begun");
}

static int l_found(lua_State *L)
{
	struct audit_found found;
	size_t i;

	store_audit_found(check_at(L), &found);
	lua_newtable(L);
	put_number(L, "rows", found.rows);
	put_number(L, "anchored", found.anchored);
	put_number(L, "unanchored", found.unanchored);
	put_number(L, "count", found.count);
	lua_newtable(L);
	bind_array_mark(L);
	lua_setmetatable(L, -2);
	for (i = 0; i < found.n; i++) {
		lua_newtable(L);
		lua_pushstring(L, found.list[i].kind);
		lua_setfield(L, -2, "kind");
		put_number(L, "id", found.list[i].id);
		lua_pushstring(L, found.list[i].what);
		lua_setfield(L, -2, "what");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "problems");
	put_begun(L, &found);
	return 1;
}

static int l_anchors(lua_State *L)
{
	void **guard;
	char *name;

	luaL_checkstring(L, 1);
	guard = bind_guard(L);
	*guard = name = store_audit_anchors(lua_tostring(L, 1));
	if (name == NULL)
		return 0;
	lua_pushstring(L, name);
	return 1;
}

int bind_open_audit(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", l_open }, { "anchors", l_anchors }, { NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "step", l_step }, { "found", l_found }, { "close", l_close },
		{ "__gc", l_close }, { "__close", l_close }, { NULL, NULL }
	};

	bind_class(L, CHECK, methods);
	bind_module(L, functions);
	return 1;
}
