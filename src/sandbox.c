#include "sandbox.h"

#include <lauxlib.h>
#include <lfuel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bind.h"
#include "clock.h"

/* Fuel between two looks at the clock: about half a millisecond. */
#define WINDOW 65536

/* Fuel of one library call that cannot be left standing (a metamethod that a C
 * function calls, a pattern that goes back and forth) while slices are asked for:
 * about 10 ms, see docs/bench.md. Counted from the call, so that it does not matter
 * how much of a slice was left. */
#define STRETCH 2000000

/* Fuel after which a run that should be preempted, and cannot, is looked at again. */
#define SOON 4096

/* Most runs are over, or wait, before there is this much to collect. */
#define FIRST_COLLECTION ((size_t)48 << 10)

/* A step of the collector begins after 2^this bytes, and is so much shorter. */
#define GC_STEP 10

struct sandbox {
	lua_State *L;
	struct lua_Fuel *fuel;
	struct sandbox_caps caps;
	struct arena arena;
	size_t used, peak;
	size_t page_cap;	/* what pieces of many sizes may waste counts too */
	bool closing;
	int64_t end;		/* the total at which the cap is reached      */
	int64_t deadline_us;
	int64_t slice;
	enum sandbox_death death;
	char where[80];
	void (*line)(void *ud, const char *text, size_t n);
	void *line_ud;
};

/* ---- memory ------------------------------------------------------------ */

/* A script that frees a few pieces of each page and asks for other sizes would
 * hold more than it uses: pages count against half as much again as the cap. The
 * same script meets either end at the same place in every process. */
static bool over_cap(const struct sandbox *s, size_t more)
{
	return s->caps.memory_bytes != 0 &&
	       (more > s->caps.memory_bytes - s->used ||
		s->arena.pages > s->page_cap);
}

static void *allocate(void *ud, void *p, size_t from, size_t to)
{
	struct sandbox *s = ud;
	void *q;

	if (p == NULL)
		from = 0;	/* then it tells the kind of object */
	if (to == 0) {
		if (from > 0 && !s->closing)	/* else all goes as a whole */
			arena_give(&s->arena, p, from);
		s->used -= from;
		return NULL;
	}
	if (to > from && over_cap(s, to - from))
		return NULL;
	q = from == 0 ? arena_take(&s->arena, to)
		      : arena_resize(&s->arena, p, from, to);
	if (q == NULL)
		return NULL;
	s->used += to - from;
	if (s->used > s->peak)
		s->peak = s->used;
	return q;
}

/* ---- fuel ---------------------------------------------------------------- */

static int64_t total(const struct sandbox *s)
{
	return s->fuel->granted - s->fuel->left;
}

static void fill(struct sandbox *s, int64_t n)
{
	int64_t spent = total(s);

	if (n > s->end - spent)
		n = s->end - spent;
	s->fuel->entered += n - s->fuel->left;
	s->fuel->granted = spent + n;
	s->fuel->left = n;
}

/* A new slice, at a place where the run can be left standing. */
static void fill_slice(struct sandbox *s)
{
	fill(s, s->slice > 0 ? s->slice : WINDOW);
	s->fuel->entered = s->fuel->left;
	s->fuel->floor = 0;
}

/* The innermost line of the script on L. */
static void locate(struct sandbox *s, lua_State *L)
{
	lua_Debug ar;
	int level;

	for (level = 0; level < 20 && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline <= 0)
			continue;
		snprintf(s->where, sizeof(s->where), "%s:%d", ar.short_src,
			 ar.currentline);
		return;
	}
}

static int die(struct sandbox *s, lua_State *L, enum sandbox_death how)
{
	s->death = how;
	locate(s, L);
	return LUA_FUEL_DIE;
}

/* It should be left standing, and cannot be here: what is left stays below zero, so
 * that the next place where it can is found at once. */
static void owe(struct sandbox *s)
{
	int64_t rest = s->end - total(s);

	fill(s, -1);
	s->fuel->floor = -1 - (rest < SOON ? rest : SOON);
}

