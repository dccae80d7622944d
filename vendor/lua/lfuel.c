/* lfuel.c -- see lfuel.h. */
#define lfuel_c
#define LUA_CORE

#include "lprefix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lua.h"

#include "lapi.h"
#include "ldo.h"
#include "lfuel.h"
#include "lgc.h"
#include "lmem.h"
#include "lstate.h"
#include "lstring.h"
#include "ltable.h"

__thread struct lua_Fuel *lua_fuel_current;

void fuel_init(struct lua_Fuel *f, int run, uint64_t seed)
{
	memset(f, 0, sizeof(*f));
	f->run = (unsigned char)run;
	f->seed = seed;
	f->left = f->granted = INT64_MAX / 2;
}

void lua_gcafter(lua_State *L, size_t bytes)
{
	luaE_setdebt(G(L), -(l_mem)bytes);
}

/* A coroutine may be left standing only if everybody who resumed it may. */
#define standable(L)	(yieldable(L) && !(L)->pinned)

void fuel_out(lua_State *L, int can_yield)
{
	global_State *g = G(L);
	struct lua_Fuel *f = &g->fuel;

	if (f->out == NULL) {
		f->granted += INT64_MAX / 2 - f->left;
		f->left = INT64_MAX / 2;
		return;
	}
	if (g->gcstp)		/* in a finalizer or while the state is made */
		return;
	can_yield = can_yield && standable(L);
	if (!can_yield && f->left >= f->floor)
		return;
	switch (f->out(L, can_yield)) {
	case LUA_FUEL_YIELD:
		f->preempted = 1;
		L->status = LUA_YIELD;
		L->ci->u2.nyield = 0;
		luaD_throw(L, LUA_YIELD);
		break;
	case LUA_FUEL_DIE:
		f->dead = 1;
		luaD_throw(L, LUA_DEAD);
		break;
	}
}

/* At a jump: pc is where it leads. */
void fuel_jump(lua_State *L, CallInfo *ci, const Instruction *pc)
{
	ci->u.l.savedpc = pc;
	L->top = ci->top;
	fuel_out(L, 1);
}

/* Before the first instruction of a function, or when one goes on after a
 * yield. A vararg function still needs the top that its caller left. */
void fuel_entry(lua_State *L, CallInfo *ci)
{
	Proto *p = clLvalue(s2v(ci->func))->p;

	if (ci->u.l.savedpc != p->code || p->is_vararg) {
		fuel_out(L, 0);
		return;
	}
	L->top = ci->top;
	fuel_out(L, 1);
}

/* Behind a call of a C function; open results end at the top. */
void fuel_called(lua_State *L, CallInfo *ci, int nresults)
{
	if (nresults >= 0)
		L->top = ci->top;
	fuel_out(L, 1);
}

void fuel_walk(size_t units)
{
	struct lua_Fuel *f = lua_fuel_current;

	if (f == NULL)
		return;
	fuel_defer(f, units);
	/* A C function may hold what only its end gives back. */
	if (f->left < -FUEL_DEBT && !f->dead && isLua(f->running->ci))
		fuel_out(f->running, 0);
}

void fuel_nomem(lua_State *L)
{
	struct lua_Fuel *f = &G(L)->fuel;

	if (!f->run || !completestate(G(L)))
		return;
	f->dead = f->nomem = 1;
	if (f->running->errorJmp != NULL)
		luaD_throw(f->running, LUA_DEAD);
}

size_t fuel_digits(double x)
{
	int exponent;

	frexp(x, &exponent);
	return 40 + (size_t)abs(exponent) / 8;
}

size_t fuel_remainder(double a, double b)
{
	int i, j;

	if (fabs(a) < fabs(b) * 1e6)
		return 2;
	frexp(a, &i);
	frexp(b, &j);
	return i > j ? (size_t)(i - j) / 5 : 2;
}

LUA_API struct lua_Fuel *lua_fuel(lua_State *L)
{
	return &G(L)->fuel;
}

LUA_API void lua_charge(lua_State *L, lua_Integer n)
{
	struct lua_Fuel *f = &G(L)->fuel;

	if (n > INT64_MAX / 8)
		n = INT64_MAX / 8;
	if (f->out == NULL)
		return;
	fuel_defer(f, n);
	if (f->left < 0)
		fuel_out(L, 0);
}

LUA_API int lua_pay(lua_State *L, lua_Integer n)
{
	global_State *g = G(L);
	struct lua_Fuel *f = &g->fuel;
	int can_yield;

	if (f->out == NULL)
		return 0;
	fuel_defer(f, n);
	if (f->left >= 0 || g->gcstp)
		return 0;
	can_yield = standable(L);
	if (!can_yield && f->left >= f->floor)
		return 0;
	switch (f->out(L, can_yield)) {
	case LUA_FUEL_YIELD:
		f->preempted = 1;
		return 1;
	case LUA_FUEL_DIE:
		f->dead = 1;
		luaD_throw(L, LUA_DEAD);
	}
	return 0;
}

LUA_API int lua_spend(lua_State *L, lua_Integer n)
{
	struct lua_Fuel *f = &G(L)->fuel;

	if (f->out == NULL || f->dead)
		return f->dead;
	fuel_defer(f, n);
	if (f->left < f->floor && f->out(L, 0) == LUA_FUEL_DIE)
		f->dead = 1;
	return f->dead;
}

