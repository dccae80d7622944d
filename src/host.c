#include "host.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bind_archive.h"
#include "bind_audit.h"
#include "bind_bench.h"
#include "bind_core.h"
#include "bind_console.h"
#include "bind_cron.h"
#include "bind_program.h"
#include "bind_file.h"
#include "bind_budget.h"
#include "bind_fetch.h"
#include "bind_http.h"
#include "bind_run.h"
#include "bind_sandbox.h"
#include "bind_store.h"
#include "bind_stream.h"
#include "bind_keys.h"
#include "bind_line.h"
#include "bind_loop.h"
#include "bind_memory.h"
#include "bind_socket.h"
#include "bind_supervise.h"
#include "bind_watch.h"
#include "bind_words.h"
#include "embed.h"

#ifndef KEEL_SYSTEM_LIB
#define KEEL_SYSTEM_LIB "/usr/lib/x86_64-linux-gnu"
#endif

/* text(name) -> the source of a module of the Lua half, or nil */
static int l_embedded_text(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const char *folder = getenv("KEEL_LUA");
	const struct embed_file *f;

	if (folder != NULL) {
		lua_getglobal(L, "io");
		lua_getfield(L, -1, "open");
		luaL_gsub(L, name, ".", "/");
		lua_pushfstring(L, "%s/%s.lua", folder, lua_tostring(L, -1));
		lua_remove(L, -2);
		lua_call(L, 1, 1);
		if (!lua_isnil(L, -1)) {
			lua_getfield(L, -1, "read");
			lua_pushvalue(L, -2);
			lua_pushliteral(L, "a");
			lua_call(L, 2, 1);
			return 1;
		}
	}
	for (f = embed_files; f->name != NULL; f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		lua_pushlstring(L, (const char *)f->start,
				(size_t)(f->end - f->start));
		return 1;
	}
	return 0;
}

static int open_embed(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, l_embedded_text);
	lua_setfield(L, -2, "text");
	return 1;
}

static const luaL_Reg halves[] = {
	{ "core.embed", open_embed },
	{ "core.json", bind_open_json },
	{ "core.clock", bind_open_clock },
	{ "core.digest", bind_open_digest },
	{ "core.crash", bind_open_crash },
	{ "core.file", bind_open_file },
	{ "core.archive", bind_open_archive },
	{ "core.audit", bind_open_audit },
	{ "core.bench", bind_open_bench },
	{ "core.store", bind_open_store },
	{ "core.run", bind_open_run },
	{ "core.loop", bind_open_loop },
	{ "core.memory", bind_open_memory },
	{ "core.fetch", bind_open_fetch },
	{ "core.stream", bind_open_stream },
	{ "core.budget", bind_open_budget },
	{ "core.words", bind_open_words },
	{ "core.watch", bind_open_watch },
	{ "core.socket", bind_open_socket },
	{ "core.http", bind_open_http },
	{ "core.supervise", bind_open_supervise },
	{ "core.vec", bind_open_vec },
	{ "core.program", bind_open_program },
	{ "core.sandbox", bind_open_sandbox },
	{ "core.cron", bind_open_cron },
	{ "core.console", bind_open_console },
	{ "core.keys", bind_open_keys },
	{ "core.line", bind_open_line },
	{ NULL, NULL }
};

static int load_from_disk(lua_State *L, const char *folder, const char *name)
{
	const char *path;

	name = luaL_gsub(L, name, ".", "/");
	path = lua_pushfstring(L, "%s/%s.lua", folder, name);
	return luaL_loadfilex(L, path, "t");
}

static int load_embedded(lua_State *L, const char *name)
{
	const struct embed_file *f;

	for (f = embed_files; f->name != NULL; f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		lua_pushfstring(L, "@%s", f->path);
		return luaL_loadbufferx(L, (const char *)f->start,
					(size_t)(f->end - f->start),
					lua_tostring(L, -1), "t");
	}
	return -1;
}

/* A package searcher: KEEL_LUA wins while developing, else what was built in. */
static int search_lua_half(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const char *folder = getenv("KEEL_LUA");
	int rc = LUA_ERRFILE;

	if (folder != NULL)
		rc = load_from_disk(L, folder, name);
	if (rc == LUA_ERRFILE)
		rc = load_embedded(L, name);
	if (rc == LUA_OK)
		return 1;
	if (rc == -1) {
		lua_pushfstring(L, "no built-in module '%s'", name);
		return 1;
	}
	return lua_error(L);
}

static void add_searcher(lua_State *L)
{
	lua_Integer i;

	lua_getglobal(L, "package");
	lua_getfield(L, -1, "searchers");
	for (i = luaL_len(L, -1); i >= 2; i--) {
		lua_rawgeti(L, -1, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushcfunction(L, search_lua_half);
	lua_rawseti(L, -2, 2);
	lua_pop(L, 2);
}

/* The system's own modules (busted and its friends) lie where Debian puts them. */
static void add_system_paths(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "path");
	lua_pushliteral(L, ";/usr/share/lua/5.4/?.lua"
			";/usr/share/lua/5.4/?/init.lua");
	lua_concat(L, 2);
	lua_setfield(L, -2, "path");
	lua_getfield(L, -1, "cpath");
	lua_pushliteral(L, ";" KEEL_SYSTEM_LIB "/lua/5.4/?.so");
	lua_concat(L, 2);
	lua_setfield(L, -2, "cpath");
	lua_pop(L, 1);
}

static int fill(lua_State *L)
{
	const luaL_Reg *half;

	luaL_openlibs(L);
	bind_open(L);
	add_system_paths(L);
	add_searcher(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	for (half = halves; half->name != NULL; half++) {
		lua_pushcfunction(L, half->func);
		lua_setfield(L, -2, half->name);
	}
	return 0;
}

/* ---- its memory: small pieces from pages, where malloc would take longer ---------- */

static void *allocate(void *ud, void *p, size_t from, size_t to)
{
	struct arena *a = ud;

	if (p == NULL)
		return to > 0 ? arena_take(a, to) : NULL;
	if (to > 0)
		return arena_resize(a, p, from, to);
	arena_give(a, p, from);
	return NULL;
}

static int no_handler(lua_State *L)
{
	const char *message = lua_tostring(L, -1);

	fprintf(stderr, "keel: %s\n", message != NULL ? message : "an error");
	return 0;
}

lua_State *host_open(void)
{
	struct arena *a = arena_settle(ARENA_ROOMY, SIZE_MAX);
	lua_State *L;

	if (a == NULL)
		return NULL;
	arena_begin(a, ARENA_ROOMY, a, sizeof(*a));
	L = lua_newstate(allocate, a);
	if (L == NULL) {
		arena_release(a);
		return NULL;
	}
	lua_atpanic(L, no_handler);
	/* it collects a little sooner than Lua would: what hundreds of calls leave
	 * behind is not to lie about */
	lua_gc(L, LUA_GCINC, 150, 200, 0);
	lua_pushcfunction(L, fill);
	if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
		host_close(L);
		return NULL;
	}
	return L;
}

void host_close(lua_State *L)
{
	void *a;

	lua_getallocf(L, &a);
	lua_close(L);
	arena_release(a);
}
