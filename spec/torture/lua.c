/* lua.c -- scenarios at the Lua border, in a trusted state: each is a chunk that is
 * given what it needs, so that only the work itself is counted. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "torture.h"

/* setup returns the function that works and, if it likes, one that checks. What
 * works returns true, or nil and what failed; wrong results raise. */
static const char encode[] =
"local json = require 'json'\n"
"local value = { list = { 1, 2.5, 'three', json.null, {}, json.array {} } }\n"
"for i = 1, 60 do value['key' .. i] = { n = i, text = ('x'):rep(i) } end\n"
"return function() return json.pack(value) end, function()\n"
"  assert(#json.pack(value) == #json.pack(json.unpack(json.pack(value)))) end\n";

static const char decode[] =
"local json = require 'json'\n"
"local value = { list = { 1, 2.5, 'three', json.null, {}, json.array {} } }\n"
"for i = 1, 60 do value['key' .. i] = { n = i, text = ('x'):rep(i) } end\n"
"local bytes = json.pack(value)\n"
"return function() return json.unpack(bytes) end, function()\n"
"  assert(json.pack(json.unpack(bytes)) == bytes) end\n";

static const char json_text[] =
"local json = require 'json'\n"
"local text = '{\"b\":[1,2,3,{\"c\":\"\\\\u00e9\\\\n\"}],\"a\":{},\"n\":12345678901234567890}'\n"
"return function()\n"
"  local value, message = json.decode(text)\n"
"  if not value then return nil, message end\n"
"  return json.encode(value, 2)\n"
"end, function() assert(json.decode(text).b[4].c == '\\u{e9}\\n') end\n";

static const char refused[] =
"local json = require 'json'\n"
"local deep = {} ; deep.x = { deep }\n"
"return function()\n"
"  local value, message = json.encode(deep)\n"
"  if not value and not message:find 'too deep' then return nil, message end\n"
"  value, message = json.decode '[1,'\n"
"  if not value and not message:find 'line 1' then return nil, message end\n"
"  value, message = json.pack { [{}] = 1 }\n"
"  if not value and not message:find 'key' then return nil, message end\n"
"  return true\n"
"end\n";

static const char store[] =
"local store = require 'store'\n"
"local s = assert(store.open ':memory:')\n"
"local n = 0\n"
"return function()\n"
"  n = n + 1\n"
"  local tx = s:tx()\n"
"  tx:add('record.put', { type = 't', key = 'k', value_json = { n = n }, now = n })\n"
"  tx:add('record.put', { type = 't', key = 'l', value_json = { n = n }, now = n })\n"
"  local ok, message = s:commit(tx)\n"
"  if not ok then return nil, message end\n"
"  return s:read('record.find', { type = 't', limit = 10 })\n"
"end, function()\n"
"  local rows = assert(s:read('record.find', { type = 't', limit = 10 }))\n"
"  assert(#rows == 0 or #rows == 2 and rows[1].value.n == rows[2].value.n, 'half a commit')\n"
"end, function() s:close() end\n";

static const char memory[] =
"local m = assert(require('memory').open(':memory:', { ns = 'a', clock = function() return 5 end }))\n"
"local n = 0\n"
"return function()\n"
"  n = n + 1\n"
"  local ok, message = m:remember_all { { key = 'k', text = 'the price is ' .. n, tags = { 't' } },\n"
"    { text = 'a garden with trees ' .. n, value = { n = n, s = 'x' }, session = 's' } }\n"
"  if not ok then return nil, message end\n"
"  local hits\n"
"  hits, message = m:search { query = 'what was bought for the garden', where = { value = { s = 'x' } }, allow = { 'note/*' } }\n"
"  if not hits then return nil, message end\n"
"  ok, message = m:forget { session = 's' }\n"
"  if not ok then return nil, message end\n"
"  ok, message = m.half:compact(0, 10)\n"
"  if not ok then return nil, message end\n"
"  return true\n"
"end, function()\n"
"  for part, bad in pairs(m.store:read('memory.check', {})[1]) do assert(bad == 0, part) end\n"
"  for _, hit in ipairs(assert(m:search { query = 'garden', distinct = false, k = 100 })) do\n"
"    assert(m:get { id = hit.id }, 'found, and not there') end\n"
"end, function() m:close() end\n";

/* A row that is reserved still is one whose end was not told: what counts is that the
 * sums are those of the rows, whatever of a group was made. */
static const char ledger[] =
"local core = require 'core.budget'\n"
"local s = assert(require('store').open ':memory:')\n"
"local books = assert(require('budget').open { store = s, now = function() return 5 end, limits = { day_picousd = 10 ^ 15 // 1 | 0 } })\n"
"local n = 0\n"
"return function()\n"
"  n = n + 1\n"
"  local held, message = books:reserve { agent = 'a', run = 'r' .. n % 3, money = 100, tokens = 5, deadline = 0 }\n"
"  if not held then return nil, message end\n"
"  local ok\n"
"  ok, message = books:settle(held, { cost = 40, input = 2, output = 1, request_id = 'x' })\n"
"  if not ok then return nil, message end\n"
"  local tx, lines = s:tx(), { { scope = 'engine', window = 'day', start = 0 } }\n"
"  core.reserve(tx, { key = 'adv' .. n, money = 500, tokens = 50, calls = 5, now = 5, lines = lines })\n"
"  core.reserve(tx, { key = 'one' .. n, advance = 'adv' .. n, money = 100, tokens = 10, calls = 1, now = 5 })\n"
"  core.settle(tx, { key = 'one' .. n, state = 'estimated', now = 6 })\n"
"  core.settle(tx, { key = 'adv' .. n, state = 'released', now = 6 })\n"
"  ok, message = s:commit(tx)\n"
"  if not ok then return nil, message end\n"
"  tx = s:tx()\n"
"  core.settle(tx, { key = 'one' .. n, state = 'settled', late = true, cost = 7, now = 7 })\n"
"  return s:commit(tx)\n"
"end, function()\n"
"  local wrong = assert(s:read('budget.check', {}))\n"
"  assert(#wrong == 0, 'sums are not those of the rows')\n"
"end, function() s:close() end\n";

