#include "bind_store.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "bind_loop.h"

#define STORE "keel.store"
#define TXN "keel.txn"

struct held_store {
	struct store *s;
	int borrowed;
	struct loop *loop;		/* set by the first submit           */
	struct loop_wake wake;
	atomic_bool listens;
	int out;			/* submitted, and not heard of       */
	struct err lost;		/* why a posted one failed, the first */
};

/* On the storage thread. */
static void on_news(void *arg)
{
	struct held_store *h = arg;

	if (atomic_load(&h->listens))
		loop_wake_send(&h->wake);
}

static void on_wake(void *arg)
{
	store_poll(((struct held_store *)arg)->s);
}

/* ---- transactions ---------------------------------------------------------- */

struct txn *bind_push_txn(lua_State *L)
{
	struct txn **slot = lua_newuserdatauv(L, sizeof(*slot), 0);

	*slot = NULL;
	luaL_setmetatable(L, TXN);
	*slot = txn_new();
	if (*slot == NULL)
		luaL_error(L, "no memory for a transaction");
	return *slot;
}

static struct txn **txn_slot(lua_State *L, int idx)
{
	struct txn **slot = luaL_checkudata(L, idx, TXN);

	if (*slot == NULL)
		luaL_argerror(L, idx, "this transaction was handed over already");
	return slot;
}

struct txn *bind_check_txn(lua_State *L, int idx)
{
	return *txn_slot(L, idx);
}

struct txn *bind_take_txn(lua_State *L, int idx)
{
	struct txn **slot = txn_slot(L, idx), *t = *slot;

	*slot = NULL;
	return t;
}

static int l_txn_gc(lua_State *L)
{
	struct txn **slot = luaL_checkudata(L, 1, TXN);

	txn_free(*slot);
	*slot = NULL;
	return 0;
}

/* tx:add(verb, fields) -> tx. Raises on fields that cannot be kept. */
static int l_txn_add(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	const char *verb = luaL_checkstring(L, 2);
	struct buf *b;
	struct err e;

	luaL_checktype(L, 3, LUA_TTABLE);
	b = bind_buf(L, CODEC_BYTES);
	if (bind_encode(L, 3, b, &e) != 0 ||
	    txn_verb(t, verb, b->data, b->len, &e) != 0)
		return luaL_error(L, "%s: %s", verb, e.msg);
	lua_settop(L, 1);
	return 1;
}

/* ---- stores ------------------------------------------------------------------ */

struct store *bind_check_store(lua_State *L, int idx)
{
	struct held_store *h = luaL_checkudata(L, idx, STORE);

	if (h->s == NULL)
		luaL_argerror(L, idx, "this store is closed");
	return h->s;
}

struct store *bind_open_store_of(lua_State *L, int idx)
{
	return ((struct held_store *)luaL_checkudata(L, idx, STORE))->s;
}

static struct held_store *push_held(lua_State *L)
{
	struct held_store *h = lua_newuserdatauv(L, sizeof(*h), 0);

	*h = (struct held_store){ .s = NULL };
	luaL_setmetatable(L, STORE);
	return h;
}

void bind_push_store(lua_State *L, struct store *s)
{
	struct held_store *h = push_held(L);

	h->s = s;
	h->borrowed = 1;
}

void bind_drop_store(lua_State *L, int idx)
{
	struct held_store *h = lua_touserdata(L, idx);

	if (h != NULL)
		h->s = NULL;
}

