/* lfuel.h -- what Keel adds to Lua: fuel, death, runs, and reading in place.
 *
 * Fuel is counted in VM instructions. A Lua function is charged its whole body
 * when it is entered; every jump is charged its signed distance and a return
 * gives back what lies behind it, so that what stays charged is what was
 * executed. Library loops, collections and large allocations go to a second
 * count; both drain one tank, `left`. Where `left` falls below zero at a loop,
 * a call or a library step, the owner's `out` decides: go on with a refilled
 * tank, yield, or die.
 *
 * Death is a state of the lua_State, not an error: once `dead` is set, every
 * protected call, coroutine and closing variable lets it through to the host,
 * and no function of the script is called again. The host sees LUA_DEAD and
 * may only read lua_fuel() and close the state.
 *
 * A state from lua_newstate is no run: `out` is NULL, the tank is endless, and
 * it behaves as stock Lua does. */
#ifndef lfuel_h
#define lfuel_h

#include <stdint.h>

#include "lua.h"

/* A status beside LUA_ERRRUN and its like; it must fit in three bits. */
#define LUA_DEAD 7

enum { LUA_FUEL_GO, LUA_FUEL_YIELD, LUA_FUEL_DIE };

struct lua_Fuel {
	int64_t left;		/* in the tank; below zero: ask `out`          */
	int64_t lib;		/* charged outside the script's own code       */
	int64_t granted;	/* put into the tank since the state was made  */
	int64_t entered;	/* `left` when the outermost C function began  */
	int64_t floor;		/* below 0: it should have yielded, and could
				 * not; `out` is asked again when `left` is
				 * below this, or as soon as it can          */
	int (*out)(lua_State *L, int can_yield);
	lua_State *running;	/* the thread whose function runs              */
	void *ud;		/* the owner of `out`; NULL in other states    */
	uint64_t seed;		/* of the run                                  */
	int64_t memory_cap;	/* of the allocator; 0: none                     */
	unsigned int ids;	/* objects numbered so far                     */
	unsigned char run;	/* 1: no addresses, no weak tables, no __gc    */
	unsigned char dead;	/* nothing of the script runs any more         */
	unsigned char nomem;	/* it died of memory                           */
	unsigned char whole;	/* lua_close leaves its objects to their owner */
	unsigned char preempted;	/* the last yield was not the script's */
};

/* A state for one run: all chance comes from seed. */
LUA_API lua_State *lua_newrun(lua_Alloc f, void *ud, uint64_t seed);

/* Make a run in which no script has run yet what it would be had it been made with
 * this seed: its strings and tables are hashed anew. May raise. */
LUA_API void lua_reseed(lua_State *L, uint64_t seed);

LUA_API struct lua_Fuel *lua_fuel(lua_State *L);

/* Charge n units of library work; may not return (death), never yields. */
LUA_API void lua_charge(lua_State *L, lua_Integer n);

/* The same for a C function that can go on later: when it returns 1, the function
 * has to leave with `return lua_yieldk(L, 0, ctx, k)` and goes on in k. With n = 0 it
 * need only be called while `left` is below 0. */
LUA_API int lua_pay(lua_State *L, lua_Integer n);

/* The same where nothing may be thrown: nonzero when the run is dead, and then the
 * caller is to come to an end and raise whatever error it likes. */
LUA_API int lua_spend(lua_State *L, lua_Integer n);

/* Like lua_resetthread, but counts the C calls of the closer, and lets death
 * through. */
LUA_API int lua_closethread(lua_State *L, lua_State *from);

/* The next collection begins when so many more bytes were allocated. */
LUA_API void lua_gcafter(lua_State *L, size_t bytes);

/* Reallocate a block of L's memory that is no object: counted, with an
 * emergency collection before it gives up; raises a memory error. */
LUA_API void *lua_realloc(lua_State *L, void *p, size_t from, size_t to);

/* The next number of the run's own chance; 0 in other states. */
LUA_API uint64_t lua_draw(lua_State *L);

/* A value as it is, without a way over the stack. */
struct lua_Seen {
	int type;		/* as lua_type gives it                        */
	int integer;		/* a number: whether i counts, or n            */
	lua_Integer i;
	lua_Number n;
	const char *s;		/* of a string: borrowed while it lives        */
	size_t len;
};

/* Look at values raw: none of these raises, allocates, charges or moves the stack. idx
 * is a positive index of a table there. A pair has a place from 1 to lua_places; they
 * stay while nothing is assigned. lua_next_place returns the first one behind `place`
 * that is taken, or 0. lua_fetch_place says that its value will be looked at. */
LUA_API void lua_see(lua_State *L, int idx, struct lua_Seen *value);
LUA_API void lua_see_index(lua_State *L, int idx, lua_Integer i,
			   struct lua_Seen *value);
LUA_API unsigned int lua_places(lua_State *L, int idx);
LUA_API unsigned int lua_next_place(lua_State *L, int idx, unsigned int place,
				    struct lua_Seen *key);
LUA_API void lua_see_place(lua_State *L, int idx, unsigned int place,
			   struct lua_Seen *value);
LUA_API void lua_fetch_place(lua_State *L, int idx, unsigned int place);

/* Push the value of the pair at a place. */
LUA_API void lua_push_place(lua_State *L, int idx, unsigned int place);

/* The state in whose name code without a lua_State charges (hash chains); set
 * by whoever resumes a run, and restored. */
extern __thread struct lua_Fuel *lua_fuel_current;

#if defined(LUA_CORE) || defined(LUA_LIB)

/* The tank is empty. can_yield: the VM stands between two instructions. */
void fuel_out(lua_State *L, int can_yield);

/* Memory was refused to a caller who only gets told so: that is death, too. */
void fuel_nomem(lua_State *L);

/* Unit work done outside the VM, looked at by the next check. */
#define fuel_defer(f, n) \
	((void)((f)->left -= (int64_t)(n), (f)->lib += (int64_t)(n)))

/* Most of what is deferred meets a loop or a call soon; a long straight line of
 * code does not. Whoever may raise an error stops it here. */
#define FUEL_DEBT 30000
#define fuel_settle(L) \
	(l_unlikely(G(L)->fuel.left < -FUEL_DEBT) ? fuel_out(L, 0) : (void)0)

/* One hop of a metamethod chain. */
#define fuelhop(L) \
	(fuel_defer(&G(L)->fuel, 3), \
	 --G(L)->fuel.left < 0 ? fuel_out(L, 0) : (void)0)

/* Endless recursion is an error long before it is the end of the memory. */
#define fuel_maxstack(L) (G(L)->fuel.run ? 250000 : LUAI_MAXSTACK)

/* For code that has no state at hand; where the VM itself stands it is looked at. */
void fuel_walk(size_t units);

/* Units for turning a float into digits. */
size_t fuel_digits(double x);
/* And for the remainder of a by b. */
size_t fuel_remainder(double a, double b);

#endif

#endif
