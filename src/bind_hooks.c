#include "bind_hooks.h"

const char bind_runs_key, bind_hooks_key;

/* Push hooks[name] and the run; false (nothing pushed) when there is none. */
static bool push_hook(struct held_runner *h, const char *name, struct run *r)
{
	lua_State *T = h->T;

	luaL_checkstack(T, 12, NULL);
	lua_rawgetp(T, LUA_REGISTRYINDEX, &bind_hooks_key);
	lua_rawgetp(T, -1, h);
	lua_remove(T, -2);
	if (lua_getfield(T, -1, name) != LUA_TFUNCTION) {
		lua_pop(T, 2);
		return false;
	}
	lua_remove(T, -2);
	lua_rawgetp(T, LUA_REGISTRYINDEX, &bind_runs_key);
	lua_rawgetp(T, -1, r);		/* nil for no run */
	lua_remove(T, -2);
	return true;
}

void bind_push_value(lua_State *T, const void *p, size_t n)
{
	if (p == NULL || bind_decode(T, p, n) != 0)
		lua_pushnil(T);
}

static void on_perform(void *arg, struct run *r, const struct run_command *c)
{
	struct held_runner *h = arg;
	lua_State *T = h->T;

	if (!push_hook(h, "perform", r))
		return;
	lua_pushinteger(T, c->seq);
	lua_pushstring(T, c->kind);
	lua_pushstring(T, c->name);
	bind_push_value(T, c->args, c->args_len);
	lua_createtable(T, 0, 4);
	lua_pushboolean(T, c->intended);
	lua_setfield(T, -2, "intended");
	lua_pushboolean(T, c->worked);
	lua_setfield(T, -2, "worked");
	lua_pushboolean(T, c->failed);
	lua_setfield(T, -2, "failed");
	if (c->worked) {
		bind_push_value(T, c->outcome, c->outcome_len);
		lua_setfield(T, -2, "outcome");
	}
	bind_loop_call(T, 6);
}

static void on_cancel(void *arg, struct run *r, int32_t seq)
{
	struct held_runner *h = arg;

	if (!push_hook(h, "cancel", r))
		return;
	lua_pushinteger(h->T, seq);
	bind_loop_call(h->T, 2);
}

static void on_ended(void *arg, struct run *r, bool failed, const void *value,
		     size_t len)
{
	struct held_runner *h = arg;

	if (!push_hook(h, "ended", r))
		return;
	lua_pushboolean(h->T, failed);
	bind_push_value(h->T, value, len);
	bind_loop_call(h->T, 3);
}

static void on_idle(void *arg, struct run *r)
{
	if (push_hook(arg, "idle", r))
		bind_loop_call(((struct held_runner *)arg)->T, 1);
}

static void on_diverged(void *arg, struct run *r,
			const struct run_difference *d)
{
	struct held_runner *h = arg;
	lua_State *T = h->T;

	if (!push_hook(h, "diverged", r))
		return;
	lua_createtable(T, 0, 6);
	lua_pushinteger(T, d->seq);
	lua_setfield(T, -2, "at");
	lua_pushstring(T, d->why);
	lua_setfield(T, -2, "why");
	lua_pushstring(T, d->recorded);
	lua_setfield(T, -2, "recorded");
	lua_pushstring(T, d->got);
	lua_setfield(T, -2, "new");
	bind_push_value(T, d->args, d->args_len);
	lua_setfield(T, -2, "args");
	lua_pushstring(T, d->file);
	lua_setfield(T, -2, "file");
	if (d->line > 0) {
		lua_pushinteger(T, d->line);
		lua_setfield(T, -2, "line");
	}
	bind_loop_call(T, 2);
}

static void on_log(void *arg, struct run *r, const char *level,
		   const char *text, size_t len)
{
	struct held_runner *h = arg;

	if (!push_hook(h, "log", r))
		return;
	lua_pushstring(h->T, level);
	lua_pushlstring(h->T, text, len);
	bind_loop_call(h->T, 3);
}

/* The host's own clock, where it hands one in. A clock that fails stands still. */
static int64_t on_now(void *arg)
{
	lua_State *T = ((struct held_runner *)arg)->T;
	int top = lua_gettop(T);
	int64_t now = 0;

	if (push_hook(arg, "now", NULL)) {
		lua_pop(T, 1);
		if (lua_pcall(T, 0, 1, 0) == LUA_OK)
			now = lua_tointeger(T, -1);
	}
	lua_settop(T, top);
	return now;
}

static void on_store_failed(void *arg, struct run *r, const struct err *e)
{
	struct held_runner *h = arg;

	if (!push_hook(h, "store_failed", r))
		return;
	lua_pushstring(h->T, e->msg);
	lua_pushstring(h->T, err_name(e->code));
	bind_loop_call(h->T, 3);
}

const struct run_hooks bind_hooks = { on_perform, on_cancel, on_ended, on_idle,
				      on_diverged, on_log, on_now,
				      on_store_failed, NULL };
