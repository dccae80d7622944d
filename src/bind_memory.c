#include "bind_memory.h"

#include <stdlib.h>
#include <string.h>

#include "bind_store.h"
#include "memory.h"

#define MEMORY "keel.memory"

static const char *const layers[] = { "working", "session", "long", NULL };

/* ---- fields of a table --------------------------------------------------------- */

/* The text stays valid as long as the table holds it. */
static struct span field_text(lua_State *L, int idx, const char *name)
{
	struct span s = { NULL, 0 };
	int type = lua_getfield(L, idx, name);

	if (type == LUA_TSTRING)
		s.p = lua_tolstring(L, -1, &s.n);
	else if (type != LUA_TNIL)
		luaL_error(L, "'%s' is a text, not a %s", name,
			   lua_typename(L, type));
	lua_pop(L, 1);
	return s;
}

static lua_Integer field_integer(lua_State *L, int idx, const char *name,
				 lua_Integer otherwise)
{
	int ok = 1;
	lua_Integer v = otherwise;

	if (lua_getfield(L, idx, name) != LUA_TNIL)
		v = lua_tointegerx(L, -1, &ok);
	if (!ok)
		luaL_error(L, "'%s' is an integer", name);
	lua_pop(L, 1);
	return v;
}

static lua_Number field_number(lua_State *L, int idx, const char *name,
			       lua_Number otherwise)
{
	int ok = 1;
	lua_Number v = otherwise;

	if (lua_getfield(L, idx, name) != LUA_TNIL)
		v = lua_tonumberx(L, -1, &ok);
	if (!ok)
		luaL_error(L, "'%s' is a number", name);
	lua_pop(L, 1);
	return v;
}

static int field_layer(lua_State *L, int idx, int otherwise)
{
	struct span s = field_text(L, idx, "layer");
	int i;

	if (s.p == NULL)
		return otherwise;
	for (i = 0; layers[i] != NULL; i++)
		if (strcmp(s.p, layers[i]) == 0)
			return i + 1;
	return luaL_error(L, "no layer named '%s' (working, session, long)", s.p);
}

static size_t field_texts(lua_State *L, int idx, const char *name,
			  struct span list[MEMORY_FEW])
{
	size_t n = 0, i;

	if (lua_getfield(L, idx, name) == LUA_TTABLE) {
		n = lua_rawlen(L, -1);
		if (n > MEMORY_FEW)
			luaL_error(L, "'%s' has more than %d entries", name,
				   MEMORY_FEW);
		for (i = 0; i < n; i++) {
			if (lua_rawgeti(L, -1, (lua_Integer)i + 1) !=
			    LUA_TSTRING)
				luaL_error(L, "'%s' is a list of texts", name);
			list[i].p = lua_tolstring(L, -1, &list[i].n);
			lua_pop(L, 1);
		}
	} else if (!lua_isnil(L, -1)) {
		luaL_error(L, "'%s' is a list of texts", name);
	}
	lua_pop(L, 1);
	return n;
}

/* Codec bytes of the field, appended to b; where they lie is told by offsets,
 * because b may move. 0 and an absent mark when the field is nil. */
struct piece {
	size_t from, n;
	int there;
};

static int field_value(lua_State *L, int idx, const char *name, struct buf *b,
		       struct piece *p, struct err *e)
{
	int rc = 0;

	p->from = b->len;
	p->there = lua_getfield(L, idx, name) != LUA_TNIL;
	if (p->there)
		rc = bind_encode(L, -1, b, e);
	p->n = b->len - p->from;
	lua_pop(L, 1);
	return rc;
}

static struct span piece_span(const struct buf *b, const struct piece *p)
{
	struct span s = { NULL, 0 };

	if (p->there) {
		s.p = (const char *)b->data + p->from;
		s.n = p->n;
	}
	return s;
}

/* ---- writing ------------------------------------------------------------------- */

/* One item of Lua's as an operation. b is scratch. */
static int item_op(lua_State *L, int idx, struct buf *b, struct op **op,
		   struct memory_put *result, struct err *e)
{
	struct memory_item m = {
		.ns = field_text(L, idx, "ns"),
		.kind = field_text(L, idx, "kind"),
		.key = field_text(L, idx, "key"),
		.name = field_text(L, idx, "id"),
		.text = field_text(L, idx, "text"),
		.trust = field_text(L, idx, "trust"),
		.session = field_text(L, idx, "session"),
		.speaker = field_text(L, idx, "speaker"),
		.model = field_text(L, idx, "model"),
		.vector = field_text(L, idx, "vector"),
		.layer = field_layer(L, idx, MEMORY_LONG),
		.importance = field_number(L, idx, "importance", 0.5),
		.now_ms = field_integer(L, idx, "now", 0),
		.expires = field_integer(L, idx, "expires", MEMORY_FOREVER),
		.run = field_integer(L, idx, "run", 0),
		.seq = field_integer(L, idx, "seq", 0),
	};
	struct piece value, tags, source;
	int rc;