/* The tank is empty: the only place that decides whether a run goes on. */
static int on_empty(lua_State *L, int can_yield)
{
	struct sandbox *s = sandbox_of(L);

	if (total(s) > s->end)
		return die(s, L, SANDBOX_INSTRUCTIONS);
	if (s->caps.wall_ms > 0 && clock_mono_us() >= s->deadline_us)
		return die(s, L, SANDBOX_WALL);
	if (s->slice > 0 && can_yield)
		return LUA_FUEL_YIELD;
	if (s->slice > 0 && s->fuel->entered - s->fuel->left >
	    (s->caps.stretch > 0 ? s->caps.stretch : STRETCH))
		return die(s, L, SANDBOX_STRETCH);
	if (s->slice > 0)
		owe(s);
	else
		fill(s, WINDOW);
	return LUA_FUEL_GO;
}

void sandbox_begin(struct sandbox *s)
{
	s->end = s->caps.instructions > 0 ? total(s) + s->caps.instructions
					  : INT64_MAX / 2;
	if (s->caps.wall_ms > 0)
		s->deadline_us = clock_mono_us() + s->caps.wall_ms * 1000;
	fill_slice(s);
}

void sandbox_begin_call(struct sandbox *s)
{
	s->fuel->entered = s->fuel->left;
	s->fuel->floor = 0;
}

void sandbox_set_slice(struct sandbox *s, int64_t fuel)
{
	s->slice = fuel;
	fill_slice(s);
}

/* ---- opening and closing -------------------------------------------------- */

static int no_handler(lua_State *L)
{
	(void)L;
	fputs("keel: a sandbox was touched outside sandbox_push\n", stderr);
	return 0;
}

/* What a state is filled with, besides the safe globals. */
struct filling {
	const char *code;	/* a function of ours, compiled; or NULL */
	size_t len;
};

static const char ready_key;	/* registry: that function */

static int furnish(lua_State *L)
{
	const struct filling *f = lua_touserdata(L, 1);

	lua_settop(L, 0);
	bind_open(L);
	sandbox_open_globals(L);
	if (f->code == NULL)
		return 0;
	if (luaL_loadbufferx(L, f->code, f->len, "=ready", "b") != LUA_OK)
		return lua_error(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &ready_key);
	return 0;
}

static void leave(struct sandbox *s)
{
	s->fuel->dead = 1;	/* whatever waits to be closed stays silent */
	s->closing = true;
	s->fuel->whole = 1;
	lua_close(s->L);
	arena_release(&s->arena);	/* s too */
}

/* A state without caps and with a seed of 0, all of it in its home if there is room.
 * Nothing in it depends on where it lies but its pointers. */
static struct sandbox *build(const struct filling *f)
{
	enum arena_home size = f->code != NULL ? ARENA_ROOMY : ARENA_PLAIN;
	struct sandbox *s = arena_settle(size, SIZE_MAX);

	if (s == NULL)
		return NULL;
	arena_begin(&s->arena, size, s, sizeof(*s));
	s->page_cap = SIZE_MAX;
	s->L = lua_newrun(allocate, s, 0);
	if (s->L == NULL) {
		arena_release(&s->arena);
		return NULL;
	}
	lua_atpanic(s->L, no_handler);
	s->fuel = lua_fuel(s->L);
	s->fuel->ud = s;
	lua_gc(s->L, LUA_GCSTOP);
	lua_pushcfunction(s->L, furnish);
	lua_pushlightuserdata(s->L, (void *)f);
	if (lua_pcall(s->L, 1, 0, 0) == LUA_OK) {
		lua_gc(s->L, LUA_GCRESTART);
		return s;
	}
	leave(s);
	return NULL;
}

/* Building takes ten times as long as copying what was built: so two are built to see
 * what a copy has to change, and kept for the next run with the same filling. */
struct seedling {
	bool tried;
	char *code;
	size_t len;
	struct arena_image *image;
};

static _Thread_local struct seedling seedlings[2];	/* without, with code */

static bool fits(const struct seedling *g, const struct filling *f)
{
	return g->tried && g->len == f->len &&
	       (f->len == 0 || memcmp(g->code, f->code, f->len) == 0);
}

