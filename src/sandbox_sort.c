/* sandbox_sort.c -- table.sort of a run: stable.
 *
 * Lua's own quicksort leaves equal elements in an order that depends on its pivots,
 * and fails for some orders that contradict themselves. Scripts sort by one field
 * and take the first, so ties must come as they were. This one merges, on a copy:
 * any order function ends it after at most n log2 n comparisons with some
 * permutation, the same every time, and a table whose sorting fails is untouched.
 * Price: 24 bytes an element while it sorts. */
#include <lauxlib.h>
#include <lfuel.h>
#include <limits.h>

#include "sandbox.h"

#define LIST 1
#define ORDER 2
#define WORK 3		/* the elements                          */
#define LEFT 4		/* the left one of two runs being merged */

#define BLOCK 8		/* sorted on the stack, before merging   */

/* Is the value at a less than that at b? (Absolute indices.) */
static int less(lua_State *L, int a, int b)
{
	int yes;

	if (lua_isnil(L, ORDER))
		return lua_compare(L, a, b, LUA_OPLT);
	lua_pushvalue(L, ORDER);
	lua_pushvalue(L, a);
	lua_pushvalue(L, b);
	lua_call(L, 2, 1);
	yes = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return yes;
}

/* Merge WORK[lo..mid] and WORK[mid+1..hi], which are in order; of equals those of
 * the left first. */
static void merge(lua_State *L, lua_Integer lo, lua_Integer mid, lua_Integer hi)
{
	lua_Integer n = mid - lo + 1, i = 1, j = mid + 1, to = lo, k;
	int base = lua_gettop(L), left = base + 1, right = base + 2;

	lua_charge(L, 4);
	lua_rawgeti(L, WORK, mid);
	lua_rawgeti(L, WORK, j);
	if (!less(L, right, left)) {	/* in order already */
		lua_settop(L, base);
		return;
	}
	lua_charge(L, 4 * (hi - lo + 1));
	for (k = 1; k <= n; k++) {
		lua_rawgeti(L, WORK, lo + k - 1);
		lua_rawseti(L, LEFT, k);
	}
	lua_rawgeti(L, LEFT, 1);
	lua_replace(L, left);
	while (i <= n && j <= hi) {
		if (less(L, right, left)) {
			lua_pushvalue(L, right);
			lua_rawseti(L, WORK, to++);
			lua_rawgeti(L, WORK, ++j);
			lua_replace(L, right);
		} else {
			lua_pushvalue(L, left);
			lua_rawseti(L, WORK, to++);
			lua_rawgeti(L, LEFT, ++i);
			lua_replace(L, left);
		}
	}
	for (; i <= n; i++) {
		lua_rawgeti(L, LEFT, i);
		lua_rawseti(L, WORK, to++);
	}
	lua_settop(L, base);
}

/* Bring LIST[lo..hi], a few elements, to WORK in order: each goes behind the last one
 * that it is not less than, found by halves. */
static void sort_block(lua_State *L, lua_Integer lo, lua_Integer hi)
{
	int base = lua_gettop(L), n = 0, at, end, mid;
	lua_Integer i;

	lua_charge(L, 6 * (hi - lo + 1));
	for (i = lo; i <= hi; i++, n++) {
		lua_geti(L, LIST, i);
		at = base + 1;
		end = base + 1 + n;
		if (n > 0 && !less(L, end, end - 1))
			at = end;	/* in order already */
		while (at < end) {
			mid = at + (end - at) / 2;
			if (less(L, base + 1 + n, mid))
				end = mid;
			else
				at = mid + 1;
		}
		lua_insert(L, at);
	}
	for (; n > 0; n--)
		lua_rawseti(L, WORK, lo + n - 1);
}

static void check_list(lua_State *L)
{
	if (lua_type(L, LIST) == LUA_TTABLE)
		return;
	if (luaL_getmetafield(L, LIST, "__index") == LUA_TNIL ||
	    luaL_getmetafield(L, LIST, "__newindex") == LUA_TNIL ||
	    luaL_getmetafield(L, LIST, "__len") == LUA_TNIL)
		luaL_checktype(L, LIST, LUA_TTABLE);
	lua_pop(L, 3);
}

/* sort(list [, less]) */
int sandbox_sort(lua_State *L)
{
	lua_Integer n, i, width;

	check_list(L);
	n = luaL_len(L, LIST);
	if (n < 2)
		return 0;
	luaL_argcheck(L, n < INT_MAX / 2, LIST, "array too big");
	if (!lua_isnoneornil(L, ORDER))
		luaL_checktype(L, ORDER, LUA_TFUNCTION);
	lua_settop(L, 2);
	if (lua_isnil(L, ORDER) && sandbox_sort_numbers(L, n))
		return 0;
	luaL_checkstack(L, BLOCK + 10, NULL);
	lua_charge(L, n);		/* before it takes the memory */
	lua_createtable(L, (int)n, 0);
	lua_createtable(L, (int)(n / 2 + 1), 0);
	for (i = 1; i <= n; i += BLOCK)
		sort_block(L, i, i + BLOCK - 1 < n ? i + BLOCK - 1 : n);
	for (width = BLOCK; width < n; width *= 2)
		for (i = 1; i + width <= n; i += 2 * width)
			merge(L, i, i + width - 1, i + 2 * width - 1 < n
			      ? i + 2 * width - 1 : n);
	for (i = 1; i <= n; i++) {
		lua_charge(L, 1);
		lua_rawgeti(L, WORK, i);
		lua_seti(L, LIST, i);
	}
	return 0;
}
