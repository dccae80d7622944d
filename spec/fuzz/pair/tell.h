/* tell.h -- values as text, for either Lua: include it behind that Lua's lua.h. */
#include <stdlib.h>
#include <string.h>

#include "pair.h"

#define TELL_DEPTH 4
#define TELL_ENTRIES 80

static struct told *telling;

static void tell_bytes(const char *s, size_t n)
{
	if (n > TOLD_BYTES - telling->n) {
		telling->cut = true;
		n = TOLD_BYTES - telling->n;
	}
	memcpy(telling->text + telling->n, s, n);
	telling->n += n;
}

static void tell_text(const char *s)
{
	tell_bytes(s, strlen(s));
}

static void tell_value(lua_State *L, int idx, int depth);

struct tell_entry {
	size_t at, n;
};

static int tell_order(const void *a, const void *b)
{
	const struct tell_entry *x = a, *y = b;
	int order = memcmp(telling->text + x->at, telling->text + y->at,
			   x->n < y->n ? x->n : y->n);

	return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The entries, in the order of their text. */
static void tell_table(lua_State *L, int idx, int depth)
{
	struct tell_entry entries[TELL_ENTRIES];
	size_t n = 0, i, from, at = 0;
	char *sorted;

	tell_text("{");
	from = telling->n;
	for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
		if (n == TELL_ENTRIES) {
			telling->n = from;
			tell_text("many}");
			lua_pop(L, 2);
			return;
		}
		entries[n].at = telling->n;
		tell_value(L, lua_gettop(L) - 1, depth + 1);
		tell_text("=");
		tell_value(L, lua_gettop(L), depth + 1);
		tell_text(",");
		entries[n].n = telling->n - entries[n].at;
		n++;
	}
	qsort(entries, n, sizeof(*entries), tell_order);
	sorted = malloc(telling->n - from + 1);
	for (i = 0; i < n; i++) {
		memcpy(sorted + at, telling->text + entries[i].at, entries[i].n);
		at += entries[i].n;
	}
	memcpy(telling->text + from, sorted, at);
	free(sorted);
	tell_text("}");
}

static void tell_value(lua_State *L, int idx, int depth)
{
	char text[64];
	const char *s;
	size_t n;

	switch (lua_type(L, idx)) {
	case LUA_TBOOLEAN:
		tell_text(lua_toboolean(L, idx) ? "true" : "false");
		return;
	case LUA_TNUMBER:
		if (lua_isinteger(L, idx))
			snprintf(text, sizeof(text), "%lld",
				 (long long)lua_tointeger(L, idx));
		else	/* a nan's sign is the compiler's choice */
			snprintf(text, sizeof(text), "f%a",
				 lua_tonumber(L, idx) != lua_tonumber(L, idx)
				 ? 0.0 / 0.0 * 0 : lua_tonumber(L, idx));
		tell_text(strstr(text, "nan") ? "nan" : text);
		return;
	case LUA_TSTRING:
		s = lua_tolstring(L, idx, &n);
		tell_text("'");
		tell_bytes(s, n);
		tell_text("'");
		return;
	case LUA_TTABLE:
		if (depth < TELL_DEPTH && lua_checkstack(L, 20)) {
			tell_table(L, lua_absindex(L, idx), depth);
			return;
		}
		/* fall through */
	default:
		tell_text(lua_typename(L, lua_type(L, idx)));
	}
}

/* R(...) -> ... */
static int tell(lua_State *L)
{
	int i, n = lua_gettop(L);

	for (i = 1; i <= n && i <= 50; i++) {
		tell_value(L, i, 0);
		tell_text(" ");
	}
	if (n > 50)
		tell_text("... ");
	tell_text("\n");
	return n;
}

/* ---- no addresses in texts ------------------------------------------------- */

/* A value with an identity gives the name of its type instead. */
static void hide_identity(lua_State *L, int idx)
{
	int t = lua_type(L, idx);

	if (t != LUA_TTABLE && t != LUA_TFUNCTION && t != LUA_TTHREAD &&
	    t != LUA_TUSERDATA)
		return;
	if (luaL_getmetafield(L, idx, "__tostring") != LUA_TNIL) {
		lua_pop(L, 1);
		return;
	}
	lua_pushstring(L, lua_typename(L, t));
	lua_replace(L, idx);
}

static int plain_tostring(lua_State *L)
{
	hide_identity(L, 1);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int plain_format(lua_State *L)
{
	const char *s = lua_tostring(L, 1);
	int i;

	for (i = 2; i <= lua_gettop(L); i++)
		hide_identity(L, i);
	while (s != NULL && (s = strchr(s, '%')) != NULL) {
		s++;
		s += strspn(s, "-+ #0123456789.");
		if (*s == 'p')
			return luaL_error(L, "no addresses");
		s += *s != 0;
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- the same globals in both ------------------------------------------------ */

static int broken_in_script(lua_State *L)
{
	fprintf(stderr, "%s\n", lua_tostring(L, 1));
	abort();
}

static const char tell_prelude[] =
"local sort, R, BROKEN = table.sort, R, BROKEN\n"
"print, collectgarbage, load, loadfile, dofile, warn, string.dump = nil\n"
/* KEY(x): what of an element the order sees. */
"function SORT(list, less, key)\n"
"  local ok, message = pcall(sort, list, less)\n"
"  R('sort', ok, message)\n"
"  if ok then for i = 1, #list do R(key and key(list[i]) or list[i]) end end\n"
"end\n"
/* An order that lies: a permutation, or an error. */
"function SHUFFLE(list, less)\n"
"  local count, n = {}, #list\n"
"  for i = 1, n do\n"
"    local x = list[i]\n"
"    if x == nil then return end\n"	/* holes move */
"    if x ~= x then x = 'nan' end\n"
"    count[x] = (count[x] or 0) + 1\n"
"  end\n"
"  local ok = pcall(sort, list, less)\n"
"  if #list ~= n then BROKEN 'another length' end\n"
"  for turn = 1, 2 do\n"
"    for i = 1, n do\n"
"      local x = list[i]\n"
"      if x ~= x then x = 'nan' end\n"
"      if turn == 1 then count[x] = (count[x] or 0) - 1 elseif count[x] ~= 0 then BROKEN 'no permutation' end\n"
"    end\n"
"  end\n"
"end\n"
"local seed = math.randomseed\n"
"seed(42)\n"	/* one of chance is no one's */
"function math.randomseed(a, ...) if a ~= nil then return seed(a, ...) end end\n";

static void wrap(lua_State *L, const char *field, lua_CFunction with)
{
	lua_getfield(L, -1, field);
	lua_pushcclosure(L, with, 1);
	lua_setfield(L, -2, field);
}

/* May raise for memory. Both states then have the same globals. */
static int tell_open(lua_State *L)
{
	lua_pushglobaltable(L);
	lua_pushcfunction(L, tell);
	lua_setfield(L, -2, "R");
	lua_pushcfunction(L, broken_in_script);
	lua_setfield(L, -2, "BROKEN");
	wrap(L, "tostring", plain_tostring);
	lua_getfield(L, -1, "string");
	wrap(L, "format", plain_format);
	lua_pop(L, 2);
	if (luaL_loadstring(L, tell_prelude) != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 0);
	return 0;
}