static const char checkpoint[] =
"local c = assert(require('checkpoint').open ':memory:')\n"
"local calls = {}\n"
"local function work(step)\n"
"  local sum = 0\n"
"  for i = 1, 3 do\n"
"    sum = sum + step('step ' .. i, function() calls[i] = (calls[i] or 0) + 1; return i end)\n"
"  end\n"
"  return sum\n"
"end\n"
"return function() return c:run('work', work) end, function()\n"
"  for _, row in ipairs(assert(c:log 'work' or {})) do calls[row.seq] = calls[row.seq] - 1 end\n"
"  local sum, message = c:run('work', work)\n"
"  assert(sum == 6, message)\n"
"  for i = 1, 3 do assert(calls[i] <= 2, 'a recorded step was done again') end\n"
"end, function() c:close() end\n";

static const char play[] =
"local play = require('core.run').play\n"
"local job = { instructions = 1000000, memory = 4000000, sources = { { name = 'agent',\n"
"  file = 'agents/small.lua', text = [[\n"
"    local seen = {}\n"
"    for word in ('the quick brown fox'):gmatch '%a+' do seen[#seen + 1] = word:upper() end\n"
"    return { words = copy(seen), n = #seen, nested = { { 1.5 }, {} } }\n"
"  ]] } }, setup = { input = { 1, 2 } }, prelude = [[\n"
"    local core, setup = ...\n"
"    return function()\n"
"      local env = core.environment()\n"
"      env.copy = core.copy\n"
"      local answer\n"
"      local f = core.spawn(function() answer = core.load('agent', env)() end)\n"
"      core.join(f)\n"
"      answer.input = setup.input\n"
"      return answer\n"
"    end]] }\n"
"return function()\n"
"  local ok, value, code = play(job)\n"
"  if ok then return value end\n"
"  return nil, type(value) == 'table' and value.message or value\n"
"end, function()\n"
"  local ok, value = play(job)\n"
"  assert(ok and value.n == 4 and value.words[4] == 'FOX' and value.input[2] == 2)\n"
"end\n";

/* ---- the world of a chunk ------------------------------------------------------ */

/* On the stack of L: what works, what checks, what closes. */
static void *open_chunk(const char *text)
{
	lua_State *L = host_open();

	if (L == NULL)
		return NULL;
	if (luaL_dostring(L, text) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		host_close(L);
		return NULL;
	}
	lua_settop(L, 3);
	return L;
}

static int say(lua_State *L, int idx, char *why, size_t cap)
{
	snprintf(why, cap, "%s", lua_type(L, idx) == LUA_TSTRING
		 ? lua_tostring(L, idx) : "an error that is no text");
	return -1;
}

static int act(void *world, char *why, size_t cap)
{
	lua_State *L = world;
	int rc = 0;

	lua_pushvalue(L, 1);
	if (lua_pcall(L, 0, 2, 0) != LUA_OK)
		rc = say(L, -1, why, cap);
	else if (!lua_toboolean(L, -2))
		rc = say(L, -1, why, cap);
	lua_settop(L, 3);
	return rc;
}

static int check(void *world, char *why, size_t cap)
{
	lua_State *L = world;
	int rc = 0;

	if (lua_isnil(L, 2))
		return 0;
	lua_pushvalue(L, 2);
	if (lua_pcall(L, 0, 0, 0) != LUA_OK)
		rc = say(L, -1, why, cap);
	lua_settop(L, 3);
	return rc;
}

static void close_chunk(void *world)
{
	lua_State *L = world;

	lua_settop(L, 3);
	if (!lua_isnil(L, 3) && lua_pcall(L, 0, 0, 0) != LUA_OK)
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
	host_close(L);
}

#define CHUNK(name) static void *open_##name(void) { return open_chunk(name); }
CHUNK(encode)
CHUNK(decode)
CHUNK(json_text)
CHUNK(refused)
CHUNK(store)
CHUNK(checkpoint)
CHUNK(memory)
CHUNK(ledger)
CHUNK(play)

const struct scenario lua_scenarios[] = {
	{ "encode", open_encode, act, check, close_chunk },
	{ "decode", open_decode, act, check, close_chunk },
	{ "json", open_json_text, act, check, close_chunk },
	{ "refused", open_refused, act, check, close_chunk },
	{ "store", open_store, act, check, close_chunk },
	{ "checkpoint", open_checkpoint, act, check, close_chunk },
	{ "memory", open_memory, act, check, close_chunk },
	{ "ledger", open_ledger, act, check, close_chunk },
	{ "play", open_play, act, check, close_chunk },
	{ NULL, NULL, NULL, NULL, NULL }
};
