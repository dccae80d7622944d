/* frontier.c -- scenarios over the sandbox: whatever allocation fails while a script
 * runs, is compiled, or hands over a value, the run goes on as if nothing had been, or
 * is dead of memory. No pcall of the script may see it, no other end is right. */
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "sandbox.h"
#include "torture.h"

/* Each ends with "good", or raises. */
static const char coroutines[] =
"local function numbers(n)\n"
"  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, ('x'):rep(i)) end end)\n"
"end\n"
"local sum = 0\n"
"for i, text in numbers(20) do sum = sum + i + #text end\n"
"assert(sum == 420)\n"
"local co = coroutine.create(function(...)\n"
"  local ok, a = pcall(function(...) return coroutine.yield({ ... }) end, ...)\n"
"  local inner = coroutine.create(function() error { coroutine.yield(a) } end)\n"
"  coroutine.resume(inner); return coroutine.resume(inner, ok)\n"
"end)\n"
"local ok, got = coroutine.resume(co, 1, 2, 3); assert(ok and #got == 3)\n"
"local yes, no, err = coroutine.resume(co, 'a'); assert(yes and no == false and err[1] == true)\n"
"assert(coroutine.status(co) == 'dead' and coroutine.close(co))\n"
"return 'good'\n";

static const char closing[] =
"local log = {}\n"
"local function closer(name) return setmetatable({}, { __close = function(_, e)\n"
"  log[#log + 1] = name .. ':' .. tostring(e and e.text or e); if name == 'b' then error { text = 'b' .. #log } end end }) end\n"
"local ok, e = pcall(function()\n"
"  local a <close> = closer 'a'\n"
"  local b <close> = closer 'b'\n"
"  local c <close> = closer 'c'\n"
"  error { text = 'first' }\n"
"end)\n"
"assert(not ok and e.text == 'b2' and table.concat(log, ' ') == 'c:first b:first a:b2')\n"
"local co = coroutine.create(function() local d <close> = closer 'd'; coroutine.yield() end)\n"
"coroutine.resume(co)\n"
"assert(coroutine.close(co) and log[4] == 'd:nil')\n"
"return 'good'\n";

static const char patterns[] =
"local text = ('key%d=value;'):rep(20):gsub('%%d', '7')\n"
"local seen = {}\n"
"for k, v in text:gmatch '(%w+)=(%w+)' do seen[#seen + 1] = k .. v end\n"
"assert(#seen == 20 and seen[20] == 'key7value')\n"
"local out, n = text:gsub('%w+', function(w) local ok, up = pcall(string.upper, w); return ok and up .. #seen end)\n"
"assert(n == 40 and out:sub(1, 6) == 'KEY720')\n"
"assert(text:gsub('%w+', { key7 = 'k', value = setmetatable({}, {}) and 'v' }):sub(1, 4) == 'k=v;')\n"
"assert(text:find('value;', 1, true) == 6 and #text:rep(10, '|') == #text * 10 + 9)\n"
"return 'good'\n";

static const char sorting[] =
"local list = {}\n"
"for i = 1, 60 do list[i] = { n = (i * 37) % 61, at = i, text = tostring(i) } end\n"
"table.sort(list, function(a, b) local ok, less = pcall(function() return a.n < b.n end); return ok and less end)\n"
"for i = 2, 60 do assert(list[i - 1].n < list[i].n) end\n"
"local texts = {}\n"
"for i, one in ipairs(list) do table.insert(texts, 1, one.text) end\n"
"table.sort(texts)\n"
"assert(#table.concat(texts, ', ') > 200 and select('#', table.unpack(texts)) == 60)\n"
"assert(#table.move(texts, 1, 60, 30, {}) >= 0 and table.remove(texts) and table.pack(table.unpack(texts)).n == 59)\n"
"return 'good'\n";

static const char texts[] =
"local all = {}\n"
"for i = 1, 30 do all[i] = ('%5d %-10s %q %g %x'):format(i, ('y'):rep(i % 9), 'a\\n' .. i, i / 3, i) end\n"
"local joined = table.concat(all, '\\n')\n"
"assert(#joined > 800 and #joined:upper():lower():reverse() == #joined)\n"
"local bytes = string.pack('<i4 s2 z d', 7, joined:sub(1, 300), 'zero', 1.5)\n"
"local n, s, z, d = string.unpack('<i4 s2 z d', bytes)\n"
"assert(n == 7 and #s == 300 and z == 'zero' and d == 1.5)\n"
"local u = utf8.char(228, 8364, 128512):rep(40)\n"
"assert(utf8.len(u) == 120 and utf8.codepoint(u, -4) == 128512)\n"
"assert(('a'):rep(1000) .. 1 .. 2.5 == ('a'):rep(1000) .. '12.5')\n"
"return 'good'\n";

