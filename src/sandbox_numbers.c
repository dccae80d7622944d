/* sandbox_numbers.c -- table.sort for lists of nothing but numbers.
 *
 * Equal integers cannot be told apart, nor can equal floats but for zeros and NaNs.
 * So any way to sort them gives what the stable one gives, and they can be sorted as
 * machine words, by their digits: without calling Lua for each comparison. No script
 * can run meanwhile, so a list that is too long for one stretch is left to the
 * sort that can be preempted. Price: 16 bytes an element while it sorts. */
#include <lauxlib.h>
#include <lfuel.h>
#include <string.h>

#include "sandbox.h"

#define LIST 1
#define FEWEST 4
#define FEW 48			/* these are put in their places one by one */
#define MOST 100000		/* about 5 ms */
#define STEP 4096		/* elements between two charges */

#define SIGN ((uint64_t)1 << 63)

/* Words that are ordered as the numbers are. */

static uint64_t of_integer(lua_Integer i)
{
	return (uint64_t)i ^ SIGN;
}

static uint64_t of_float(lua_Number x)
{
	uint64_t w;

	memcpy(&w, &x, sizeof(w));
	return w & SIGN ? ~w : w | SIGN;
}

static void push_float(lua_State *L, uint64_t w)
{
	lua_Number x;

	w = w & SIGN ? w & ~SIGN : ~w;
	memcpy(&x, &w, sizeof(x));
	lua_pushnumber(L, x);
}

static void charge_step(lua_State *L, lua_Integer i, lua_Integer n)
{
	if (i % STEP == 0)
		lua_charge(L, 2 * (n - i < STEP ? n - i : STEP));
}

static bool read_integers(lua_State *L, uint64_t *to, lua_Integer n)
{
	lua_Integer i;

	for (i = 0; i < n; i++) {
		charge_step(L, i, n);
		lua_rawgeti(L, LIST, i + 1);
		if (!lua_isinteger(L, -1))
			return false;
		to[i] = of_integer(lua_tointeger(L, -1));
		lua_pop(L, 1);
	}
	return true;
}

/* Zeros and NaNs are for those who look at every comparison. */
static bool read_floats(lua_State *L, uint64_t *to, lua_Integer n)
{
	lua_Number x;
	lua_Integer i;

	for (i = 0; i < n; i++) {
		charge_step(L, i, n);
		lua_rawgeti(L, LIST, i + 1);
		if (lua_type(L, -1) != LUA_TNUMBER || lua_isinteger(L, -1))
			return false;
		x = lua_tonumber(L, -1);
		if (!(x < 0 || x > 0))
			return false;
		to[i] = of_float(x);
		lua_pop(L, 1);
	}
	return true;
}

static void insert_few(uint64_t *a, lua_Integer n)
{
	lua_Integer i, j;
	uint64_t x;

	for (i = 1; i < n; i++) {
		x = a[i];
		for (j = i; j > 0 && a[j - 1] > x; j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

static bool in_order(const uint64_t *a, lua_Integer n)
{
	lua_Integer i;

	for (i = 1; i < n && a[i - 1] <= a[i]; i++)
		;
	return i == n;
}

/* By bytes, the lowest first; those that all have in common are skipped. Where the
 * result is: in a or in b. */
static uint64_t *by_digits(lua_State *L, uint64_t *a, uint64_t *b, lua_Integer n)
{
	uint64_t same = ~(uint64_t)0, *t;
	uint32_t at[256], sum, count;
	lua_Integer i;
	int shift, d;

	for (i = 1; i < n; i++)
		same &= ~(a[i] ^ a[0]);
	for (shift = 0; shift < 64; shift += 8) {
		if ((same >> shift & 255) == 255)
			continue;
		lua_charge(L, n / 2 + 64);
		memset(at, 0, sizeof(at));
		for (i = 0; i < n; i++)
			at[a[i] >> shift & 255]++;
		for (sum = 0, d = 0; d < 256; d++) {
			count = at[d];
			at[d] = sum;
			sum += count;
		}
		for (i = 0; i < n; i++)
			b[at[a[i] >> shift & 255]++] = a[i];
		t = a;
		a = b;
		b = t;
	}
	return a;
}

static void write_back(lua_State *L, const uint64_t *a, lua_Integer n,
		       bool integers)
{
	lua_Integer i;

	for (i = 0; i < n; i++) {
		charge_step(L, i, n);
		if (integers)
			lua_pushinteger(L, (lua_Integer)(a[i] ^ SIGN));
		else
			push_float(L, a[i]);
		lua_rawseti(L, LIST, i + 1);
	}
}

bool sandbox_sort_numbers(lua_State *L, lua_Integer n)
{
	struct lua_Fuel *f = lua_fuel(L);
	unsigned int ids = f->ids;	/* a sort takes two, however it is done */
	int top = lua_gettop(L);
	bool integers, numbers;
	uint64_t *a;

	if (n < FEWEST || n > MOST || lua_type(L, LIST) != LUA_TTABLE ||
	    lua_rawgeti(L, LIST, 1) != LUA_TNUMBER || lua_getmetatable(L, LIST)) {
		lua_settop(L, top);
		return false;
	}
	integers = lua_isinteger(L, -1);
	a = lua_newuserdatauv(L, 2 * (size_t)n * sizeof(*a), 0);
	numbers = integers ? read_integers(L, a, n) : read_floats(L, a, n);
	if (numbers && !in_order(a, n)) {
		if (n <= FEW)
			insert_few(a, n);
		else
			a = by_digits(L, a, a + n, n);
		write_back(L, a, n, integers);
	}
	f->ids = numbers ? ids + 2 : ids;
	lua_settop(L, top);
	return numbers;
}
