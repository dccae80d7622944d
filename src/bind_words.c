#include "bind_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"
#include "vec.h"
#include "words.h"

/* ---- core.words -------------------------------------------------------------- */

/* similarity(a, b) -> -1..1, by the words of the two texts */
static int l_similarity(lua_State *L)
{
	size_t n, m;
	const char *a = luaL_checklstring(L, 1, &n);
	const char *b = luaL_checklstring(L, 2, &m);

	lua_pushnumber(L, words_similarity(a, n, b, m));
	return 1;
}

/* embed(text) -> list of `dim` numbers of length 1, number of words that counted */
static int l_embed(lua_State *L)
{
	float v[WORDS_DIM];
	size_t n, i, known;
	const char *text = luaL_checklstring(L, 1, &n);

	known = words_embed(text, n, v);
	lua_createtable(L, WORDS_DIM, 0);
	for (i = 0; i < WORDS_DIM; i++) {
		lua_pushnumber(L, v[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_pushinteger(L, (lua_Integer)known);
	return 2;
}

/* tokens(text) -> list of folded words */
static int l_tokens(lua_State *L)
{
	struct token_reader r;
	struct token t;
	lua_Integer i = 0;
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);

	token_read(&r, text, n);
	lua_newtable(L);
	while (token_next(&r, &t)) {
		lua_pushlstring(L, t.word, t.n);
		lua_rawseti(L, -2, ++i);
	}
	return 1;
}

/* find(folded word) -> position in the table | nil */
static int l_find(lua_State *L)
{
	size_t n;
	const char *word = luaL_checklstring(L, 1, &n);
	int32_t index = words_find(word, n);

	if (index < 0)
		lua_pushnil(L);
	else
		lua_pushinteger(L, index);
	return 1;
}

/* stop(folded word) -> whether it says nothing about a text */
static int l_stop(lua_State *L)
{
	size_t n;
	const char *word = luaL_checklstring(L, 1, &n);

	lua_pushboolean(L, words_stop(word, n));
	return 1;
}

int bind_open_words(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "similarity", l_similarity }, { "embed", l_embed },
		{ "tokens", l_tokens }, { "find", l_find },
		{ "stop", l_stop },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	lua_pushinteger(L, WORDS_DIM);
	lua_setfield(L, -2, "dim");
	lua_pushinteger(L, (lua_Integer)words_count());
	lua_setfield(L, -2, "count");
	lua_pushliteral(L, WORDS_MODEL);
	lua_setfield(L, -2, "model");
	return 1;
}

/* ---- core.vec ---------------------------------------------------------------- */

static size_t check_dim(lua_State *L, int idx)
{
	lua_Integer dim = luaL_checkinteger(L, idx);

	luaL_argcheck(L, dim >= 1 && dim <= VEC_DIM_MAX, idx,
		      "a dimension is 1 to 4096");
	return (size_t)dim;
}

/* quantise(list of numbers) -> int8 vector as a string | nil, message, code */
static int l_quantise(lua_State *L)
{
	void **slot;
	float *v;
	size_t i, n;
	struct err e;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = lua_rawlen(L, 1);
	luaL_argcheck(L, n >= 1 && n <= VEC_DIM_MAX, 1,
		      "a vector has 1 to 4096 numbers");
	slot = bind_guard(L);
	v = *slot = malloc(n * (sizeof(*v) + 1));
	if (v == NULL) {
		err_set(&e, ERR_NOMEM, "no memory for a vector");
		return bind_fail(L, &e);
	}
	for (i = 0; i < n; i++) {
		lua_rawgeti(L, 1, (lua_Integer)i + 1);
		luaL_argcheck(L, lua_isnumber(L, -1), 1, "numbers wanted");
		v[i] = (float)lua_tonumber(L, -1);
		lua_pop(L, 1);
	}
	if (!vec_quantise(v, n, (int8_t *)(v + n))) {
		err_set(&e, ERR_INPUT, "a vector holds a number that is not "
			"finite");
		return bind_fail(L, &e);
	}
	lua_pushlstring(L, (const char *)(v + n), n);
	return 1;
}

struct arena {
	int8_t *rows, *query;
	float *inverse;
	struct vec_hit *hits;
};

/* One piece of memory for all of it. */
static void *make_arena(struct arena *a, const char *rows, size_t n,
			size_t dim, const char *query, size_t k)
{
	size_t stride = vec_stride(dim), i;
	char *p = calloc(1, k * sizeof(*a->hits) + n * sizeof(float) +
			 (n + 1) * stride + 1);

	if (p == NULL)
		return NULL;
	a->hits = (struct vec_hit *)(void *)p;
	a->inverse = (float *)(void *)(p + k * sizeof(*a->hits));
	a->rows = (int8_t *)(a->inverse + n);
	a->query = a->rows + n * stride;
	for (i = 0; i < n; i++) {
		memcpy(a->rows + i * stride, rows + i * dim, dim);
		a->inverse[i] = vec_inverse(a->rows + i * stride, dim);
	}
	memcpy(a->query, query, dim);
	return p;
}

/* top(rows, dim, query, k) -> list of { at, score }: rows is the int8 vectors
 * one after the other, at counts from 1 */
static int l_top(lua_State *L)
{
	size_t bytes, query_bytes, n, i;
	const char *rows = luaL_checklstring(L, 1, &bytes);
	size_t dim = check_dim(L, 2);
	const char *query = luaL_checklstring(L, 3, &query_bytes);
	lua_Integer k = luaL_checkinteger(L, 4);
	void **slot = bind_guard(L);
	struct arena a;
	struct err e;

	luaL_argcheck(L, query_bytes == dim, 3, "another dimension");
	luaL_argcheck(L, bytes % dim == 0, 1, "not whole vectors");
	n = bytes / dim;
	luaL_argcheck(L, k >= 0, 4, "below zero");
	k = (size_t)k > n ? (lua_Integer)n : k;
	*slot = make_arena(&a, rows, n, dim, query, (size_t)k);
	if (*slot == NULL) {
		err_set(&e, ERR_NOMEM, "no memory for vectors");
		return bind_fail(L, &e);
	}
	n = vec_top(a.rows, a.inverse, n, vec_stride(dim), a.query, NULL, NULL,
		    a.hits, (size_t)k);
	lua_createtable(L, (int)n, 0);
	for (i = 0; i < n; i++) {
		lua_createtable(L, 0, 2);
		lua_pushinteger(L, (lua_Integer)a.hits[i].at + 1);
		lua_setfield(L, -2, "at");
		lua_pushnumber(L, a.hits[i].score);
		lua_setfield(L, -2, "score");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* use("plain" | nil): the plain path, or the best this processor has; for tests.
 * Returns the path in use. */
static int l_use(lua_State *L)
{
	vec_use(luaL_optstring(L, 1, NULL));
	lua_pushstring(L, vec_path());
	return 1;
}

int bind_open_vec(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "quantise", l_quantise }, { "top", l_top }, { "use", l_use },
		{ NULL, NULL }
	};

	bind_module(L, functions);
	return 1;
}