static void plant(struct seedling *g, const struct filling *f)
{
	char *code = f->len > 0 ? malloc(f->len) : NULL;
	struct sandbox *a = NULL, *b = NULL;

	if (f->len == 0 || code != NULL)
		a = build(f);
	if (a != NULL)
		b = build(f);
	arena_image_free(g->image);
	free(g->code);
	*g = (struct seedling){ .tried = b != NULL, .code = code, .len = f->len };
	if (code != NULL)
		memcpy(code, f->code, f->len);
	if (b != NULL) {
		g->image = arena_image_make(&a->arena, &b->arena);
		leave(b);
	}
	if (a != NULL)
		leave(a);
}

static struct sandbox *fresh(const struct filling *f)
{
	struct seedling *g = &seedlings[f->code != NULL];

	if (ARENA_SMALL == 0)	/* no piece lies in a home */
		return build(f);
	if (!fits(g, f))
		plant(g, f);
	return g->image != NULL ? arena_image_copy(g->image) : build(f);
}

size_t sandbox_image_bytes(void)
{
	const struct arena_image *im = seedlings[0].image;

	return im != NULL ? arena_image_bytes(im) : 0;
}

/* math.random begins with the second and third number that the seed gives. */
static int take_seed(lua_State *L)
{
	lua_reseed(L, sandbox_of(L)->caps.seed);
	lua_getglobal(L, "math");
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, (lua_Integer)lua_draw(L));
	lua_pushinteger(L, (lua_Integer)lua_draw(L));
	lua_call(L, 2, 0);
	return 0;
}

static int settle(struct sandbox *s, const struct sandbox_caps *caps)
{
	s->caps = *caps;
	s->page_cap = caps->memory_bytes / ARENA_PAGE * 3 / 2 + 64;
	if (caps->memory_bytes > 0 && s->used > caps->memory_bytes)
		return -1;
	s->fuel->memory_cap = (int64_t)caps->memory_bytes;
	lua_gc(s->L, LUA_GCINC, caps->gc_pause ? caps->gc_pause : 200, 400, GC_STEP);
	lua_gcafter(s->L, caps->gc_pause ? 0 : FIRST_COLLECTION);
	lua_pushcfunction(s->L, take_seed);
	if (lua_pcall(s->L, 0, 0, 0) != LUA_OK)
		return -1;
	/* What the library took is not the script's: numbers and counts of a
	 * run stay the same when the engine's own tables change. */
	s->fuel->ids = 1 << 12;
	s->fuel->left = s->fuel->granted = s->fuel->lib = 0;
	s->fuel->out = on_empty;
	sandbox_begin(s);
	return 0;
}

int sandbox_open_ready(struct sandbox **out, const struct sandbox_caps *caps,
		       const char *code, size_t len, struct err *e)
{
	struct filling f = { code, code != NULL ? len : 0 };
	struct sandbox *s = fresh(&f);

	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a run");
	if (settle(s, caps) != 0) {
		leave(s);
		return err_set(e, ERR_NOMEM, "no memory for a run's state");
	}
	*out = s;
	return 0;
}

int sandbox_open(struct sandbox **out, const struct sandbox_caps *caps,
		 struct err *e)
{
	return sandbox_open_ready(out, caps, NULL, 0, e);
}

void sandbox_push_ready(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &ready_key);
	lua_pushnil(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &ready_key);
}

void sandbox_close(struct sandbox *s)
{
	if (s != NULL)
		leave(s);
}

lua_State *sandbox_state(struct sandbox *s)
{
	return s->L;
}

struct sandbox *sandbox_of(lua_State *L)
{
	return lua_fuel(L)->ud;
}

/* ---- running --------------------------------------------------------------- */

static int died(struct sandbox *s, struct err *e)
{
	if (s->fuel->nomem)
		s->death = SANDBOX_MEMORY;
	return err_set(e, ERR_LIMIT, "the run is out of %s",
		       sandbox_death_text(s->death));
}

