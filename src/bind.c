#include "bind.h"

#include <lfuel.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As many keys fit on the stack of a run, those of all objects around them too; where
 * fewer do, it is memory that is missing. */
#define STACK 200000

static const char array_key, guard_key, buf_key;

/* ---- guards ---------------------------------------------------------- */

static int guard_close(lua_State *L)
{
	void **slot = lua_touserdata(L, 1);

	if (slot != NULL) {
		free(*slot);
		*slot = NULL;
	}
	return 0;
}

static int buf_close(lua_State *L)
{
	struct buf *b = lua_touserdata(L, 1);

	if (b != NULL)
		buf_release(b);
	return 0;
}

/* Calling __close wants memory itself, so __gc stands behind it. */
static void closing_meta(lua_State *L, const void *key, lua_CFunction close)
{
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, close);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, close);
	lua_setfield(L, -2, "__close");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void bind_open(lua_State *L)
{
	closing_meta(L, &guard_key, guard_close);
	closing_meta(L, &buf_key, buf_close);
	lua_createtable(L, 0, 2);
	lua_pushliteral(L, "array");
	lua_setfield(L, -2, "__metatable");
	lua_pushliteral(L, "array");
	lua_setfield(L, -2, "__name");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void bind_array_mark(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
}

void **bind_guard(lua_State *L)
{
	void **slot = lua_newuserdatauv(L, sizeof(*slot), 0);

	*slot = NULL;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &guard_key);
	lua_setmetatable(L, -2);
	lua_toclose(L, -1);
	return slot;
}

struct buf *bind_buf(lua_State *L, size_t limit)
{
	struct buf *b = lua_newuserdatauv(L, sizeof(*b), 0);

	buf_init(b, limit);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &buf_key);
	lua_setmetatable(L, -2);
	lua_toclose(L, -1);
	return b;
}

int bind_fail(lua_State *L, const struct err *e)
{
	lua_pushnil(L);
	lua_pushstring(L, e->msg);
	lua_pushstring(L, err_name(e->code));
	return 3;
}

/* ---- Lua value -> bytes ---------------------------------------------- */

/* More tables than a run gives back: one is in many places, doubled and doubled. */
#define TABLES 100000

/* Where the encoder stands, for the message. */
struct trail {
	const struct trail *up;
	const char *key;
	lua_Integer index;
	int *tables;		/* met so far, in the whole value */
};

#define LONG_TRAIL 100

static size_t trail_text(const struct trail *t, char *out, size_t cap)
{
	size_t n;

	if (t == NULL || t->up == NULL)
		return (size_t)snprintf(out, cap, "value");
	n = trail_text(t->up, out, cap);
	if (n >= cap)
		return n;
	if (n >= LONG_TRAIL && memcmp(out + n - 3, "...", 3) == 0)
		return n;	/* the way in says more than the bottom of it */
	if (n >= LONG_TRAIL)
		return n + (size_t)snprintf(out + n, cap - n, "...");
	if (t->key != NULL)
		return n + (size_t)snprintf(out + n, cap - n, ".%.40s", t->key);
	return n + (size_t)snprintf(out + n, cap - n, "[%lld]",
				    (long long)t->index);
}

static int refuse(const struct trail *t, struct err *e, const char *why)
{
	char where[200];
	size_t i;

	trail_text(t, where, sizeof(where));
	for (i = 0; where[i] != 0; i++)
		if ((unsigned char)where[i] < 0x20 || where[i] == 0x7f)
			where[i] = '?';
	/* a message is kept too: it must be text when the key was none, or was
	 * cut within a letter */
	if (!codec_utf8((const unsigned char *)where, strlen(where)))
		for (i = 0; where[i] != 0; i++)
			if ((unsigned char)where[i] >= 0x80)
				where[i] = '?';
	return err_set(e, ERR_INPUT, "%s %s", where, why);
}

static int encode(lua_State *L, int idx, int depth, const struct trail *t,
		  struct buf *out, struct err *e);

/* What a run pays for what is read of it; no error is thrown in here. */
static int pay(lua_State *L, size_t n, struct err *e)
{
	if (lua_spend(L, (lua_Integer)n) == 0)
		return 0;
	return err_set(e, ERR_LIMIT, "the run ended while its value was read");
}

struct name {
	const char *s;
	size_t n;
	int slot;		/* where its key lies on the stack */
};

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);

	return order ? order : (x->n > y->n) - (x->n < y->n);
}

