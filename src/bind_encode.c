/* bind_encode.c -- a Lua value as codec bytes.
 *
 * Values are looked at where they lie (lua_See), so that a large one costs about as
 * much as its bytes. What is read of a run is paid for in portions, from the first
 * value on. */
#include <lfuel.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "bind_names.h"

/* More tables than a run gives back: one is in many places, doubled and doubled. */
#define TABLES 100000

/* So many names has an object, with those of all objects around it; and of a run. */
#define NAMES 1000000
#define NAMES_RUN 200000

#define FEW_NAMES 32		/* have room on the C stack */
#define AHEAD 8			/* names, of what is to be read soon */
#define PORTION 512		/* units that are paid at once */

/* All of one reading. */
struct reading {
	lua_State *L;
	struct buf *out;
	struct err *e;
	size_t owed;
	size_t names;		/* of the objects that it stands in       */
	int tables;		/* met so far, in the whole value */
};

/* Where the encoder stands, for the message. */
struct trail {
	const struct trail *up;
	const char *key;
	lua_Integer index;
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

/* What a run pays for what is read of it; no error is thrown in here. */
static int settle(struct reading *r)
{
	size_t n = r->owed;

	r->owed = 0;
	if (lua_spend(r->L, (lua_Integer)n) == 0)
		return 0;
	return err_set(r->e, ERR_LIMIT, "the run ended while its value was read");
}

static int pay(struct reading *r, size_t n)
{
	r->owed += n;
	return r->owed < PORTION ? 0 : settle(r);
}

static int pay_sort(void *arg, size_t units)
{
	return pay(arg, units);
}

static int encode_table(struct reading *r, int idx, int depth,
			const struct trail *t);

static int encode_text(struct reading *r, const struct lua_Seen *v,
		       const struct trail *t)
{
	size_t ascii;

	if (pay(r, 2 + (v->len >> 3)) != 0)
		return ERR_LIMIT;
	ascii = codec_ascii((const unsigned char *)v->s, v->len);
	if (pay(r, (v->len - ascii) >> 3) != 0)
		return ERR_LIMIT;
	if (!codec_utf8((const unsigned char *)v->s, v->len))
		return refuse(t, r->e, "is text that is not UTF-8");
	codec_string(r->out, v->s, v->len);
	return 0;
}

/* A value that is no table. */
static int encode_plain(struct reading *r, const struct lua_Seen *v,
			const struct trail *t)
{
	char why[64];

	switch (v->type) {
	case LUA_TNIL:
		codec_null(r->out);
		return 0;
	case LUA_TBOOLEAN:
		codec_bool(r->out, v->i != 0);
		return 0;
	case LUA_TNUMBER:
		if (v->integer)
			codec_int(r->out, v->i);
		else if (!isfinite(v->n))
			return refuse(t, r->e, "is not a finite number");
		else
			codec_float(r->out, v->n);
		return 0;
	case LUA_TSTRING:
		return encode_text(r, v, t);
	case LUA_TLIGHTUSERDATA:
		if (v->i == 0) {
			codec_null(r->out);
			return 0;
		}
		/* fall through */
	default:
		snprintf(why, sizeof(why), "is a %s, which cannot be kept",
			 lua_typename(r->L, v->type));
		return refuse(t, r->e, why);
	}
}

/* Room for one more table on the stack. */
static int room(struct reading *r)
{
	if (r->out->failed)
		return buf_err(r->out, r->e, "value");
	if (!lua_checkstack(r->L, 8))
		return err_set(r->e, ERR_NOMEM, "no memory to read a value");
	return 0;
}

static int encode_pushed(struct reading *r, int depth, const struct trail *t)
{
	int rc = encode_table(r, lua_gettop(r->L), depth, t);

	lua_pop(r->L, 1);
	return rc;
}

static int encode_members(struct reading *r, int idx, int depth,
			  const struct trail *t, const struct name *names,
			  size_t n)
{
	struct trail here = { t, NULL, 0 };
	struct lua_Seen v;
	size_t i;
	int rc = 0;

	codec_object(r->out, n);
	for (i = 0; i < n && rc == 0; i++) {
		here.key = names[i].s;
		if (pay(r, 12 + (names[i].n >> 3)) != 0)
			return ERR_LIMIT;
		if (i + AHEAD < n) {
			__builtin_prefetch(names[i + AHEAD].s);
			lua_fetch_place(r->L, idx, names[i + AHEAD].place);
		}
		if (!codec_key_ok((const unsigned char *)names[i].s, names[i].n))
			return refuse(&here, r->e, "has a key that is not UTF-8, or "
				      "holds a NUL");
		codec_key(r->out, names[i].s, names[i].n);
		lua_see_place(r->L, idx, names[i].place, &v);
		if (v.type != LUA_TTABLE) {
			rc = encode_plain(r, &v, &here);
			continue;
		}
		rc = room(r);
		if (rc == 0) {
			lua_push_place(r->L, idx, names[i].place);
			rc = encode_pushed(r, depth + 1, &here);
		}
	}
	return rc;
}

/* The bytes of names lie anywhere: they are asked for before they are looked at. */
static int collect(struct reading *r, int idx, struct name *names, size_t n)
{
	unsigned int place = 0;
	struct lua_Seen key;
	size_t i;

	for (i = 0; i < n + AHEAD; i++) {
		if (i < n) {
			if (pay(r, 7) != 0)
				return ERR_LIMIT;
			place = lua_next_place(r->L, idx, place, &key);
			names[i].s = key.s;
			__builtin_prefetch(key.s);
			names[i].n = (uint32_t)key.len;
			names[i].place = place;
		}
		if (i >= AHEAD)
			bind_name_begin(&names[i - AHEAD]);
	}
	return 0;
}

static int encode_object(struct reading *r, int idx, size_t n, int depth,
			 const struct trail *t)
{
	struct name few[2 * FEW_NAMES], *names = few;
	int rc;

	if (n + r->names > (lua_fuel(r->L)->run ? NAMES_RUN : NAMES))
		return refuse(t, r->e, "has too many keys");
	if (n > FEW_NAMES)
		names = malloc(2 * n * sizeof(*names));
	if (names == NULL)
		return err_set(r->e, ERR_NOMEM, "no memory for an object");
	r->names += n;
	rc = collect(r, idx, names, n);
	if (rc == 0 && bind_names_sort(names, names + n, n, pay_sort, r) != 0)
		rc = ERR_LIMIT;
	if (rc == 0)
		rc = encode_members(r, idx, depth, t, names, n);
	r->names -= n;
	if (names != few)
		free(names);
	return rc;
}

static int encode_array(struct reading *r, int idx, size_t n, int depth,
			const struct trail *t)
{
	struct trail here = { t, NULL, 0 };
	struct lua_Seen v;
	int rc = 0;

	codec_array(r->out, n);
	while ((size_t)here.index < n && rc == 0) {
		here.index++;
		if (pay(r, 3) != 0)
			return ERR_LIMIT;
		lua_see_index(r->L, idx, here.index, &v);
		if (v.type != LUA_TTABLE) {
			rc = encode_plain(r, &v, &here);
			continue;
		}
		rc = room(r);
		if (rc == 0) {
			lua_rawgeti(r->L, idx, here.index);
			rc = encode_pushed(r, depth + 1, &here);
		}
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

struct keys {
	size_t names, positions;
	lua_Integer top;
};

/* What kind of table it is. */
static int look(struct reading *r, int idx, const struct trail *t,
		struct keys *found)
{
	struct lua_Seen key;
	unsigned int place = 0;

	*found = (struct keys){ 0, 0, 0 };
	if (pay(r, lua_places(r->L, idx) >> 1) != 0)
		return ERR_LIMIT;
	while ((place = lua_next_place(r->L, idx, place, &key)) != 0) {
		if (key.type == LUA_TSTRING) {
			found->names++;
		} else if (key.type == LUA_TNUMBER && key.integer && key.i > 0) {
			found->positions++;
			found->top = key.i > found->top ? key.i : found->top;
		} else {
			return refuse(t, r->e, "has a key that is neither text "
				      "nor a position");
		}
	}
	return 0;
}

static int encode_table(struct reading *r, int idx, int depth,
			const struct trail *t)
{
	struct keys k;
	int rc;

	if (depth >= CODEC_DEPTH)
		return refuse(t, r->e, "nests too deep (or contains itself)");
	if (++r->tables > TABLES && lua_fuel(r->L)->run)
		return refuse(t, r->e, "is one table too many (does a table "
			      "stand in many places?)");
	if (pay(r, 8) != 0)
		return ERR_LIMIT;
	rc = look(r, idx, t, &k);
	if (rc != 0)
		return rc;
	if (k.names > 0 && k.positions > 0)
		return refuse(t, r->e, "mixes positions and named keys");
	if (k.positions > 0 && (size_t)k.top != k.positions)
		return refuse(t, r->e, "is a list with holes");
	if (k.positions > 0 || (k.names == 0 && marked_array(r->L, idx)))
		return encode_array(r, idx, k.positions, depth, t);
	return encode_object(r, idx, k.names, depth, t);
}

int bind_encode_within(lua_State *L, int idx, int depth, struct buf *out,
		       struct err *e)
{
	struct reading r = { L, out, e, 4, 0, 0 };
	struct trail root = { NULL, NULL, 0 };
	size_t start = out->len;
	struct lua_Seen v;
	int top = lua_gettop(L), rc;

	idx = lua_absindex(L, idx);
	v.type = LUA_TNIL;
	if (idx <= top)		/* an argument may not have been given */
		lua_see(L, idx, &v);
	if (v.type != LUA_TTABLE) {
		rc = encode_plain(&r, &v, &root);
	} else {
		rc = room(&r);
		if (rc == 0)
			rc = encode_table(&r, idx, depth, &root);
	}
	if (rc == 0)
		rc = settle(&r);
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
