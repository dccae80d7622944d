/* sandbox_sort.c -- table.sort of a run: stable, and can be left standing.
 *
 * Lua's own quicksort leaves equal elements in an order that depends on its pivots,
 * and fails for some orders that contradict themselves. Scripts sort by one field
 * and take the first, so ties must come as they were. This one merges, on a copy:
 * any order function ends it after at most n log2 n comparisons with some
 * permutation, the same every time, and a table whose sorting fails is untouched.
 * Price: 24 to 32 bytes an element while it sorts.
 *
 * Where it stands is in a userdata on the stack, and every comparison that runs code
 * of the script is the last thing that a C frame does: the order may yield, and the
 * run can be preempted in it and between any few elements. */
#include <lauxlib.h>
#include <lfuel.h>
#include <limits.h>
#include <stdbool.h>

#include "sandbox.h"

#define LIST 1
#define ORDER 2
#define WORK 3		/* the elements; behind them a copy of a left run  */
#define STATE 4
#define BASE 5		/* the elements of a block                          */
#define LEFT BASE	/* while merging: what the two runs begin with      */
#define RIGHT (BASE + 1)

#define BLOCK 8		/* sorted on the stack, before merging              */
#define PIECE 128	/* elements that are moved between two payments     */

struct sorting {
	enum { NEXT_BLOCK, FETCH, LAST, SEARCH, NEXT_PAIR, SEAM, ORDERED, COPY,
	       MERGE, TAKE, REST, WRITE } at;
	lua_Integer n, width;
	lua_Integer lo, mid, hi;	/* lo..mid and mid+1..hi are merged   */
	lua_Integer i, j, to, k;
	int count, from, end, middle;	/* of a block, on the stack           */
	int a, b;			/* is the value at a less than at b?  */
	bool order;			/* the script gave one                */
	bool yes, called;		/* the answer; it is on the stack     */
};

enum next { COMPARE, PAUSE, DONE, ON };

/* Compare a and b, then go on at `at`; at once where that is no call. */
static enum next ask(lua_State *L, struct sorting *s, int at, int a, int b)
{
	int type;

	s->at = at;
	s->a = a;
	s->b = b;
	if (s->order)
		return COMPARE;
	type = lua_type(L, a);
	if (type != lua_type(L, b) ||
	    (type != LUA_TNUMBER && type != LUA_TSTRING))
		return COMPARE;
	s->yes = lua_compare(L, a, b, LUA_OPLT);
	return ON;
}

/* Go on at `at`, perhaps only after others had a turn. */
static enum next pay(lua_State *L, struct sorting *s, int at, lua_Integer n)
{
	s->at = at;
	return lua_pay(L, n) ? PAUSE : ON;
}

static lua_Integer least(lua_Integer a, lua_Integer b)
{
	return a < b ? a : b;
}

/* The place of the newest of a block, by halves: it goes behind the last one that it
 * is not less than. */
static enum next search(lua_State *L, struct sorting *s)
{
	if (s->from < s->end) {
		s->middle = s->from + (s->end - s->from) / 2;
		return ask(L, s, SEARCH, BASE + s->count, s->middle);
	}
	lua_insert(L, s->from);
	s->count++;
	s->at = FETCH;
	return ON;
}

/* Bring LIST[lo..hi], a few elements, to WORK in order. */
static enum next fetch(lua_State *L, struct sorting *s)
{
	if (s->lo + s->count <= s->hi) {
		lua_geti(L, LIST, s->lo + s->count);
		if (s->count > 0)
			return ask(L, s, LAST, BASE + s->count,
				   BASE + s->count - 1);
		s->count = 1;
		return ON;
	}
	for (; s->count > 0; s->count--)
		lua_rawseti(L, WORK, s->lo + s->count - 1);
	s->lo = s->hi + 1;
	s->at = NEXT_BLOCK;
	return ON;
}

static enum next sort_blocks(lua_State *L, struct sorting *s)
{
	switch (s->at) {
	case NEXT_BLOCK:
		if (s->lo > s->n) {
			s->lo = 1;
			s->at = NEXT_PAIR;
			return ON;
		}
		s->hi = least(s->lo + BLOCK - 1, s->n);
		return pay(L, s, FETCH, 6 * (s->hi - s->lo + 1));
	case FETCH:
		return fetch(L, s);
	case LAST:
		s->end = BASE + s->count;
		s->from = s->yes ? BASE : s->end;	/* in order already */
		return search(L, s);
	default:
		if (s->yes)
			s->end = s->middle;
		else
			s->from = s->middle + 1;
		return search(L, s);
	}
}

/* The next two runs of width, or all is in order. */
static enum next next_pair(lua_State *L, struct sorting *s)
{
	if (s->lo + s->width > s->n) {
		s->width *= 2;
		s->lo = 1;
	}
	if (s->width >= s->n) {
		s->k = 0;
		s->at = WRITE;
		return ON;
	}
	s->mid = s->lo + s->width - 1;
	s->hi = least(s->mid + s->width, s->n);
	return pay(L, s, SEAM, 4);
}

static enum next merged(lua_State *L, struct sorting *s)
{
	lua_settop(L, BASE - 1);
	s->lo += 2 * s->width;
	s->at = NEXT_PAIR;
	return ON;
}

/* Move WORK[from+1..from+n] to WORK[to+1...], a piece of it; how much that was. */
static lua_Integer move(lua_State *L, lua_Integer from, lua_Integer to,
			lua_Integer n)
{
	lua_Integer i;

	n = least(n, PIECE);
	for (i = 1; i <= n; i++) {
		lua_rawgeti(L, WORK, from + i);
		lua_rawseti(L, WORK, to + i);
	}
	return n;
}