LUA_API uint64_t lua_draw(lua_State *L)
{
	struct lua_Fuel *f = &G(L)->fuel;
	uint64_t z;

	if (!f->run)
		return 0;
	z = (f->seed += 0x9e3779b97f4a7c15u);	/* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

LUA_API void *lua_realloc(lua_State *L, void *p, size_t from, size_t to)
{
	return luaM_saferealloc_(L, p, from, to);
}

/* ---- values as they are ---------------------------------------------------- */

static void see(const TValue *v, struct lua_Seen *to)
{
	to->type = isempty(v) ? LUA_TNIL : ttype(v);
	switch (ttypetag(v)) {
	case LUA_VNUMINT:
		to->integer = 1;
		to->i = ivalue(v);
		break;
	case LUA_VNUMFLT:
		to->integer = 0;
		to->n = fltvalue(v);
		break;
	case LUA_VSHRSTR:
	case LUA_VLNGSTR:
		to->s = svalue(v);
		to->len = vslen(v);
		break;
	case LUA_VTRUE:
	case LUA_VFALSE:
		to->i = ttypetag(v) == LUA_VTRUE;
		break;
	case LUA_VLIGHTUSERDATA:
		to->i = pvalue(v) != NULL;
	}
}

#define at_index(L, idx)	s2v((L)->ci->func + (idx))

void lua_see(lua_State *L, int idx, struct lua_Seen *value)
{
	see(at_index(L, idx), value);
}

void lua_see_index(lua_State *L, int idx, lua_Integer i, struct lua_Seen *value)
{
	see(luaH_getint(hvalue(at_index(L, idx)), i), value);
}

unsigned int lua_places(lua_State *L, int idx)
{
	Table *t = hvalue(at_index(L, idx));

	return luaH_realasize(t) + (unsigned int)sizenode(t);
}

static const TValue *at_place(lua_State *L, int idx, unsigned int place)
{
	Table *t = hvalue(at_index(L, idx));
	unsigned int asize = luaH_realasize(t);

	return place <= asize ? &t->array[place - 1]
			      : gval(gnode(t, place - 1 - asize));
}

unsigned int lua_next_place(lua_State *L, int idx, unsigned int place,
			    struct lua_Seen *key)
{
	Table *t = hvalue(at_index(L, idx));
	unsigned int asize = luaH_realasize(t), nodes = (unsigned int)sizenode(t);
	TValue k;
	Node *n;

	for (; place < asize; place++) {
		if (isempty(&t->array[place]))
			continue;
		key->type = LUA_TNUMBER;
		key->integer = 1;
		key->i = (lua_Integer)place + 1;
		return place + 1;
	}
	for (; place - asize < nodes; place++) {
		n = gnode(t, place - asize);
		if (isempty(gval(n)))
			continue;
		getnodekey(L, &k, n);
		see(&k, key);
		return place + 1;
	}
	return 0;
}

void lua_see_place(lua_State *L, int idx, unsigned int place,
		   struct lua_Seen *value)
{
	see(at_place(L, idx, place), value);
}

void lua_fetch_place(lua_State *L, int idx, unsigned int place)
{
	__builtin_prefetch(at_place(L, idx, place));
}

void lua_push_place(lua_State *L, int idx, unsigned int place)
{
	setobj2s(L, L->top, at_place(L, idx, place));
	L->top++;
}

/* ---- another seed ----------------------------------------------------------- */

static void rehash_strings(global_State *g)
{
	stringtable *tb = &g->strt;
	TString *all = NULL, *ts, *next;
	int i;

	for (i = 0; i < tb->size; i++) {
		for (ts = tb->hash[i]; ts != NULL; ts = next) {
			next = ts->u.hnext;
			ts->u.hnext = all;
			all = ts;
		}
		tb->hash[i] = NULL;
	}
	for (ts = all; ts != NULL; ts = next) {
		next = ts->u.hnext;
		ts->hash = luaS_hash(getstr(ts), ts->shrlen, g->seed);
		i = lmod(ts->hash, tb->size);
		ts->u.hnext = tb->hash[i];
		tb->hash[i] = ts;
	}
}

#define MOST_NODES 128		/* of a table that is hashed anew on the C stack */

static void rehash_table(lua_State *L, Table *t)
{
	Node old[MOST_NODES];
	int n = sizenode(t), i;
	TValue key;

	if (t->lastfree == NULL)	/* it has no nodes */
		return;
	if (n > MOST_NODES) {
		luaH_resize(L, t, luaH_realasize(t), (unsigned int)n);
		return;
	}
	memcpy(old, t->node, (size_t)n * sizeof(*old));
	for (i = 0; i < n; i++) {
		gnext(gnode(t, i)) = 0;
		setnilkey(gnode(t, i));
		setempty(gval(gnode(t, i)));
	}
	t->lastfree = gnode(t, n);
	for (i = 0; i < n; i++) {
		if (isempty(gval(&old[i])))
			continue;
		getnodekey(L, &key, &old[i]);
		if (ttypetag(&key) == LUA_VLNGSTR)
			tsvalue(&key)->extra = 0;
		luaH_set(L, t, &key, gval(&old[i]));
	}
}

LUA_API void lua_reseed(lua_State *L, uint64_t seed)
{
	global_State *g = G(L);
	GCObject *o;

	g->fuel.seed = seed;
	g->seed = (unsigned int)lua_draw(L);
	rehash_strings(g);
	for (o = g->allgc; o != NULL; o = o->next)
		if (o->tt == LUA_VTABLE)
			rehash_table(L, gco2t(o));
}