static int encode_members(lua_State *L, int idx, int depth,
			  const struct trail *t, struct name *names, size_t n,
			  struct buf *out, struct err *e)
{
	struct trail here = { t, NULL, 0, t->tables };
	size_t i;
	int rc = 0;

	for (i = n; i > 1 && rc == 0; i /= 2)	/* n log n comparisons */
		rc = pay(L, 3 * n, e);
	if (rc != 0)
		return rc;
	qsort(names, n, sizeof(*names), by_name);
	codec_object(out, n);
	for (i = 0; i < n && rc == 0; i++) {
		here.key = names[i].s;
		rc = pay(L, 2 + (names[i].n >> 4), e);
		if (rc != 0)
			break;
		if (!codec_key_ok((const unsigned char *)names[i].s, names[i].n))
			return refuse(&here, e, "has a key that is not UTF-8, or "
				      "holds a NUL");
		codec_key(out, names[i].s, names[i].n);
		lua_pushvalue(L, names[i].slot);
		lua_rawget(L, idx);
		rc = encode(L, lua_gettop(L), depth + 1, &here, out, e);
		lua_pop(L, 1);
	}
	return rc;
}

/* Keys stay on the Lua stack while they are sorted, so nothing is copied and
 * nothing can be collected under us. */
static int encode_object(lua_State *L, int idx, size_t n, int depth,
			 const struct trail *t, struct buf *out, struct err *e)
{
	struct name few[32], *names = few;
	int base = lua_gettop(L), rc;
	size_t i = 0;

	if (n > 1000000)
		return refuse(t, e, "has too many keys");
	if (!lua_checkstack(L, (int)n + 8))
		return (size_t)base + n > STACK
		     ? refuse(t, e, "has too many keys")
		     : err_set(e, ERR_NOMEM, "no memory to read a value");
	if (n > 32)
		names = malloc(n * sizeof(*names));
	if (names == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an object");
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		lua_pop(L, 1);
		if ((i & 255) == 255 && pay(L, 512, e) != 0)
			break;
		names[i].s = lua_tolstring(L, -1, &names[i].n);
		names[i].slot = lua_gettop(L);
		i++;
		lua_pushvalue(L, -1);
	}
	rc = i == n ? encode_members(L, idx, depth, t, names, n, out, e)
		    : ERR_LIMIT;
	lua_settop(L, base);
	if (names != few)
		free(names);
	return rc;
}

static int encode_array(lua_State *L, int idx, size_t n, int depth,
			const struct trail *t, struct buf *out, struct err *e)
{
	struct trail here = { t, NULL, 0, t->tables };
	int rc = 0;

	codec_array(out, n);
	while ((size_t)here.index < n && rc == 0) {
		here.index++;
		lua_rawgeti(L, idx, here.index);
		rc = encode(L, lua_gettop(L), depth + 1, &here, out, e);
		lua_pop(L, 1);
	}
	return rc;
}

static int marked_array(lua_State *L, int idx)
{
	int same;

	if (!lua_getmetatable(L, idx))
		return 0;
	bind_array_mark(L);
	same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

static int encode_table(lua_State *L, int idx, int depth,
			const struct trail *t, struct buf *out, struct err *e)
{
	size_t strings = 0, integers = 0;
	lua_Integer top = 0, k;

	if (depth >= CODEC_DEPTH)
		return refuse(t, e, "nests too deep (or contains itself)");
	if (++*t->tables > TABLES && lua_fuel(L)->run)
		return refuse(t, e, "is one table too many (does a table stand "
			      "in many places?)");
	if (pay(L, 4, e) != 0)		/* lua_next pays for itself */
		return ERR_LIMIT;
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		lua_pop(L, 1);
		if (((strings + integers) & 255) == 255 && pay(L, 512, e) != 0)
			return ERR_LIMIT;
		if (lua_type(L, -1) == LUA_TSTRING) {
			strings++;
		} else if (lua_isinteger(L, -1) &&
			   (k = lua_tointeger(L, -1)) > 0) {
			integers++;
			top = k > top ? k : top;
		} else {
			lua_pop(L, 1);
			return refuse(t, e, "has a key that is neither text nor "
				      "a position");
		}
	}
	if (strings > 0 && integers > 0)
		return refuse(t, e, "mixes positions and named keys");
	if (integers > 0 && (size_t)top != integers)
		return refuse(t, e, "is a list with holes");
	if (integers > 0 || (strings == 0 && marked_array(L, idx)))
		return encode_array(L, idx, integers, depth, t, out, e);
	return encode_object(L, idx, strings, depth, t, out, e);
}