int sandbox_load(struct sandbox *s, const char *src, size_t len,
		 const char *name, struct err *e)
{
	struct lua_Fuel *before = lua_fuel_current;
	char text[400];
	int rc;

	if (s->fuel->dead)
		return died(s, e);
	if (len > SANDBOX_SOURCE_BYTES)
		return err_set(e, ERR_LIMIT, "%.80s: a script may have %zu KiB",
			       name, SANDBOX_SOURCE_BYTES >> 10);
	if (len > 2 && memcmp(src, "\xef\xbb\xbf", 3) == 0) {
		src += 3;	/* some editors begin a text with this mark */
		len -= 3;
	}
	if (len > 0 && src[0] == '#')	/* a script may name its interpreter */
		for (; len > 0 && *src != '\n'; len--)
			src++;
	lua_fuel_current = s->fuel;
	rc = luaL_loadbufferx(s->L, src, len, name, "t");
	lua_fuel_current = before;
	if (s->fuel->dead)
		return died(s, e);
	if (rc == LUA_OK)
		return 0;
	sandbox_error_text(s->L, -1, text, sizeof(text));
	lua_pop(s->L, 1);
	if (strchr(text, ':') == NULL)	/* too deep: it has no line */
		return err_set(e, ERR_INPUT, "%.80s: %s", name + (name[0] == '@'),
			       text);
	return err_set(e, ERR_INPUT, "%s", text);
}

int sandbox_push(struct sandbox *s, lua_State *to, lua_CFunction f, void *ud,
		 int n, struct err *e)
{
	struct lua_Fuel *before = lua_fuel_current;
	char text[400];
	int rc;

	if (s->fuel->dead)
		return died(s, e);
	if (!lua_checkstack(s->L, n + 4) || !lua_checkstack(to, n + 4))
		return s->fuel->dead ? died(s, e) :
		       err_set(e, ERR_LIMIT, "no stack for %d values", n);
	lua_fuel_current = s->fuel;
	lua_pushcfunction(s->L, f);
	lua_pushlightuserdata(s->L, ud);
	rc = lua_pcall(s->L, 1, n, 0);
	lua_fuel_current = before;
	if (s->fuel->dead)
		return died(s, e);
	if (rc != LUA_OK) {
		sandbox_error_text(s->L, -1, text, sizeof(text));
		lua_pop(s->L, 1);
		return err_set(e, ERR_STATE, "%s", text);
	}
	lua_xmove(s->L, to, n);
	return 0;
}

/* The threads of a run hang on the registry, keyed by themselves. */
static int new_thread(lua_State *L)
{
	lua_State **co = lua_touserdata(L, 1);

	*co = lua_newthread(L);
	sandbox_claim_thread(*co, false);
	lua_rawsetp(L, LUA_REGISTRYINDEX, *co);
	return 0;
}

int sandbox_thread(struct sandbox *s, lua_State **co, struct err *e)
{
	lua_State *made = NULL;
	int rc = sandbox_push(s, s->L, new_thread, &made, 0, e);

	if (rc != 0)
		return rc;
	lua_xmove(s->L, made, 1);
	*co = made;
	return 0;
}

/* An error ends the coroutine: note where, then let its closing variables run,
 * which may put another error in the place of the first. */
static int unwind(struct sandbox *s, lua_State *co)
{
	struct lua_Fuel *before = lua_fuel_current;
	int rc;

	locate(s, co);
	lua_fuel_current = s->fuel;
	rc = lua_closethread(co, NULL);
	lua_fuel_current = before;
	if (!s->fuel->dead)
		return rc;
	died(s, NULL);
	return SANDBOX_DIED;
}

int sandbox_resume(struct sandbox *s, lua_State *co, int nargs, int *nresults)
{
	struct lua_Fuel *before = lua_fuel_current;
	int rc;

	if (s->fuel->dead)
		return SANDBOX_DIED;
	if (s->fuel->left <= 0)
		fill_slice(s);
	s->fuel->entered = s->fuel->left;
	s->fuel->preempted = 0;
	lua_fuel_current = s->fuel;
	rc = lua_resume(co, NULL, nargs, nresults);
	lua_fuel_current = before;
	if (s->fuel->dead) {
		if (s->fuel->nomem)
			locate(s, co);
		died(s, NULL);
		return SANDBOX_DIED;
	}
	if (rc == LUA_YIELD && s->fuel->preempted) {
		s->fuel->preempted = 0;
		return SANDBOX_PREEMPTED;
	}
	return rc > LUA_YIELD ? unwind(s, co) : rc;
}