	m.valid_from = field_integer(L, idx, "time", m.now_ms);
	if (m.trust.p == NULL)
		m.trust = (struct span){ "internal", 8 };
	buf_reset(b);
	if ((rc = field_value(L, idx, "value", b, &value, e)) != 0 ||
	    (rc = field_value(L, idx, "tags", b, &tags, e)) != 0 ||
	    (rc = field_value(L, idx, "source", b, &source, e)) != 0)
		return rc;
	m.value = piece_span(b, &value);
	m.tags = piece_span(b, &tags);
	m.source = piece_span(b, &source);
	return memory_put_op(op, &m, result, e);
}

/* put(tx, item) -> tx | nil, message, code. The item becomes true with the
 * transaction. */
static int l_put(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct op *op;
	struct buf *b;
	struct err e;

	luaL_checktype(L, 2, LUA_TTABLE);
	b = bind_buf(L, CODEC_BYTES);
	if (item_op(L, 2, b, &op, NULL, &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	lua_pushvalue(L, 1);
	return 1;
}

static struct memory_which check_which(lua_State *L, int idx)
{
	struct memory_which w = { .expired_by = MEMORY_FOREVER };

	luaL_checktype(L, idx, LUA_TTABLE);
	w.ns = field_text(L, idx, "ns");
	w.kind = field_text(L, idx, "kind");
	w.key = field_text(L, idx, "key");
	w.name = field_text(L, idx, "id");
	w.id = field_integer(L, idx, "row", 0);
	w.run = field_integer(L, idx, "run", 0);
	w.layer = field_layer(L, idx, 0);
	w.expired_by = field_integer(L, idx, "expired_by", MEMORY_FOREVER);
	w.limit = field_integer(L, idx, "limit", 0);
	return w;
}

/* drop(tx, which, now_ms, reason) -> tx | nil, message, code */
static int l_drop(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct memory_which w = check_which(L, 2);
	int64_t now_ms = luaL_checkinteger(L, 3);
	const char *reason = luaL_optstring(L, 4, NULL);
	struct op *op;
	struct err e;

	if (memory_forget_op(&op, &w, now_ms, reason, NULL, &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	lua_pushvalue(L, 1);
	return 1;
}

/* ---- a memory -------------------------------------------------------------------- */

static struct memory *check_memory(lua_State *L)
{
	struct memory **slot = luaL_checkudata(L, 1, MEMORY);

	if (*slot == NULL)
		luaL_argerror(L, 1, "this memory is closed");
	return *slot;
}

/* The store whose rows this memory finds; raises when it was closed. */
static struct store *store_of(lua_State *L)
{
	struct store *s;

	lua_getiuservalue(L, 1, 1);
	s = bind_check_store(L, -1);
	lua_pop(L, 1);
	return s;
}

/* open(store) -> memory | nil, message, code */
static int l_open(lua_State *L)
{
	struct store *s = bind_check_store(L, 1);
	struct memory **slot = lua_newuserdatauv(L, sizeof(*slot), 1);
	struct err e;

	*slot = NULL;
	luaL_setmetatable(L, MEMORY);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	if (memory_open(slot, s, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}

static int l_close(lua_State *L)
{
	struct memory **slot = luaL_checkudata(L, 1, MEMORY);

	memory_close(*slot);
	*slot = NULL;
	return 0;
}

static void push_results(lua_State *L, const struct memory_put *put, size_t n)
{
	static const char *const outcomes[] = { "new", "superseded", "same" };
	size_t i;

	lua_createtable(L, (int)n, 0);
	for (i = 0; i < n; i++) {
		lua_createtable(L, 0, 2);
		lua_pushinteger(L, put[i].id);
		lua_setfield(L, -2, "row");
		lua_pushstring(L, outcomes[put[i].outcome]);
		lua_setfield(L, -2, "outcome");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* remember(memory, items) -> list of { row, outcome } | nil, message, code: one
 * transaction, on disk when it returns */
static int l_remember(lua_State *L)
{
	struct store *s;
	struct memory_put *put;
	struct txn *t;
	struct buf *b;
	size_t i, n;
	void **slot;
	struct err e;

	check_memory(L);
	s = store_of(L);
	luaL_checktype(L, 2, LUA_TTABLE);
	n = lua_rawlen(L, 2);
	slot = bind_guard(L);
	b = bind_buf(L, CODEC_BYTES);
	t = bind_push_txn(L);
	put = *slot = calloc(n + 1, sizeof(*put));
	if (put == NULL) {
		err_set(&e, ERR_NOMEM, "no memory to remember");
		return bind_fail(L, &e);
	}
	for (i = 0; i < n; i++) {
		struct op *op;

		lua_rawgeti(L, 2, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		if (item_op(L, lua_gettop(L), b, &op, &put[i], &e) != 0)
			return bind_fail(L, &e);
		txn_add(t, op);
		lua_pop(L, 1);
	}
	if (store_commit(s, bind_take_txn(L, -1), &e) != 0)
		return bind_fail(L, &e);
	push_results(L, put, n);
	return 1;
}

/* forget(memory, which, now_ms, reason) -> number of rows | nil, message, code */
static int l_forget(lua_State *L)
{
	struct memory_which w;
	int64_t now_ms, count = 0;
	const char *reason;
	struct store *s;
	struct txn *t;
	struct op *op;
	struct err e;

	check_memory(L);
	s = store_of(L);
	w = check_which(L, 2);
	now_ms = luaL_checkinteger(L, 3);
	reason = luaL_optstring(L, 4, NULL);
	t = bind_push_txn(L);
	if (memory_forget_op(&op, &w, now_ms, reason, &count, &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	if (store_commit(s, bind_take_txn(L, -1), &e) != 0)
		return bind_fail(L, &e);
	lua_pushinteger(L, count);
	return 1;
}

/* ---- searching -------------------------------------------------------------------- */

static void field_weights(lua_State *L, int idx, struct score_weights *w)
{
	int i;

	*w = score_defaults;
	if (lua_getfield(L, idx, "weights") == LUA_TTABLE)
		for (i = 0; i < SCORE_REASONS; i++)
			w->part[i] = field_number(L, lua_gettop(L),
						  score_names[i], w->part[i]);
	lua_pop(L, 1);
}

static void check_query(lua_State *L, int idx, struct memory_query *q)
{
	luaL_checktype(L, idx, LUA_TTABLE);
	memset(q, 0, sizeof(*q));
	q->ns = field_text(L, idx, "ns");
	q->text = field_text(L, idx, "query");
	q->model = field_text(L, idx, "model");
	q->vector = field_text(L, idx, "vector");
	q->k = (size_t)field_integer(L, idx, "k", 10);
	q->now_ms = field_integer(L, idx, "now", 0);
	q->as_of = field_integer(L, idx, "as_of", 0);
	q->layer = field_layer(L, idx, 0);
	q->kinds_n = field_texts(L, idx, "kinds", q->kinds);
	q->tags_n = field_texts(L, idx, "tags", q->tags);
	q->allow_n = field_texts(L, idx, "allow", q->allow);
	q->trust = field_text(L, idx, "trust");
	q->session = field_text(L, idx, "session");
	q->speaker = field_text(L, idx, "speaker");
	q->since = field_integer(L, idx, "since", 0);
	q->until = field_integer(L, idx, "until", 0);
	q->k1 = field_number(L, idx, "k1", 0);
	q->b = field_number(L, idx, "b", 0.75);
	q->half_life_ms = field_integer(L, idx, "half_life",
					(lua_Integer)30 * 86400000);
	field_weights(L, idx, &q->weights);
}

static int hits_close(lua_State *L)
{
	memory_hits_release(lua_touserdata(L, 1));
	return 0;
}

static struct memory_hits *push_hits(lua_State *L)
{
	struct memory_hits *h = lua_newuserdatauv(L, sizeof(*h), 0);

	memset(h, 0, sizeof(*h));
	luaL_setmetatable(L, MEMORY ".hits");
	lua_toclose(L, -1);
	return h;
}

/* The row's own fields, and why it is here. */
static int push_hit(lua_State *L, const struct memory_hits *hits, size_t i)
{
	const struct memory_hit *h = &hits->hit[i];
	int r, rc = bind_decode(L, hits->rows.data + h->at, h->len);

	if (rc != 0)
		return rc;
	lua_pushnumber(L, h->score.score);
	lua_setfield(L, -2, "score");
	lua_pushnumber(L, h->similarity);
	lua_setfield(L, -2, "similarity");
	lua_createtable(L, 0, SCORE_REASONS);
	for (r = 0; r < SCORE_REASONS; r++) {
		lua_pushnumber(L, h->score.part[r]);
		lua_setfield(L, -2, score_names[r]);
	}
	lua_setfield(L, -2, "parts");
	return 0;
}

/* search(memory, query) -> list of hits | nil, message, code */
static int l_search(lua_State *L)
{
	struct memory *m = check_memory(L);
	struct memory_hits *hits;
	struct memory_query q;
	struct err e;
	size_t i;

	store_of(L);
	check_query(L, 2, &q);
	hits = push_hits(L);
	if (memory_search(m, &q, hits, &e) != 0)
		return bind_fail(L, &e);
	lua_createtable(L, (int)hits->n, 0);
	for (i = 0; i < hits->n; i++) {
		if (push_hit(L, hits, i) != 0) {
			err_set(&e, ERR_DAMAGED, "a memory could not be read");
			return bind_fail(L, &e);
		}
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

int bind_open_memory(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", l_open }, { "put", l_put }, { "drop", l_drop },
		{ NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "remember", l_remember }, { "forget", l_forget },
		{ "search", l_search }, { "close", l_close },
		{ "__gc", l_close }, { "__close", l_close }, { NULL, NULL }
	};
	static const luaL_Reg hits_methods[] = {
		{ "__gc", hits_close }, { "__close", hits_close },
		{ NULL, NULL }
	};

	bind_class(L, MEMORY, methods);
	luaL_newmetatable(L, MEMORY ".hits");
	luaL_setfuncs(L, hits_methods, 0);
	lua_pop(L, 1);
	bind_module(L, functions);
	return 1;
}
