/* bind_play.c -- playing a script to its end without a store. */
#include "bind_play.h"

#include <string.h>

#include "bind_run.h"
#include "run.h"

struct played {
	bool over, failed;
	struct buf *value;	/* the Lua stack's */
	const char *refused;
};

static void play_perform(void *arg, struct run *r, const struct run_command *c)
{
	(void)r;
	(void)c;
	((struct played *)arg)->refused = "ctx is not there yet";
}

static void play_ended(void *arg, struct run *r, bool failed, const void *value,
		       size_t len)
{
	struct played *p = arg;

	(void)r;
	p->over = true;
	p->failed = failed;
	buf_add(p->value, value, len);
}

static void play_log(void *arg, struct run *r, const char *level,
		     const char *text, size_t len)
{
	(void)arg;
	(void)r;
	(void)level;
	(void)text;
	(void)len;
}

static void play_failed(void *arg, struct run *r, const struct err *e)
{
	struct played *p = arg;

	(void)r;
	(void)e;
	p->over = true;
	p->refused = "no memory for the script";
}

static void play_cancel(void *arg, struct run *r, int32_t seq)
{
	(void)arg;
	(void)r;
	(void)seq;
}

static void play_idle(void *arg, struct run *r)
{
	(void)r;
	((struct played *)arg)->over = true;
}

/* The list of sources is at `list`. */
static int play_sources(lua_State *L, int list, struct run *r, struct err *e)
{
	lua_Integer i, n;
	int rc = 0;

	lua_pushvalue(L, list);
	n = (lua_Integer)lua_rawlen(L, -1);
	for (i = 1; i <= n && rc == 0; i++) {
		size_t len;
		const char *name, *file, *text;

		lua_rawgeti(L, -1, i);
		lua_getfield(L, -1, "name");
		lua_getfield(L, -2, "file");
		lua_getfield(L, -3, "text");
		name = lua_tostring(L, -3);
		file = lua_tostring(L, -2);
		text = lua_tolstring(L, -1, &len);
		if (name == NULL || file == NULL || text == NULL)
			rc = err_set(e, ERR_INPUT, "a source is name, file, text");
		else
			rc = run_source(r, name, file, text, len, false,
					e);
		lua_pop(L, 4);
	}
	lua_pop(L, 1);
	return rc;
}

/* play{ sources = {{name, file, text}...}, setup, prelude, instructions, memory,
 * wall, seed } -> true, value | false, error value | nil, message, code
 * Runs the prelude's function to its end, with no store: no ctx. */
int bind_play(lua_State *L)
{
	struct played p = { 0 };
	struct run_hooks hooks = { play_perform, play_cancel, play_ended,
				   play_idle, NULL, play_log, NULL,
				   play_failed, &p };
	struct run_options o = { .id = 0 };
	struct runner *rn = NULL;
	struct run *r = NULL;
	struct run_boot b = { 0 };
	struct buf *setup;
	struct err e = { 0 };
	int rc;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	bind_caps(L, 1, &b.caps);
	lua_getfield(L, 1, "prelude");
	b.prelude = luaL_checklstring(L, -1, &b.prelude_len);
	lua_getfield(L, 1, "sources");
	luaL_checktype(L, -1, LUA_TTABLE);
	setup = bind_buf(L, CODEC_BYTES);
	p.value = bind_buf(L, CODEC_BYTES);
	lua_getfield(L, 1, "setup");
	rc = bind_encode(L, -1, setup, &e);
	lua_pop(L, 1);
	if (rc == 0)
		rc = runner_open(&rn, NULL, &hooks, &e);
	if (rc == 0)
		rc = run_open(&r, rn, &o, &e);
	if (rc == 0)
		rc = play_sources(L, 3, r, &e);
	b.setup = setup->data;
	b.setup_len = setup->len;
	if (rc == 0)
		rc = run_start(r, &b, &e);
	while (rc == 0 && !p.over && runner_turn(rn))
		;
	if (rn != NULL)
		runner_close(rn);
	if (rc == 0 && p.refused != NULL)
		rc = err_set(&e, ERR_STATE, "%s", p.refused);
	if (rc == 0 && p.value->failed)
		rc = buf_err(p.value, &e, "result");
	if (rc != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, !p.failed);
	rc = bind_decode(L, p.value->data, p.value->len);
	return rc == 0 ? 2 : luaL_error(L, "nothing came out of the script");
}