static const char errors[] =
"local handled = 0\n"
"local function deep(n) if n == 0 then error { 'deep' } end; return (deep(n - 1)) end\n"
"for i = 1, 5 do\n"
"  local ok, e = xpcall(deep, function(m) handled = handled + 1; return { m, ('h'):rep(100) } end, i * 10)\n"
"  assert(not ok and e[1][1] == 'deep')\n"
"end\n"
"local ok, e = pcall(function() local t = setmetatable({}, { __index = function(_, k) error('no ' .. k) end }); return t.field end)\n"
"assert(not ok and e:find 'no field' and handled == 5)\n"
"ok, e = pcall(function() return nil .. 'x' end)\n"
"assert(not ok and e:find 'concatenate')\n"
"assert(select('#', pcall(error)) == 2)\n"
"return 'good'\n";

static const char tables[] =
"local t = setmetatable({}, { __index = function(s, k) rawset(s, k, { k }); return s[k] end })\n"
"for i = 1, 200 do local v = t[i % 2 == 0 and i or 'k' .. i]; assert(v[1]) end\n"
"local n = 0\n"
"for k, v in pairs(t) do n = n + 1; t[k] = nil end\n"
"assert(n == 200 and next(t) == nil)\n"
"local big = {}\n"
"for i = 1, 300 do big[i] = i end\n"
"for i = 1, 300 do big['x' .. i % 50] = { i } end\n"
"assert(#big == 300)\n"
"return 'good'\n";

struct world {
	const char *text;
	int64_t slice;
	bool wrong;
	char why[300];
};

static int say(struct world *w, const char *why, char *out, size_t cap)
{
	snprintf(out, cap, "%s", why);
	if (!w->wrong)
		snprintf(w->why, sizeof(w->why), "%s", why);
	w->wrong = true;
	return -1;
}

/* It may only have died of memory. */
static int ended(struct world *w, struct sandbox *s, const char *how, char *out,
		 size_t cap)
{
	struct err e;

	if (sandbox_dead(s) != SANDBOX_MEMORY)
		return say(w, how, out, cap);
	snprintf(out, cap, "out of memory");
	if (sandbox_load(s, "return", 6, "@again", &e) != ERR_LIMIT)
		return say(w, "a dead run compiles", out, cap);
	return -1;
}

static int run_text(struct world *w, struct sandbox *s, char *out, size_t cap)
{
	lua_State *co = NULL;
	char text[300];
	struct err e;
	int n = 0, rc;

	rc = sandbox_load(s, w->text, strlen(w->text), "@script", &e);
	if (rc == 0)
		rc = sandbox_thread(s, &co, &e);
	if (rc != 0)
		return ended(w, s, e.msg, out, cap);
	sandbox_set_slice(s, w->slice);
	while ((rc = sandbox_resume(s, co, 0, &n)) == SANDBOX_PREEMPTED)
		;
	if (rc == LUA_OK && n == 1 && lua_type(co, -1) == LUA_TSTRING &&
	    strcmp(lua_tostring(co, -1), "good") == 0)
		return TORTURE_DONE;
	sandbox_error_text(co, -1, text, sizeof(text));
	return ended(w, s, text, out, cap);
}

static int act_script(void *world, char *why, size_t cap)
{
	struct sandbox_caps caps = { .instructions = 50000000, .memory_bytes = 8 << 20, .seed = 7 };
	struct sandbox *s = NULL;
	struct world *w = world;
	struct err e;
	int rc;

	if (sandbox_open(&s, &caps, &e) != 0) {
		snprintf(why, cap, "%s", e.msg);
		return e.code == ERR_NOMEM ? -1 : say(w, e.msg, why, cap);
	}
	rc = run_text(w, s, why, cap);
	sandbox_close(s);
	return rc;
}

static int check_world(void *world, char *why, size_t cap)
{
	struct world *w = world;

	if (w->wrong)
		snprintf(why, cap, "another end: %s", w->why);
	return w->wrong ? -1 : 0;
}

static void *open_text(const char *text, int64_t slice)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w != NULL) {
		w->text = text;
		w->slice = slice;
	}
	return w;
}

#define SCRIPT(name) \
	static void *open_##name(void) { return open_text(name, 0); } \
	static void *open_##name##_sliced(void) { return open_text(name, 7); }
SCRIPT(coroutines)
SCRIPT(closing)
SCRIPT(patterns)
SCRIPT(sorting)
SCRIPT(texts)
SCRIPT(errors)
SCRIPT(tables)

/* ---- values over the border ------------------------------------------------------ */

struct bytes {
	const void *p;
	size_t n;
};

static int decode(lua_State *L)
{
	struct bytes *b = lua_touserdata(L, 1);

	return bind_decode(L, b->p, b->n) == 0;
}