enum sandbox_death sandbox_dead(const struct sandbox *s)
{
	return s->fuel->nomem ? SANDBOX_MEMORY : s->death;
}

const char *sandbox_death_name(enum sandbox_death how)
{
	static const char *const names[] = { "error", "instructions", "memory",
					     "wall", "instructions" };

	return names[how];
}

const char *sandbox_death_text(enum sandbox_death how)
{
	static const char *const texts[] = { "luck", "instructions", "memory",
		"time", "instructions in one library call that cannot be "
		"interrupted" };

	return texts[how];
}

const char *sandbox_where(const struct sandbox *s)
{
	return s->where;
}

int64_t sandbox_script_instructions(const struct sandbox *s)
{
	return total(s) - s->fuel->lib;
}

int64_t sandbox_total_instructions(const struct sandbox *s)
{
	return total(s);
}

size_t sandbox_used_bytes(const struct sandbox *s)
{
	return s->used;
}

size_t sandbox_peak_bytes(const struct sandbox *s)
{
	return s->peak;
}

/* ---- text that leaves ------------------------------------------------------- */

/* Append one byte of a script's text so that it cannot drive a terminal or
 * begin a second line; whole UTF-8 stays as it is. */
static size_t escape(char *out, size_t at, size_t cap, unsigned char c)
{
	if (c == '\n')
		return at + (size_t)snprintf(out + at, cap - at, "\\n");
	if (c == '\t')
		return at + (size_t)snprintf(out + at, cap - at, "\\t");
	return at + (size_t)snprintf(out + at, cap - at, "\\x%02x", c);
}

/* The length of the well-formed sequence at p that shows itself, or 0. */
static size_t printable(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	return n > left || !codec_utf8(p, n) || codec_unseen(p, n) ? 0 : n;
}

size_t sandbox_clean(const char *s, size_t len, char *out, size_t cap)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t at = 0, n;

	while (len > 0 && at + 8 < cap) {
		n = printable(p, len);
		if (n == 0) {
			at = escape(out, at, cap, *p);
			n = 1;
		} else {
			memcpy(out + at, p, n);
			at += n;
		}
		p += n;
		len -= n;
	}
	if (len > 0 && at + 4 < cap) {
		memcpy(out + at, "...", 3);
		at += 3;
	}
	out[at] = 0;
	return at;
}

void sandbox_error_text(lua_State *L, int idx, char *out, size_t cap)
{
	const char *s;
	size_t n;

	switch (lua_type(L, idx)) {
	case LUA_TSTRING:
		s = lua_tolstring(L, idx, &n);
		sandbox_clean(s, n, out, cap);
		return;
	case LUA_TNUMBER:
		if (lua_isinteger(L, idx))
			snprintf(out, cap, "%lld",
				 (long long)lua_tointeger(L, idx));
		else if (lua_tonumber(L, idx) != lua_tonumber(L, idx))
			snprintf(out, cap, "nan");
		else
			snprintf(out, cap, "%.14g", lua_tonumber(L, idx));
		return;
	case LUA_TNONE:
	case LUA_TNIL:
		snprintf(out, cap, "an error without a value");
		return;
	case LUA_TBOOLEAN:
		snprintf(out, cap, "%s",
			 lua_toboolean(L, idx) ? "true" : "false");
		return;
	default:
		snprintf(out, cap, "(error value is a %s)",
			 lua_typename(L, lua_type(L, idx)));
	}
}

void sandbox_set_print(struct sandbox *s,
		       void (*line)(void *ud, const char *text, size_t n),
		       void *ud)
{
	s->line = line;
	s->line_ud = ud;
}

void sandbox_print_line(lua_State *L, const char *text, size_t n)
{
	struct sandbox *s = sandbox_of(L);
	char out[1024];

	if (s->line == NULL)
		return;
	n = sandbox_clean(text, n, out, sizeof(out));
	s->line(s->line_ud, out, n);
}
