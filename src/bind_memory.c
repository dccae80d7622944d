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
	w.session = field_text(L, idx, "session");
	w.expired_by = field_integer(L, idx, "expired_by", MEMORY_FOREVER);
	w.made_before = field_integer(L, idx, "made_before", MEMORY_FOREVER);
	w.faded = field_number(L, idx, "faded", 0);
	w.half_life_ms = field_integer(L, idx, "half_life", 0);
	w.after = field_integer(L, idx, "after", 0);
	w.up_to = field_integer(L, idx, "up_to", 0);
	w.scan = field_integer(L, idx, "scan", 0);
	w.limit = field_integer(L, idx, "limit", 0);
	lua_getfield(L, idx, "ended");
	w.ended = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return w;
}

/* drop(tx, which, now_ms, reason) -> tx | nil, message, code */
static int l_drop(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct memory_which w = check_which(L, 2);
	const char *reason = luaL_optstring(L, 4, NULL);
	struct op *op;
	struct err e;

	w.now_ms = luaL_checkinteger(L, 3);
	if (memory_forget_op(&op, &w, reason, false, NULL, &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	lua_pushvalue(L, 1);
	return 1;
}

/* ---- a memory -------------------------------------------------------------------- */

struct handle {
	struct memory *m;
	struct txn *ahead;		/* begun, and not waited for yet */
	struct memory_put *put;
	size_t n;
};

static struct handle *check_handle(lua_State *L)
{
	struct handle *h = luaL_checkudata(L, 1, MEMORY);

	if (h->m == NULL)
		luaL_argerror(L, 1, "this memory is closed");
	return h;
}

static struct memory *check_memory(lua_State *L)
{
	return check_handle(L)->m;
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
	struct handle *h = lua_newuserdatauv(L, sizeof(*h), 1);
	struct err e;

	memset(h, 0, sizeof(*h));
	luaL_setmetatable(L, MEMORY);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	if (memory_open(&h->m, s, &e) != 0)
		return bind_fail(L, &e);
	return 1;
}

/* A store that was closed has told the outcome of all, and freed nothing of ours. */
static int l_close(lua_State *L)
{
	struct handle *h = luaL_checkudata(L, 1, MEMORY);
	struct store *s;

	if (h->ahead != NULL) {
		lua_getiuservalue(L, 1, 1);
		s = bind_open_store_of(L, -1);
		lua_pop(L, 1);
		if (s != NULL)
			store_wait(s, h->ahead, NULL);
		h->ahead = NULL;
		free(h->put);
	}
	memory_close(h->m);
	h->m = NULL;
	return 0;
}

static void push_results(lua_State *L, const struct memory_put *put, size_t n)
{
	static const char *const outcomes[] = { "new", "superseded", "same", "disputed" };
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

static int make_ops(lua_State *L, struct txn *t, struct memory_put *put,
		    size_t n, struct err *e)
{
	struct buf *b = bind_buf(L, CODEC_BYTES);
	struct op *op;
	size_t i;

	for (i = 0; i < n; i++) {
		lua_rawgeti(L, 2, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		if (item_op(L, lua_gettop(L), b, &op, &put[i], e) != 0)
			return e->code;
		txn_add(t, op);
		lua_pop(L, 1);
	}
	return 0;
}

/* remember(memory, items) -> list of { row, outcome } | nil, message, code: one
 * transaction, on disk when it returns.
 * remember(memory, items, true): begins the transaction and returns what the one
 * begun before has come to (an empty list when there is none). */
static int l_remember(lua_State *L)
{
	struct handle *h = check_handle(L);
	struct store *s = store_of(L);
	struct memory_put *put, *was = NULL;
	bool ahead = lua_toboolean(L, 3);
	struct txn *t;
	size_t n, was_n = 0;
	void **slot, **old;
	int rc = 0, at;
	struct err e;

	luaL_checktype(L, 2, LUA_TTABLE);
	n = lua_rawlen(L, 2);
	slot = bind_guard(L);
	old = bind_guard(L);
	t = bind_push_txn(L);
	at = lua_gettop(L);
	put = *slot = calloc(n + 1, sizeof(*put));
	if (put == NULL) {
		err_set(&e, ERR_NOMEM, "no memory to remember");
		return bind_fail(L, &e);
	}
	if (make_ops(L, t, put, n, &e) != 0)
		return bind_fail(L, &e);
	if (h->ahead != NULL) {
		was = *old = h->put;
		was_n = h->n;
		rc = store_wait(s, h->ahead, &e);
		h->ahead = NULL;
		h->put = NULL;
	}
	if (rc != 0)
		return bind_fail(L, &e);
	t = bind_take_txn(L, at);
	if (!ahead || n == 0) {
		if (store_commit(s, t, &e) != 0)
			return bind_fail(L, &e);
		push_results(L, ahead ? was : put, ahead ? was_n : n);
		return 1;
	}
	if (store_begin(s, t, &e) != 0)
		return bind_fail(L, &e);
	h->ahead = t;
	h->put = put;
	h->n = n;
	*slot = NULL;
	push_results(L, was, was_n);
	return 1;
}

/* Make what was added to the transaction on top of the stack true. */
static int commit_top(lua_State *L, struct err *e)
{
	struct store *s = store_of(L);

	return store_commit(s, bind_take_txn(L, -1), e);
}

/* forget(memory, which, now_ms, reason, dry) -> { rows, last, bytes } | nil, message,
 * code */
static int l_forget(lua_State *L)
{
	struct memory_which w;
	struct memory_forgotten done = { 0, 0, 0 };
	const char *reason;
	bool dry;
	struct txn *t;
	struct op *op;
	struct err e;

	check_memory(L);
	store_of(L);
	w = check_which(L, 2);
	w.now_ms = luaL_checkinteger(L, 3);
	reason = luaL_optstring(L, 4, NULL);
	dry = lua_toboolean(L, 5);
	t = bind_push_txn(L);
	if (memory_forget_op(&op, &w, reason, dry, &done, &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	if (commit_top(L, &e) != 0)
		return bind_fail(L, &e);
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, done.rows);
	lua_setfield(L, -2, "rows");
	lua_pushinteger(L, done.last);
	lua_setfield(L, -2, "last");
	lua_pushinteger(L, done.bytes);
	lua_setfield(L, -2, "bytes");
	return 1;
}

/* compact(memory, after, rows) -> where it has come to, 0 at the end | nil, message,
 * code */
static int l_compact(lua_State *L)
{
	int64_t after = luaL_checkinteger(L, 2), rows = luaL_checkinteger(L, 3);
	struct txn *t;
	struct op *op;
	struct err e;

	check_memory(L);
	store_of(L);
	t = bind_push_txn(L);
	if (memory_compact_op(&op, &after, rows, &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	if (commit_top(L, &e) != 0)
		return bind_fail(L, &e);
	lua_pushinteger(L, after);
	return 1;
}

/* embed(tx, ns, row, model, vector) -> tx | nil, message, code */
static int l_embed(lua_State *L)
{
	struct txn *t = bind_check_txn(L, 1);
	struct span ns, model, vector;
	struct op *op;
	struct err e;

	ns.p = luaL_checklstring(L, 2, &ns.n);
	model.p = luaL_checklstring(L, 4, &model.n);
	vector.p = luaL_checklstring(L, 5, &vector.n);
	if (memory_embed_op(&op, ns, luaL_checkinteger(L, 3), model, vector,
			    &e) != 0)
		return bind_fail(L, &e);
	txn_add(t, op);
	lua_pushvalue(L, 1);
	return 1;
}

/* ---- searching -------------------------------------------------------------------- */

static void field_weights(lua_State *L, int idx, struct score_weights *w)
{
	int i;

	for (i = 0; i < SCORE_REASONS; i++)
		w->part[i] = field_number(L, idx, score_names[i], w->part[i]);
}

static void check_tuning(lua_State *L, int idx, struct memory_tuning *t)
{
	t->kind = field_text(L, idx, "kind");
	t->k1 = field_number(L, idx, "k1", t->k1);
	t->b = field_number(L, idx, "b", t->b);
	t->half_life_ms = field_integer(L, idx, "half_life", t->half_life_ms);
	field_weights(L, idx, &t->weights);
}

/* The tables of a list, one by one on top of the stack. */
static size_t list_of(lua_State *L, int idx, const char *name)
{
	size_t n = 0;

	if (lua_getfield(L, idx, name) == LUA_TTABLE)
		n = lua_rawlen(L, -1);
	if (n > MEMORY_FEW)
		luaL_error(L, "'%s' has more than %d entries", name, MEMORY_FEW);
	return n;
}

static void check_tunings(lua_State *L, int idx, struct memory_query *q)
{
	size_t i;

	q->usual.b = 0.75;
	q->usual.half_life_ms = (int64_t)30 * 86400000;
	q->usual.weights = score_defaults;
	if (lua_getfield(L, idx, "usual") == LUA_TTABLE)
		check_tuning(L, lua_gettop(L), &q->usual);
	lua_pop(L, 1);
	q->tuned_n = list_of(L, idx, "tuned");
	for (i = 0; i < q->tuned_n; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		q->tuned[i] = q->usual;
		check_tuning(L, lua_gettop(L), &q->tuned[i]);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* Where the pieces of a condition lie in b, until b no longer moves. */
struct condition {
	struct piece is, least, most;
};

static int check_fields(lua_State *L, int idx, struct memory_query *q,
			struct buf *b, struct err *e)
{
	struct condition c[MEMORY_FEW];
	size_t i;
	int rc = 0;

	q->fields_n = list_of(L, idx, "fields");
	for (i = 0; i < q->fields_n && rc == 0; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		q->fields[i].name = field_text(L, lua_gettop(L), "name");
		if ((rc = field_value(L, lua_gettop(L), "is", b, &c[i].is,
				      e)) == 0 &&
		    (rc = field_value(L, lua_gettop(L), "least", b, &c[i].least,
				      e)) == 0)
			rc = field_value(L, lua_gettop(L), "most", b,
					 &c[i].most, e);
		lua_pop(L, 1);
	}
	for (i = 0; i < q->fields_n && rc == 0; i++) {
		q->fields[i].is = piece_span(b, &c[i].is);
		q->fields[i].least = piece_span(b, &c[i].least);
		q->fields[i].most = piece_span(b, &c[i].most);
	}
	lua_pop(L, 1);
	return rc;
}

static int check_query(lua_State *L, int idx, struct memory_query *q,
		       struct buf *b, struct err *e)
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
	q->run = field_integer(L, idx, "run", 0);
	lua_getfield(L, idx, "distinct");
	q->distinct = lua_toboolean(L, -1);
	lua_pop(L, 1);
	q->kinds_n = field_texts(L, idx, "kinds", q->kinds);
	q->allow_n = field_texts(L, idx, "allow", q->allow);
	q->trust = field_text(L, idx, "trust");
	q->session = field_text(L, idx, "session");
	q->speaker = field_text(L, idx, "speaker");
	q->since = field_integer(L, idx, "since", 0);
	q->until = field_integer(L, idx, "until", 0);
	q->about_from = field_integer(L, idx, "about_from", 0);
	q->about_until = field_integer(L, idx, "about_until", 0);
	q->about_month = (int)field_integer(L, idx, "about_month", 0);
	q->about_day = (int)field_integer(L, idx, "about_day", 0);
	check_tunings(L, idx, q);
	return check_fields(L, idx, q, b, e);
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
	if (h->also_n > 0) {
		lua_createtable(L, (int)h->also_n, 0);
		for (r = 0; r < (int)h->also_n; r++) {
			lua_pushinteger(L, h->also[r]);
			lua_rawseti(L, -2, r + 1);
		}
		lua_setfield(L, -2, "also");
	}
	return 0;
}

/* search(memory, query) -> list of hits | nil, message, code */
static int l_search(lua_State *L)
{
	struct memory *m = check_memory(L);
	struct memory_hits *hits;
	struct memory_query q;
	struct buf *b;
	struct err e;
	size_t i;

	store_of(L);
	b = bind_buf(L, CODEC_BYTES);
	hits = push_hits(L);
	if (check_query(L, 2, &q, b, &e) != 0 ||
	    memory_search(m, &q, hits, &e) != 0)
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
		{ "embed", l_embed },
		{ NULL, NULL }
	};
	static const luaL_Reg methods[] = {
		{ "remember", l_remember }, { "forget", l_forget },
		{ "search", l_search }, { "compact", l_compact },
		{ "close", l_close },
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