/* The left run is out of the way: the smaller of both first ones goes to WORK[lo]. */
static enum next begin_merge(lua_State *L, struct sorting *s)
{
	lua_Integer left = s->width - s->k, n;

	if (left > 0) {
		n = move(L, s->lo - 1 + s->k, s->n + s->k, left);
		s->k += n;
		return pay(L, s, COPY, 2 * n);
	}
	lua_rawgeti(L, WORK, s->n + 1);
	lua_replace(L, LEFT);
	s->i = 1;
	s->j = s->mid + 1;
	s->to = s->lo;
	s->at = MERGE;
	return ON;
}

/* Of equals those of the left come first. */
static enum next take(lua_State *L, struct sorting *s)
{
	if (s->yes) {		/* the right one is on top of the stack */
		lua_rawseti(L, WORK, s->to++);
		lua_rawgeti(L, WORK, ++s->j);
	} else {
		lua_pushvalue(L, LEFT);
		lua_rawseti(L, WORK, s->to++);
		lua_rawgeti(L, WORK, s->n + ++s->i);
		lua_replace(L, LEFT);
	}
	if (s->to % PIECE == 0)
		return pay(L, s, MERGE, 3 * PIECE);
	s->at = MERGE;
	return ON;
}

static enum next merge(lua_State *L, struct sorting *s)
{
	lua_Integer n;

	switch (s->at) {
	case NEXT_PAIR:
		return next_pair(L, s);
	case SEAM:
		lua_rawgeti(L, WORK, s->mid);
		lua_rawgeti(L, WORK, s->mid + 1);
		return ask(L, s, ORDERED, RIGHT, LEFT);
	case ORDERED:
		if (!s->yes)
			return merged(L, s);
		s->k = 0;
		s->at = COPY;
		return ON;
	case COPY:
		return begin_merge(L, s);
	case MERGE:
		if (s->i <= s->width && s->j <= s->hi)
			return ask(L, s, TAKE, RIGHT, LEFT);
		s->at = REST;
		return ON;
	case TAKE:
		return take(L, s);
	default:
		if (s->i > s->width)
			return merged(L, s);
		n = move(L, s->n + s->i - 1, s->to - 1, s->width - s->i + 1);
		s->i += n;
		s->to += n;
		return pay(L, s, REST, 2 * n);
	}
}

static enum next write_back(lua_State *L, struct sorting *s)
{
	lua_Integer end = least(s->k + PIECE, s->n), begun = s->k;

	if (begun == s->n)
		return DONE;
	while (s->k < end) {
		lua_rawgeti(L, WORK, ++s->k);
		lua_seti(L, LIST, s->k);
	}
	return pay(L, s, WRITE, end - begun);
}

static enum next advance(lua_State *L, struct sorting *s)
{
	enum next next = ON;

	while (next == ON) {
		if (s->at <= SEARCH)
			next = sort_blocks(L, s);
		else
			next = s->at == WRITE ? write_back(L, s) : merge(L, s);
	}
	return next;
}

/* Push what has to be called to compare, with its arguments; false when the answer
 * is known without, or an error. */
static bool push_order(lua_State *L, struct sorting *s)
{
	if (s->order) {
		lua_pushvalue(L, ORDER);
	} else if (luaL_getmetafield(L, s->a, "__lt") == LUA_TNIL &&
		   luaL_getmetafield(L, s->b, "__lt") == LUA_TNIL) {
		s->yes = lua_compare(L, s->a, s->b, LUA_OPLT);
		return false;
	}
	lua_pushvalue(L, s->a);
	lua_pushvalue(L, s->b);
	return true;
}

static int go_on(lua_State *L, int status, lua_KContext ctx)
{
	struct sorting *s = (struct sorting *)ctx;
	enum next next;

	(void)status;
	for (;;) {
		if (s->called) {
			s->yes = lua_toboolean(L, -1);
			s->called = false;
			lua_pop(L, 1);
		}
		next = advance(L, s);
		if (next == PAUSE)
			return lua_yieldk(L, 0, ctx, go_on);
		if (next == DONE)
			return 0;
		if (push_order(L, s)) {
			s->called = true;
			lua_callk(L, 2, 1, ctx, go_on);
		}
	}
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
	struct sorting *s;
	lua_Integer n, widest = BLOCK;

	check_list(L);
	n = luaL_len(L, LIST);
	if (n < 2)
		return 0;
	luaL_argcheck(L, n < INT_MAX / 2, LIST, "array too big");
	if (!lua_isnoneornil(L, ORDER))
		luaL_checktype(L, ORDER, LUA_TFUNCTION);
	lua_settop(L, ORDER);
	if (lua_isnil(L, ORDER) && sandbox_sort_numbers(L, n))
		return 0;
	luaL_checkstack(L, BLOCK + 10, NULL);
	lua_charge(L, n);		/* before it takes the memory */
	while (2 * widest < n)
		widest *= 2;
	lua_createtable(L, (int)(n > BLOCK ? n + widest : n), 0);
	s = lua_newuserdatauv(L, sizeof(*s), 0);
	*s = (struct sorting){ .at = NEXT_BLOCK, .n = n, .lo = 1,
			       .width = BLOCK,
			       .order = !lua_isnil(L, ORDER) };
	return go_on(L, LUA_OK, (lua_KContext)s);
}