/* open(path [, read_only]) -> store | nil, message, code */
static int l_open(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct store_options opt = { .read_only = lua_toboolean(L, 2) };
	struct held_store *h;
	struct err e;

	bind_loop(L);		/* made before us, it is closed behind us */
	h = push_held(L);
	opt.wake = on_news;
	opt.wake_arg = h;

	if (store_open(&h->s, path, &opt, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}

/* copy(from, to [, trial]) -> true | nil, message, code: see store_copy */
static int l_copy(lua_State *L)
{
	const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
	struct err e;

	if (store_copy(from, to, lua_toboolean(L, 3), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

/* check(path [, thorough]) -> true | nil, message, code: see store_check */
static int l_check(lua_State *L)
{
	struct err e;

	if (store_check(luaL_checkstring(L, 1), lua_toboolean(L, 2), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

static int l_close(lua_State *L)
{
	struct held_store *h = luaL_checkudata(L, 1, STORE);

	if (!h->borrowed && h->s != NULL) {
		store_close(h->s);
		if (atomic_exchange(&h->listens, false))
			loop_wake_stop(&h->wake);
	}
	h->s = NULL;
	return 0;
}

static int l_tx(lua_State *L)
{
	bind_check_store(L, 1);
	bind_push_txn(L);
	return 1;
}

/* ---- submitting --------------------------------------------------------------- */

struct told {
	struct held_store *h;
	lua_State *thread;
	int fn;
};

static void on_committed(void *arg, struct txn *t)
{
	struct told *w = arg;
	lua_State *T = w->thread;

	if (--w->h->out == 0)
		loop_release(w->h->loop);
	if (lua_checkstack(T, 8)) {
		lua_rawgeti(T, LUA_REGISTRYINDEX, w->fn);
		luaL_unref(T, LUA_REGISTRYINDEX, w->fn);
		if (t->rc == 0)
			lua_pushboolean(T, 1);
		bind_loop_call(T, t->rc == 0 ? 1 : bind_fail(T, &t->err));
	}
	free(w);
}

static void start_listening(lua_State *L, struct held_store *h)
{
	if (atomic_load(&h->listens))
		return;
	h->loop = bind_loop(L);
	loop_wake_start(h->loop, &h->wake, on_wake, h);
	atomic_store(&h->listens, true);
}

/* submit(store, tx, fn): does not wait; fn(true), or fn(nil, message, code), is called
 * from the loop when the outcome is known. Not for an engine's store, whose runner does
 * it. */
static int l_submit(lua_State *L)
{
	struct held_store *h = luaL_checkudata(L, 1, STORE);
	struct store *s = bind_check_store(L, 1);
	struct told *w;
	struct txn *t;

	luaL_checktype(L, 3, LUA_TFUNCTION);
	luaL_argcheck(L, !h->borrowed, 1, "an engine's store is submitted to"
		      " through its runner");
	bind_check_txn(L, 2);
	start_listening(L, h);
	lua_pushvalue(L, 3);
	w = malloc(sizeof(*w));
	if (w == NULL)
		return luaL_error(L, "no memory to submit");
	w->h = h;
	w->thread = bind_loop_thread(L);
	w->fn = luaL_ref(L, LUA_REGISTRYINDEX);
	t = bind_take_txn(L, 2);
	t->done = on_committed;
	t->arg = w;
	if (h->out++ == 0)
		loop_hold(h->loop);
	store_submit(s, t);
	return 0;
}

static void on_posted(void *arg, struct txn *t)
{
	struct held_store *h = arg;

	if (t->rc != 0 && h->lost.code == 0) {
		h->lost = t->err;
		h->lost.code = t->rc;
	}
	if (--h->out == 0)
		loop_release(h->loop);
}

void bind_post(lua_State *L, int idx, struct txn *t)
{
	struct held_store *h = luaL_checkudata(L, idx, STORE);

	t->done = on_posted;
	t->arg = h;
	t->lazy = true;
	if (h->out++ == 0)
		loop_hold(h->loop);
	store_submit(h->s, t);
}

/* listen(store): what is posted to it is heard of in the loop. Not for an engine's. */
static int l_listen(lua_State *L)
{
	struct held_store *h = luaL_checkudata(L, 1, STORE);

	bind_check_store(L, 1);
	luaL_argcheck(L, !h->borrowed, 1, "an engine's store is submitted to"
		      " through its runner");
	start_listening(L, h);
	return 0;
}

/* lost(store) -> message, code of the first posted change that failed; or nothing */
static int l_lost(lua_State *L)
{
	const struct held_store *h = luaL_checkudata(L, 1, STORE);

	if (h->lost.code == 0)
		return 0;
	lua_pushstring(L, h->lost.msg);
	lua_pushstring(L, err_name(h->lost.code));
	return 2;
}

/* commit(store, tx) -> true | nil, message, code. Waits for the disk. */
static int l_commit(lua_State *L)
{
	struct store *s = bind_check_store(L, 1);
	struct err e;

	if (store_commit(s, bind_take_txn(L, 2), &e) != 0)
		return bind_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

/* read(store, verb, fields) -> rows | nil, message, code */
static int l_read(lua_State *L)
{
	struct store *s = bind_check_store(L, 1);
	const char *verb = luaL_checkstring(L, 2);
	struct buf *args, *rows;
	struct err e;

	luaL_checktype(L, 3, LUA_TTABLE);
	args = bind_buf(L, CODEC_BYTES);
	rows = bind_buf(L, CODEC_BYTES);
	if (bind_encode(L, 3, args, &e) != 0 ||
	    store_read(s, verb, args->data, args->len, rows, &e) != 0)
		return bind_fail(L, &e);
	if (bind_decode(L, rows->data, rows->len) != 0) {
		err_set(&e, ERR_DAMAGED, "%s gave a damaged row", verb);
		return bind_fail(L, &e);
	}
	return 1;
}

static int l_next_id(lua_State *L)
{
	lua_pushinteger(L, store_next_id(bind_check_store(L, 1)));
	return 1;
}

int bind_open_store(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", l_open }, { "copy", l_copy },
		{ "check", l_check }, { NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "close", l_close }, { "tx", l_tx }, { "commit", l_commit },
		{ "submit", l_submit }, { "listen", l_listen }, { "lost", l_lost },
		{ "read", l_read }, { "next_id", l_next_id },
		{ "__gc", l_close }, { "__close", l_close }, { NULL, NULL }
	};
	static const luaL_Reg txn_methods[] = {
		{ "add", l_txn_add }, { "__gc", l_txn_gc }, { NULL, NULL }
	};

	bind_class(L, STORE, methods);
	bind_class(L, TXN, txn_methods);
	bind_module(L, functions);
	return 1;
}
