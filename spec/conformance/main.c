/* main.c -- make conformance: a real sandbox that may do a little more than a run.
 *
 *   conformance SCRIPT [WORD...]     SCRIPT sees the words as `...`
 *
 * SCRIPT runs in a trusted state, where conformance.play gives a source to a fresh
 * sandbox: the same caps, fuel and edited Lua as every run, and on top what a test
 * suite takes for granted: load (of text), debug, collectgarbage, a file handle to
 * look at, a clock that stands still. Nothing of it is in keel itself. */
#include <inttypes.h>
#include <lauxlib.h>
#include <lfuel.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sandbox.h"

/* ---- what the suite finds beside a run's own globals --------------------- */

/* load(chunk [, name [, mode [, env]]]), the stock one (an upvalue), which never
 * sees a mode that allows bytecode. */
static int load_text(lua_State *L)
{
	int top = lua_gettop(L);
	const char *mode = luaL_optstring(L, 3, "bt");

	if (top < 3)
		lua_settop(L, 3);
	lua_pushstring(L, strchr(mode, 't') != NULL ? "t" : "-");
	lua_replace(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, top < 3 ? 3 : top, LUA_MULTRET);
	return lua_gettop(L);
}

static lua_CFunction own_format;

/* A run's format has no address for a string, which is how the suite asks
 * whether two strings are one object. */
static int format(lua_State *L)
{
	char text[40];

	if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TSTRING ||
	    strcmp(lua_tostring(L, 1), "%p") != 0)
		return own_format(L);
	snprintf(text, sizeof(text), "%p", (const void *)lua_tostring(L, 2));
	lua_pushstring(L, text);
	return 1;
}

static int nothing(lua_State *L)
{
	(void)L;
	return 0;
}

static int zero(lua_State *L)
{
	lua_pushinteger(L, 0);
	return 1;
}

static int setlocale_c(lua_State *L)
{
	const char *name = luaL_optstring(L, 1, "C");

	if (strcmp(name, "C") != 0 && name[0] != 0)
		return 0;
	lua_pushliteral(L, "C");
	return 1;
}

/* require(name): what is there already. */
static int require_loaded(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_settop(L, 1);
	if (lua_gettable(L, lua_upvalueindex(1)) == LUA_TNIL)
		return luaL_error(L, "module '%s' is not part of a run",
				  lua_tostring(L, 1));
	return 1;
}

/* Put stock functions of the base library that a run lacks into the globals
 * (index g): they are opened beside, so that the run's own stay. */
static void take_base(lua_State *L, int g)
{
	lua_newtable(L);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1);
	lua_pushvalue(L, g);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_getfield(L, -1, "collectgarbage");
	lua_setfield(L, g, "collectgarbage");
	lua_getfield(L, -1, "load");
	lua_pushcclosure(L, load_text, 1);
	lua_setfield(L, g, "load");
	lua_pop(L, 1);
	lua_register(L, "warn", nothing);
}

static const luaL_Reg os_functions[] = {
	{ "clock", zero },
	{ "time", zero },
	{ "setlocale", setlocale_c },
	{ NULL, NULL }
};

static const luaL_Reg tracegc_functions[] = {
	{ "start", nothing },
	{ "stop", nothing },
	{ NULL, NULL }
};

/* package.loaded, require, and what the latter answers. */
static void make_modules(lua_State *L, int g)
{
	static const char *const own[] = { "coroutine", "io", "math", "os",
					   "string", "table", "utf8", NULL };
	const char *const *name;

	lua_newtable(L);
	for (name = own; *name != NULL; name++) {
		lua_getfield(L, g, *name);
		lua_setfield(L, -2, *name);
	}
	lua_pushvalue(L, g);
	lua_setfield(L, -2, "_G");
	lua_pushcfunction(L, luaopen_debug);
	lua_call(L, 0, 1);
	lua_setfield(L, -2, "debug");
	luaL_newlib(L, tracegc_functions);
	lua_setfield(L, -2, "tracegc");
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, require_loaded, 1);
	lua_setfield(L, g, "require");
	lua_createtable(L, 0, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "package");
	lua_insert(L, -2);
	lua_setfield(L, -2, "loaded");
	lua_setfield(L, g, "package");
}

static int open_more(lua_State *L)
{
	int g;

	lua_settop(L, 0);
	lua_pushglobaltable(L);
	g = lua_gettop(L);
	take_base(L, g);
	lua_getfield(L, g, "string");
	lua_getfield(L, -1, "format");
	own_format = lua_tocfunction(L, -1);
	lua_pushcfunction(L, format);
	lua_setfield(L, -3, "format");
	luaL_newlib(L, os_functions);
	lua_setfield(L, g, "os");
	lua_createtable(L, 0, 1);
	lua_newuserdatauv(L, 1, 0);
	lua_setfield(L, -2, "stdin");
	lua_setfield(L, g, "io");
	make_modules(L, g);
	lua_pushboolean(L, 1);
	lua_setfield(L, g, "_port");
	lua_pushboolean(L, 1);
	lua_setfield(L, g, "_soft");
	lua_pushboolean(L, 1);
	lua_setfield(L, g, "_nomsg");
	return 0;
}

/* ---- one play --------------------------------------------------------------- */

struct play {
	struct sandbox_caps caps;
	int64_t slice, preempted;
	uint64_t printed;	/* a hash of all lines */
	const char *outcome;
	struct err error;
};

