/* border.c -- values at the border of a run. Any tree of Lua values of a run, hostile
 * metatables and all: refused with a sentence, or bytes that are canonical, make the
 * same bytes again when they come back, and are the same JSON. Any bytes: refused as
 * damaged, or a value that makes those bytes. No code of the script runs. */
#include <lauxlib.h>
#include <string.h>

#include "bind.h"
#include "fuzz.h"
#include "json.h"
#include "sandbox.h"

#define DEEPEST 130

struct input {
	const uint8_t *p, *end;
	int tables;
};

static unsigned take(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static int must_not_run(lua_State *L)
{
	(void)L;
	fuzz_broken("no metamethod runs", __FILE__, __LINE__);
	return 0;
}

static void push_number(lua_State *L, struct input *in)
{
	uint64_t bits = 0;
	double d;
	int i;

	for (i = 0; i < 8; i++)
		bits = bits << 8 | take(in);
	memcpy(&d, &bits, sizeof(d));
	if (bits & 1)
		lua_pushnumber(L, d);
	else
		lua_pushinteger(L, (lua_Integer)bits);
}

static void push_text(lua_State *L, struct input *in)
{
	size_t n = take(in) % 12;

	if (n > (size_t)(in->end - in->p))
		n = (size_t)(in->end - in->p);
	lua_pushlstring(L, (const char *)in->p, n);
	in->p += n;
}

static void set_hostile(lua_State *L)
{
	static const char *const events[] = {
		"__index", "__len", "__pairs", "__eq", "__lt", "__tostring",
		"__newindex", "__call", "__name",
	};
	size_t i;

	lua_newtable(L);
	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		lua_pushcfunction(L, must_not_run);
		lua_setfield(L, -2, events[i]);
	}
	lua_setmetatable(L, -2);
}

static void push_value(lua_State *L, struct input *in, int depth)
{
	unsigned kind = take(in), n;
	lua_Integer i;

	luaL_checkstack(L, 10, NULL);
	switch (depth > DEEPEST || in->tables > 2000 ? kind % 7 : kind % 14) {
	case 0: lua_pushnil(L); return;
	case 1: lua_pushboolean(L, (int)take(in) & 1); return;
	case 2: lua_pushinteger(L, (int)take(in) - 100); return;
	case 3: push_number(L, in); return;
	case 4: push_text(L, in); return;
	case 5: lua_pushlightuserdata(L, take(in) % 8 ? NULL : in); return;
	case 6:
		if (take(in) % 4 == 0)
			lua_pushcfunction(L, must_not_run);
		else
			lua_pushnumber(L, 1.0);
		return;
	}
	in->tables++;
	lua_newtable(L);
	n = kind % 14 == 13 ? 1 : take(in) % 6;
	for (i = 1; i <= (lua_Integer)n; i++) {
		if (kind % 14 >= 9 && kind % 14 < 13) {
			push_text(L, in);
			push_value(L, in, depth + 1);
			lua_rawset(L, -3);
		} else {
			push_value(L, in, depth + 1);
			lua_rawseti(L, -2, i);
		}
	}
	if (kind >= 240) {
		set_hostile(L);
	} else if (kind >= 230) {	/* a cycle */
		lua_pushvalue(L, -1);
		lua_rawseti(L, -2, 1);
	} else if (kind >= 220) {
		bind_array_mark(L);
		lua_setmetatable(L, -2);
	}
}

static int make(lua_State *L)
{
	push_value(L, lua_touserdata(L, 1), 0);
	return 1;
}

struct bytes {
	const void *p;
	size_t n;
	int rc;
};

static int decode(lua_State *L)
{
	struct bytes *b = lua_touserdata(L, 1);

	b->rc = bind_decode(L, b->p, b->n);
	return b->rc == 0;
}

/* What came back from bytes makes the same bytes. */
static void there_and_back(struct sandbox *s, const void *p, size_t n)
{
	struct bytes b = { p, n, 0 };
	lua_State *L = sandbox_state(s);
	struct buf again;
	struct err e;

	buf_init(&again, CODEC_BYTES);
	if (sandbox_push(s, L, decode, &b, 1, &e) != 0) {
		expect(sandbox_dead(s) == SANDBOX_MEMORY ||
		       strstr(e.msg, "overflow") != NULL);
		buf_release(&again);
		return;
	}
	expect((b.rc == 0) == (codec_check(p, n) == 0));
	if (b.rc == 0 && bind_encode(L, -1, &again, &e) == 0)
		expect(again.len == n && memcmp(again.data, p, n) == 0);
	else if (b.rc == 0)	/* bytes may be deeper than a value of a run */
		expect(e.code == ERR_LIMIT || strstr(e.msg, "deep") != NULL);
	lua_settop(L, 0);
	buf_release(&again);
}

static void out_and_in(struct sandbox *s, struct input *in)
{
	lua_State *L = sandbox_state(s);
	struct buf out, text, back;
	struct err e = { 0 };
	int rc, top;

	if (sandbox_push(s, L, make, in, 1, &e) != 0) {
		expect(sandbox_dead(s) != SANDBOX_ALIVE);
		return;
	}
	buf_init(&out, CODEC_BYTES);
	buf_init(&text, CODEC_BYTES);
	buf_init(&back, CODEC_BYTES);
	buf_byte(&out, 'x');	/* what stood there before stays */
	top = lua_gettop(L);
	rc = bind_encode(L, -1, &out, &e);
	expect(lua_gettop(L) == top && out.data[0] == 'x');
	if (rc != 0) {
		expect(out.len == 1 && e.msg[0] != 0 && strchr(e.msg, '\n') == NULL);
		expect(codec_utf8((const unsigned char *)e.msg, strlen(e.msg)));
	} else {
		expect(codec_check(out.data + 1, out.len - 1) == 0);
		expect(json_write(out.data + 1, out.len - 1, 0, &text, &e) == 0);
		expect(json_read((char *)text.data, text.len, &back, &e) == 0);
		expect(back.len == out.len - 1 &&
		       memcmp(back.data, out.data + 1, back.len) == 0);
		there_and_back(s, out.data + 1, out.len - 1);
	}
	buf_release(&out);
	buf_release(&text);
	buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sandbox_caps caps = { .instructions = 1000000, .memory_bytes = 1 << 20, .seed = 1 };
	struct input in = { p + (n > 0), p + n, 0 };
	struct sandbox *s;
	struct err e;

	expect(sandbox_open(&s, &caps, &e) == 0);
	if (n > 0 && p[0] % 3 == 0)
		there_and_back(s, p + 1, n - 1);
	else
		out_and_in(s, &in);
	sandbox_close(s);
	return 0;
}