static int make_cycle(lua_State *L)
{
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "self");
	return 1;
}

/* A value goes in, comes out as the same bytes; a cycle is refused; an error value
 * is told as text. */
static int cross(struct world *w, struct sandbox *s, struct buf *in,
		 struct buf *out, char *why, size_t cap)
{
	struct bytes b = { in->data, in->len };
	lua_State *L = sandbox_state(s);
	char text[100];
	struct err e;

	if (sandbox_push(s, L, decode, &b, 1, &e) != 0)
		return ended(w, s, e.msg, why, cap);
	if (bind_encode(L, -1, out, &e) != 0) {
		snprintf(why, cap, "%s", e.msg);
		return e.code == ERR_NOMEM ? -1 : say(w, e.msg, why, cap);
	}
	if (out->len != in->len || memcmp(out->data, in->data, in->len) != 0)
		return say(w, "other bytes came out", why, cap);
	sandbox_error_text(L, -1, text, sizeof(text));
	if (strcmp(text, "(error value is a table)") != 0)
		return say(w, text, why, cap);
	if (sandbox_push(s, L, make_cycle, NULL, 1, &e) != 0)
		return ended(w, s, e.msg, why, cap);
	out->len = 0;
	if (bind_encode(L, -1, out, &e) == 0)
		return say(w, "a cycle was kept", why, cap);
	snprintf(why, cap, "%s", e.msg);
	return e.code == ERR_NOMEM ? -1
	     : strstr(e.msg, "deep") != NULL ? TORTURE_DONE : say(w, e.msg, why, cap);
}

static void build(struct buf *b, int depth)
{
	int i;

	if (depth == 0) {
		codec_string(b, "leaf", 4);
		return;
	}
	codec_object(b, 40);
	for (i = 10; i < 50; i++) {
		char key[8];

		snprintf(key, sizeof(key), "k%d", i);
		codec_key(b, key, 3);
		if (i == 20)
			build(b, depth - 1);
		else if (i == 30)
			codec_array(b, 0);
		else
			codec_int(b, i);
	}
}

static int act_border(void *world, char *why, size_t cap)
{
	struct sandbox_caps caps = { .memory_bytes = 8 << 20, .seed = 7 };
	struct sandbox *s = NULL;
	struct world *w = world;
	struct buf in, out;
	struct err e;
	int rc;

	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	build(&in, 5);
	rc = buf_err(&in, &e, "value");
	if (rc == 0)
		rc = sandbox_open(&s, &caps, &e);
	if (rc != 0)
		snprintf(why, cap, "%s", e.msg);
	else
		rc = cross(w, s, &in, &out, why, cap);
	sandbox_close(s);
	buf_release(&in);
	buf_release(&out);
	return rc;
}

static void *open_border(void)
{
	return open_text(NULL, 0);
}

/* ---- the command ------------------------------------------------------------------ */

static void *open_command(void)
{
	struct world *w = open_text(NULL, 0);
	int fd;

	if (w == NULL)
		return NULL;
	snprintf(w->why, sizeof(w->why), "/tmp/keel-torture-XXXXXX");
	fd = mkstemp(w->why);
	if (fd < 0 || write(fd, closing, sizeof(closing) - 1) < 0)
		w->wrong = true;
	if (fd >= 0)
		close(fd);
	return w;
}

/* Its lines go nowhere; what it says with its status is what counts. */
static int act_command(void *world, char *why, size_t cap)
{
	struct world *w = world;
	char name[] = "sandbox", runs[] = "--runs=2", json[] = "--json";
	char *argv[] = { name, runs, json, w->why, NULL };
	int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY), rc;

	fflush(stdout);
	dup2(null, 1);
	dup2(null, 2);
	rc = sandbox_main(4, argv);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(null);
	snprintf(why, cap, "status %d", rc);
	if (rc != 0 && rc != 2 && rc != 4)
		w->wrong = true;
	return rc;
}

static int check_command(void *world, char *why, size_t cap)
{
	struct world *w = world;

	unlink(w->why);
	if (w->wrong)
		snprintf(why, cap, "a status of an error, not of memory");
	return w->wrong ? -1 : 0;
}

#define ROW(name) \
	{ #name, open_##name, act_script, check_world, free }, \
	{ #name "-sliced", open_##name##_sliced, act_script, check_world, free }

const struct scenario frontier_scenarios[] = {
	ROW(coroutines),
	ROW(closing),
	ROW(patterns),
	ROW(sorting),
	ROW(texts),
	ROW(errors),
	ROW(tables),
	{ "border", open_border, act_border, check_world, free },
	{ "command", open_command, act_command, check_command, free },
	{ NULL, NULL, NULL, NULL, NULL }
};