static void hash_line(void *ud, const char *text, size_t n)
{
	struct play *p = ud;
	size_t i;

	for (i = 0; i < n; i++)
		p->printed = (p->printed ^ (unsigned char)text[i]) *
			     1099511628211u;
	p->printed = (p->printed ^ '\n') * 1099511628211u;
}

static void run_chunk(struct sandbox *s, struct play *p)
{
	char text[400];
	lua_State *co;
	int rc, n = 0;

	if (sandbox_thread(s, &co, &p->error) != 0)
		return;
	sandbox_claim_thread(co, true);
	while ((rc = sandbox_resume(s, co, 0, &n)) == SANDBOX_PREEMPTED)
		p->preempted++;
	if (rc == LUA_OK) {
		p->outcome = "ok";
	} else if (rc == LUA_YIELD) {
		err_set(&p->error, ERR_STATE, "it yielded to nobody");
	} else if (rc != SANDBOX_DIED) {
		sandbox_error_text(co, -1, text, sizeof(text));
		err_set(&p->error, ERR_STATE, "%s", text);
	}
}

static void play(struct sandbox *s, struct play *p, const char *src, size_t len,
		 const char *name)
{
	static const char *const deaths[] = { "", "instructions", "memory",
					      "wall",
					      "stretch" };

	p->outcome = "error";
	p->printed = 14695981039346656037u;
	sandbox_set_print(s, hash_line, p);
	sandbox_set_slice(s, p->slice);
	if (sandbox_push(s, sandbox_state(s), open_more, NULL, 0,
			 &p->error) == 0 &&
	    sandbox_load(s, src, len, name, &p->error) == 0)
		run_chunk(s, p);
	if (sandbox_dead(s) != SANDBOX_ALIVE) {
		p->outcome = deaths[sandbox_dead(s)];
		err_set(&p->error, ERR_LIMIT, "out of %s at %s", p->outcome,
			sandbox_where(s));
	}
}

static int64_t number_in(lua_State *L, const char *key)
{
	int64_t n;

	lua_getfield(L, 1, key);
	n = luaL_optinteger(L, -1, 0);
	lua_pop(L, 1);
	return n;
}

static void report(lua_State *L, struct sandbox *s, const struct play *p)
{
	char text[40];

	lua_createtable(L, 0, 8);
	lua_pushstring(L, p->outcome);
	lua_setfield(L, -2, "outcome");
	if (strcmp(p->outcome, "ok") != 0) {
		lua_pushstring(L, p->error.msg);
		lua_setfield(L, -2, "error");
	}
	snprintf(text, sizeof(text), "%016" PRIx64, p->printed);
	lua_pushstring(L, text);
	lua_setfield(L, -2, "printed");
	lua_pushinteger(L, p->preempted);
	lua_setfield(L, -2, "preempted");
	lua_pushinteger(L, sandbox_script_instructions(s));
	lua_setfield(L, -2, "instructions");
	lua_pushinteger(L, sandbox_total_instructions(s));
	lua_setfield(L, -2, "total");
	lua_pushinteger(L, (lua_Integer)sandbox_peak_bytes(s));
	lua_setfield(L, -2, "peak_bytes");
}

/* play{ source, name, instructions, memory, wall, slice, gc_pause } ->
 * { outcome, error, printed (a hash), preempted, instructions, total, peak_bytes,
 * ms } */
static int l_play(lua_State *L)
{
	struct play p = { 0 };
	struct sandbox *s = NULL;
	int64_t start = clock_mono_us();
	const char *src, *name;
	size_t len;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "source");
	src = luaL_checklstring(L, -1, &len);
	lua_getfield(L, 1, "name");
	name = luaL_checkstring(L, -1);
	p.caps.instructions = number_in(L, "instructions");
	p.caps.memory_bytes = (size_t)number_in(L, "memory");
	p.caps.wall_ms = number_in(L, "wall");
	p.caps.seed = 1;
	p.slice = number_in(L, "slice");
	p.caps.stretch = p.caps.instructions;	/* one file is one long stretch */
	p.caps.gc_pause = (int)number_in(L, "gc_pause");
	if (sandbox_open(&s, &p.caps, &p.error) != 0)
		return luaL_error(L, "%s", p.error.msg);
	play(s, &p, src, len, name);
	report(L, s, &p);
	sandbox_close(s);
	lua_pushinteger(L, (clock_mono_us() - start) / 1000);
	lua_setfield(L, -2, "ms");
	return 1;
}

/* ---- the program --------------------------------------------------------------- */

static const luaL_Reg functions[] = {
	{ "play", l_play },
	{ NULL, NULL }
};

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	int i, rc;

	if (L == NULL || argc < 2) {
		fputs("usage: conformance SCRIPT [WORD...]\n", stderr);
		return 2;
	}
	luaL_openlibs(L);
	luaL_newlib(L, functions);
	lua_setglobal(L, "conformance");
	rc = luaL_loadfile(L, argv[1]);
	for (i = 2; i < argc && rc == LUA_OK; i++)
		lua_pushstring(L, argv[i]);
	if (rc == LUA_OK)
		rc = lua_pcall(L, argc - 2, 1, 0);
	if (rc != LUA_OK)
		fprintf(stderr, "conformance: %s\n", lua_tostring(L, -1));
	rc = rc != LUA_OK ? 2 : (int)lua_tointeger(L, -1);
	lua_close(L);
	return rc;
}