static int encode_number(lua_State *L, int idx, const struct trail *t,
			 struct buf *out, struct err *e)
{
	if (lua_isinteger(L, idx)) {
		codec_int(out, lua_tointeger(L, idx));
		return 0;
	}
	if (!isfinite(lua_tonumber(L, idx)))
		return refuse(t, e, "is not a finite number");
	codec_float(out, lua_tonumber(L, idx));
	return 0;
}

static int encode(lua_State *L, int idx, int depth, const struct trail *t,
		  struct buf *out, struct err *e)
{
	char why[64];
	const char *s;
	size_t n;

	if (out->failed)
		return buf_err(out, e, "value");
	if (!lua_checkstack(L, 8))
		return err_set(e, ERR_NOMEM, "no memory to read a value");
	if (pay(L, 4, e) != 0)
		return ERR_LIMIT;
	switch (lua_type(L, idx)) {
	case LUA_TNIL:
		codec_null(out);
		return 0;
	case LUA_TBOOLEAN:
		codec_bool(out, lua_toboolean(L, idx));
		return 0;
	case LUA_TNUMBER:
		return encode_number(L, idx, t, out, e);
	case LUA_TSTRING:
		s = lua_tolstring(L, idx, &n);
		if (pay(L, n >> 3, e) != 0)
			return ERR_LIMIT;
		if (!codec_utf8((const unsigned char *)s, n))
			return refuse(t, e, "is text that is not UTF-8");
		codec_string(out, s, n);
		return 0;
	case LUA_TTABLE:
		return encode_table(L, idx, depth, t, out, e);
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, idx) == NULL) {
			codec_null(out);
			return 0;
		}
		/* fall through */
	default:
		snprintf(why, sizeof(why), "is a %s, which cannot be kept",
			 lua_typename(L, lua_type(L, idx)));
		return refuse(t, e, why);
	}
}

int bind_encode_within(lua_State *L, int idx, int depth, struct buf *out,
		       struct err *e)
{
	int tables = 0;
	struct trail root = { NULL, NULL, 0, &tables };
	size_t start = out->len;
	int top = lua_gettop(L), rc;

	rc = encode(L, lua_absindex(L, idx), depth, &root, out, e);
	lua_settop(L, top);
	if (rc == 0 && out->failed)
		rc = buf_err(out, e, "value");
	if (rc != 0 && !out->failed)
		out->len = start;
	return rc;
}

int bind_encode(lua_State *L, int idx, struct buf *out, struct err *e)
{
	return bind_encode_within(L, idx, 0, out, e);
}

/* ---- bytes -> Lua value ---------------------------------------------- */

static void decode(lua_State *L, struct codec_reader *r)
{
	const unsigned char *key;
	struct codec_item it;
	size_t i, n;

	luaL_checkstack(L, 4, "value nests too deep");
	lua_charge(L, 2);
	codec_next(r, &it);
	switch (it.type) {
	case CODEC_NULL:
		lua_pushlightuserdata(L, NULL);
		return;
	case CODEC_FALSE:
	case CODEC_TRUE:
		lua_pushboolean(L, it.type == CODEC_TRUE);
		return;
	case CODEC_INT:
		lua_pushinteger(L, it.integer);
		return;
	case CODEC_FLOAT:
		lua_pushnumber(L, it.number);
		return;
	case CODEC_STRING:
		lua_charge(L, (lua_Integer)(it.len >> 4));
		lua_pushlstring(L, (const char *)it.bytes, it.len);
		return;
	case CODEC_ARRAY:
		lua_createtable(L, (int)it.len, 0);
		for (i = 0; i < it.len; i++) {
			decode(L, r);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		if (it.len == 0) {
			bind_array_mark(L);
			lua_setmetatable(L, -2);
		}
		return;
	case CODEC_OBJECT:
		lua_createtable(L, 0, (int)it.len);
		for (i = 0; i < it.len; i++) {
			codec_next_key(r, &key, &n);
			lua_pushlstring(L, (const char *)key, n);
			decode(L, r);
			lua_rawset(L, -3);
		}
		return;
	}
}

int bind_decode(lua_State *L, const void *p, size_t n)
{
	struct codec_reader r;

	if (codec_check(p, n) != 0)
		return ERR_DAMAGED;
	codec_read(&r, p, n);
	decode(L, &r);
	return 0;
}
