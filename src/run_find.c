/* run_find.c -- where in the script a run is.
 *
 * A journal keeps no lines: they would cost bytes in every record and change with
 * every edit. Where a replay differs, the recorded side is played again, from the
 * source that it is pinned to, and its frames tell the line. So a line costs nothing
 * until somebody asks. For a command made by a tail call, whose frame is gone, and for
 * the end of a script, a hook keeps the last line executed. It takes no fuel but stack,
 * so a script that overflows it takes another path: hence it is set as late as can be. */
#include <string.h>

#include "run_core.h"

static const char run_key;	/* registry: the run whose lines are kept */

static void keep(struct run *r, const char *source, int line)
{
	size_t n = strlen(source + 1);

	if (n >= sizeof(r->found_file))
		n = sizeof(r->found_file) - 1;
	memcpy(r->found_file, source + 1, n);
	r->found_file[n] = 0;
	r->found_line = line;
}

/* Lines of a coroutine that the script made are lines of it too, until the fiber
 * that resumed it goes on. The prelude has none: it is stripped. */
static void on_line(lua_State *L, lua_Debug *ar)
{
	struct run *r;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &run_key);
	r = lua_touserdata(L, -1);
	lua_pop(L, 1);
	lua_getinfo(L, "Sl", ar);
	if (r == NULL || ar->currentline <= 0 || ar->source[0] != '@')
		return;
	if (r->current != NULL && r->current->co == L)
		keep(r, ar->source, ar->currentline);
}

static int watch(lua_State *L)
{
	lua_rawsetp(L, LUA_REGISTRYINDEX, &run_key);
	return 0;
}

void run_keep_lines(struct run *r)
{
	struct fiber *f;
	struct err e;

	if (sandbox_push(r->sb, sandbox_state(r->sb), watch, r, 0, &e) != 0)
		return;
	for (f = r->fibers; f != NULL; f = f->next)
		if (!f->over)
			lua_sethook(f->co, on_line, LUA_MASKLINE, 0);
}

void run_keep_line_of(struct run *r, lua_State *L, int idx)
{
	lua_Debug ar;

	lua_pushvalue(L, idx);
	lua_getinfo(L, ">S", &ar);
	if (ar.source[0] == '@' && ar.linedefined > 0)
		keep(r, ar.source, ar.linedefined);
}

int run_line(const struct run *r, const char **file)
{
	lua_Debug ar;
	int level;

	if (r->found_line > 0)
		return run_found(r, file);
	if (r->current == NULL || r->sb == NULL)
		return 0;
	for (level = 0; lua_getstack(r->current->co, level, &ar); level++) {
		lua_getinfo(r->current->co, "Sl", &ar);
		if (ar.currentline <= 0 || ar.source[0] != '@')
			continue;
		*file = ar.source + 1;
		return ar.currentline;
	}
	return 0;
}

int run_found(const struct run *r, const char **file)
{
	*file = r->found_line > 0 ? r->found_file : NULL;
	return r->found_line;
}

int run_made(const struct run *r)
{
	return r->seq;
}
