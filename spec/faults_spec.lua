local file = require "file"
local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"
local http = require "http"
local json = require "json"
local loop = require "loop"
local model = require "model"
local program = require "spec.support.program"
local store = require "store"

-- The address sanitizer takes more of everything.
local watched = file.read("/proc/self/maps"):find "libasan" ~= nil

-- What becomes of each fault of spec/support/fault_server.lua: "ok", or the code of the
-- failure, or a table of these by "API MODE", MODE, API, else [1]. `requests` is how many
-- were sent when one of two attempts is not it, `waits` what was waited between them,
-- `text` the answer's when it is not the usual, `stop` its end.
local silent = { ["openai stream"] = "", ["ollama stream"] = "" }
local expected = {
  -- statuses
  status_400 = "invalid_request", status_401 = "auth", status_403 = "auth", status_404 = "invalid_request",
  status_408 = { "timeout", requests = 2 }, status_409 = { "server_error", requests = 2 }, status_413 = "context_length",
  status_422 = "invalid_request", status_429 = { "rate_limited", requests = 2 }, status_500 = { "server_error", requests = 2 },
  status_502 = { "server_error", requests = 2 }, status_503 = { "overloaded", requests = 2 },
  status_504 = { "timeout", requests = 2 }, status_529 = { "overloaded", requests = 2 },
  retry_after_seconds = { "ok", requests = 2, waits = 2000 }, retry_after_fraction = { "ok", requests = 2, waits = 1500 },
  retry_after_ms = { "ok", requests = 2, waits = 30 }, retry_after_both = { "ok", requests = 2, waits = 40 },
  retry_after_zero = { "ok", requests = 2, waits = 0 }, retry_after_past = { "ok", requests = 2, waits = 0 },
  retry_after_garbage = { "ok", requests = 2, waits = 1 }, retry_after_negative = { "ok", requests = 2, waits = 1 },
  retry_after_empty = { "ok", requests = 2, waits = 1 }, retry_after_endless = { "ok", requests = 2, waits = 1 },
  retry_after_date = { "ok", requests = 2 }, retry_after_long = { "rate_limited", requests = 1 },
  once_503 = { "ok", requests = 2, waits = 1 }, should_retry = { "ok", requests = 2 },
  should_not_retry = { "server_error", requests = 1 }, rate_headers = "ok", quota = "quota", context = "context_length",
  context_words = "context_length", filter_400 = { "invalid_request", openai = "content_filter" },
  html_502 = { "server_error", requests = 2 }, html_403 = "auth", empty_500 = { "server_error", requests = 2 },
  array_500 = { "server_error", requests = 2 }, null_400 = "invalid_request", error_null_400 = "invalid_request",
  error_number_400 = "invalid_request", error_list_400 = "invalid_request", error_odd_400 = "invalid_request",
  broken_json_500 = { "server_error", requests = 2 }, invalid_utf8_500 = { "server_error", requests = 2 },
  control_500 = { "server_error", requests = 2 }, long_message_400 = "invalid_request",
  redirect_301 = "bad_response", redirect_302 = "bad_response", redirect_307 = "bad_response", redirect_308 = "bad_response",
  redirect_loop = "bad_response", secret_401 = "auth", secret_500 = { "server_error", requests = 2 },
  secret_in_200 = { "server_error", anthropic = "invalid_request" },
  -- bodies
  html_200 = "bad_response", html_200_as_json = "bad_response", empty_200 = "bad_response", wrong_type = "bad_response",
  truncated_json = "bad_response", trailing_json = "bad_response", number_200 = "bad_response", null_200 = "bad_response",
  text_200 = "bad_response", array_200 = "bad_response", object_200 = "bad_response", deep = "bad_response",
  deep_closed = "bad_response", twice_a_key = "bad_response", lone_surrogate = "bad_response", bom_json = "bad_response",
  invalid_utf8 = "bad_response", overlong_utf8 = "bad_response", huge_number = "ok", stuffed = "ok",
  overstuffed = "too_large", big_body = "too_large", endless_line = "too_large", endless_event = "too_large",
  endless_comments = "too_large", endless_text = "too_large",
  lists = "bad_response", objects = "bad_response", numbers = "bad_response", long_text = "content_filter",
  -- transport
  reset = { "connection_lost", requests = 2 }, fin = { "connection_lost", requests = 2 }, reset_once = { "ok", requests = 2 },
  fin_in_status_line = { "connection_lost", requests = 2 }, reset_in_head = { "connection_lost", stream = "stream_cut" },
  fin_in_head = "bad_response", reset_in_body = { "connection_lost", stream = "stream_cut" },
  cut = { "connection_lost", stream = "stream_cut" }, hang = "timeout", stall = { "timeout", stream = "stream_cut" },
  stall_in_head = { "timeout", stream = "stream_cut" }, not_http = "bad_response", bad_status_line = "bad_response",
  endless_head = "too_large", one_long_header = "too_large", length_longer = { "connection_lost", stream = "ok" },
  length_shorter = { "bad_response", stream = "stream_cut" }, length_negative = "bad_response", chunked = "ok",
  chunked_no_end = { "connection_lost", stream = "ok" }, chunked_bad_size = { "connection_lost", stream = "ok" }, no_length = "ok",
  http_1_0 = "ok", interim = "ok", connection_close = "ok", slow_first = "ok", open_end = { "timeout", stream = "ok" }, drip = "ok", dies_next = { "ok", requests = 2 },
  status_204 = "bad_response", status_299 = { "ok", stream = "bad_response" },
  gzip = "ok", gzip_broken = { "bad_response" }, gzip_cut = { "bad_response", stream = "stream_cut" },
  gzip_bomb = "too_large", encoding_unknown = "bad_response",
  -- what an answer says
  excess_output = "ok", excess_all = "ok", length = { "ok", stop = "length" },
  filtered = { "content_filter", ollama = "ok" }, refusal = { "content_filter", ollama = "ok" }, refusal_empty = "ok",
  no_schemas = { "ok", text = { whole = '{"n":1}' } },
  refusal_odd = { "content_filter", ollama = "ok" }, model_odd = "ok", model_long = "ok", request_id_secret = "ok", request_id_long = "ok",
  request_id_odd = "ok", header_of_spaces = "ok", many_headers = "ok", secret_flood = "auth",
  content_type_odd = "bad_response", content_type_none = { "ok", stream = "bad_response" },
  usage_then_cut = { "ok", ["ollama whole"] = "bad_response", stream = "stream_cut" },
  finish_unknown = { "ok", anthropic = "bad_response" },
  finish_error = { "ok", openai = "server_error", anthropic = "bad_response" },
  pause = { "ok", ["anthropic whole"] = "ok", stop = { anthropic = "paused" } },
  window = { "ok", stop = { anthropic = "length" } },
  null_content = { "bad_response", stream = "ok", text = silent }, number_content = { "bad_response", stream = "ok", text = silent },
  parts = { "ok", ["ollama whole"] = "bad_response", text = { ["ollama stream"] = "" } },
  odd_parts = { "bad_response", stream = "ok", text = silent },
  empty_choices = { "ok", ["openai whole"] = "bad_response", ["openai stream"] = "stream_cut" },
  two_choices = "ok", more_fields = "ok", null_fields = "ok",
  -- usage: what is not known is estimated, and that is told by the books below
  usage_missing = "ok", usage_null = "ok", usage_text = "ok", usage_list = "ok", usage_negative = "ok", usage_negative_output = "ok",
  usage_huge = "ok", usage_beyond = "ok", usage_float = "ok", usage_string = "ok", usage_half = "ok", usage_other_half = "ok",
  usage_zero = "ok", usage_zero_output = "ok", usage_cached_over = "ok", usage_plain = "ok", usage_nulls = "ok", usage_thought = "ok",
  usage_total_less = "ok", usage_split_short = "ok", usage_every = "ok", usage_before_finish = "ok", usage_in_finish = "ok",
  -- streams
  done_missing = { "ok", anthropic = "ok", ollama = "bad_response", ["anthropic stream"] = "stream_cut", ["ollama stream"] = "stream_cut" },
  finish_missing = { "ok", ["ollama whole"] = "bad_response", stream = "stream_cut" },
  done_without_finish = { "ok", ["openai stream"] = "stream_cut", ["anthropic stream"] = "bad_response" },
  ping = "ok", unknown_event = "ok", numbers_as_types = "ok", error_inside = "server_error",
  error_overloaded = { "overloaded", ollama = "server_error" }, crlf = "ok", cr = "ok", mixed_ends = "ok", bom = "ok", comments = "ok",
  many_data_lines = "ok", no_space = "ok", more_sse_fields = "ok", no_event_names = "ok",
  last_line_open = { "ok", ["anthropic stream"] = "stream_cut" }, each_byte_a_chunk = "ok",
  -- calls of tools
  tool = "ok", tool_no_arguments = "ok", tool_broken = { "bad_response", requests = 3 },
  tool_not_an_object = { "bad_response", requests = 3 },
  tool_unknown = { "bad_response", requests = 3 }, tool_misfit = { "bad_response", requests = 3 }, tool_same_ids = "ok", tool_no_id = "ok",
  tool_no_name = { "bad_response", requests = 3 }, tool_cut = "bad_response", tool_heavy = "too_large", tool_hidden = "ok",
  tool_none = { "ok", anthropic = "ok" },
}

-- $1, $2, cached $0.10, written $1.25 a million
local price = { input_picousd = 1000000, output_picousd = 2000000, cached_picousd = 100000, written_picousd = 1250000,
  written_1h_picousd = 1250000 }
-- What takes long and is the same for all is played once each way.
local long = { overstuffed = true, big_body = true, endless_line = true, endless_event = true, endless_comments = true, endless_text = true,
  tool_heavy = true, lists = true, objects = true, numbers = true, long_text = true, gzip_bomb = true, endless_head = true, one_long_header = true }
local played = { ["openai whole"] = true, ["anthropic stream"] = true }

local key = "sk-very-s3cret-k3y"
local usual = "Hello, w\u{f6}rld \u{1f600}."

local function billed(row)
  if not row.billed then return 0 end
  return (row.input - row.cached - row.written) * price.input_picousd + row.cached * price.cached_picousd
    + row.written * price.written_picousd + row.output * price.output_picousd
end

--- Of a table of expectations, the one for this API and mode.
local function chosen(what, api, mode)
  if type(what) ~= "table" then return what end
  return what[api .. " " .. mode] or what[mode] or what[api] or what[1]
end

local tools = { { name = "look", input = { type = "object", required = { "at" }, properties = { at = { type = "string" } } } }, { name = "now" } }

describe("a model server that plays", function()
  local server, s
  local calls_so_far, spent, owed = 0, 0, 0

  setup(function()
    server = fake_model.start("fault_server")
    s = assert(store.open(":memory:"))
  end)
  teardown(function()
    server:stop()
    s:close()
  end)

  --- One call of a fault: the answer or failure, and what it left behind.
  local function ask(api, mode, fault)
    local got = { waits = {}, heard = {} }
    local now = 0
    local m = assert(model.open { store = s, chance = function() return 0 end,
      now = function() return loop.now() + now end,
      sleep = function(ms)
        table.insert(got.waits, ms)
        now = now + ms
      end,
      settings = { tiers = { small = { { provider = api, model = "fault:" .. fault, key = key, price = price,
        base_url = api == "openai" and server.base_url or server.url } } } },
      retry = { attempts = 2, base_ms = 1, most_ms = 2 } })
    -- a connection that is kept, for what needs one
    if fault == "dies_next" then
      assert(model.open { settings = { tiers = { small = { { provider = api, model = "m", price = "free", key = "",
        base_url = api == "openai" and server.base_url or server.url } } } } }:ask { prompt = "x" })
      server:books()
    end
    local request = { prompt = "Hi", max_tokens = 50, timeout = (fault == "hang" or fault == "open_end" or fault:find "^stall") and 40 or nil,
      tools = fault:find "^tool" and tools or nil,
      on_text = mode == "stream" and function(text) table.insert(got.heard, text) end or nil }
    calls_so_far = calls_so_far + 1
    local run = "run_" .. calls_so_far
    got.answer, got.message, got.code, got.detail = m:ask(request, { run = run })
    got.rows, got.calls = s:read("ledger.of_run", { run = run }), server:books()
    return got
  end

  --- Our books are never below the server's, and where all bills were told they are the same.
  local function compare_books(got)
    local ours, theirs, known = 0, 0, true
    for _, row in ipairs(got.rows) do
      assert.not_equal("reserved", row.state)
      ours = ours + (row.cost or 0)
    end
    for _, call in ipairs(got.calls) do
      theirs = theirs + billed(call)
      known = known and (call.known or not call.billed)
    end
    spent, owed = spent + ours, owed + theirs
    assert.equal(#got.calls, #got.rows)
    assert.is_true(ours >= theirs, ("ours %d, theirs %d"):format(ours, theirs))
    if known and not (got.code == "connection_lost" or got.code == "stream_cut") then assert.equal(theirs, ours) end
    assert.equal(ours, got.answer and got.answer.cost_picousd or got.detail.cost_picousd)
  end

  local function no_secret(got)
    local told = assert(json.encode { got.message or "", got.detail or {}, got.rows })
    assert.is_nil(told:find("s3cret", 1, true))
    assert.is_nil((got.message or ""):find "%c")
    assert.is_true(#(got.message or "") <= 400)
    if got.answer then assert.is_nil(got.answer.model:find "%c") end
    for _, row in ipairs(got.rows) do assert.is_true(#json.encode(row) < 2000) end
  end

  local function judge(api, mode, fault)
    local began = os.clock()
    local got, what = ask(api, mode, fault), expected[fault]
    -- everybody else waits meanwhile
    if not watched then assert.is_true(os.clock() - began < 4, "the engine was kept busy") end
    if type(what) ~= "table" then what = { what, requests = 1 } end
    local code = chosen(what, api, mode)
    assert.equal(code, got.code or "ok", got.message)
    if what.requests then assert.equal(what.requests, #got.calls) end
    if what.waits then assert.same({ what.waits }, got.waits) end
    if code == "ok" then
      local answer = got.answer
      assert.equal(chosen(what.text, api, mode) or answer.calls and "" or usual, answer.text)
      assert.equal(chosen(what.stop, api, mode) or answer.calls and "tools" or "end", answer.stop)
      if mode == "stream" then assert.equal(answer.text, table.concat(got.heard)) end
    elseif code == "stream_cut" then
      assert.equal(table.concat(got.heard), got.detail.text or "")
    end
    no_secret(got)
    compare_books(got)
  end

  for _, fault in ipairs(json.sorted_keys(expected)) do
    for _, api in ipairs { "openai", "anthropic", "ollama" } do
      for _, mode in ipairs { "whole", "stream" } do
        if not long[fault] or played[api .. " " .. mode] then
          it(("%s, %s, %s"):format(fault, api, mode), function() judge(api, mode, fault) end)
        end
      end
    end
  end

  it("all of these leaves no reservation behind, and books that hold what was billed", function()
    local sum = 0
    for _, row in ipairs(s:read("ledger.list", { since = 0, limit = 100000 })) do
      assert.not_equal("reserved", row.state)
      sum = sum + row.cost
    end
    assert.same({}, s:read("budget.check", {}))
    assert.equal(spent, sum)
    assert.is_true(sum >= owed)
  end)

  it("that it knows no schemas, to two who ask at once", function()
    for _, api in ipairs { "openai", "anthropic", "ollama" } do
      local m = assert(model.open { retry = { attempts = 1 }, settings = { tiers = { small = { { provider = api, model = "fault:no_schemas",
        key = "k", price = "free", base_url = api == "openai" and server.base_url or server.url } } } } })
      local values = {}
      for i = 1, 3 do
        loop.spawn(function() values[i] = assert(m:ask { prompt = "x", schema = { type = "object", required = { "n" } } }).value end)
      end
      loop.run()
      assert.same({ { n = 1 }, { n = 1 }, { n = 1 } }, values)
      assert.equal(6, #server:books())
    end
  end)

  it("embeddings, right and wrong, and counts them", function()
    local function embed(path, name, input)
      local reply = assert(http.request { url = server.url .. path, body = json.encode { model = name, input = input, dimensions = 4 } })
      return reply.status == 200 and json.decode(reply.body) or reply.status
    end
    local right = embed("/v1/embeddings", "m", { "ab", "c" })
    assert.same({ 0, 1 }, { right.data[1].index, right.data[2].index })
    assert.equal(4, #right.data[2].embedding)
    assert.equal(6, right.usage.prompt_tokens)
    assert.same(right.data[1].embedding, embed("/api/embed", "m", { "ab" }).embeddings[1])
    assert.equal(1, embed("/v1/embeddings", "fault:embed_backwards", { "ab", "c" }).data[1].index)
    assert.equal(1, #embed("/v1/embeddings", "fault:embed_short", { "ab", "c" }).data)
    assert.equal(3, #embed("/v1/embeddings", "fault:embed_uneven", { "ab", "c" }).data[1].embedding)
    assert.equal(503, embed("/v1/embeddings", "fault:status_503", "ab"))
    local books = server:books()
    assert.equal(6, #books)
    assert.same({ 6, true }, { books[1].input, books[1].known })
    assert.same({ 0, false }, { books[6].input, books[6].billed })
  end)

  it("nothing that is not expected here", function()
    for _, name in ipairs(server:control("/_names")) do
      assert.is_true(expected[name] ~= nil or name:find "^embed_" ~= nil, name)
    end
  end)
end)

describe("a model server that is hostile to memory", function()
  local server, h

  local faults = { "big_body", "gzip_bomb", "endless_line", "endless_head", "one_long_header", "deep", "overstuffed", "lists", "objects", "numbers",
    "long_text" }
  local streamed = { gzip_bomb = true, endless_line = true, overstuffed = true, objects = true }

  setup(function()
    server = fake_model.start("fault_server")
    local tiers = {}
    local function tier(name, api, fault)
      tiers[#tiers + 1] = ('%s = { { provider = "%s", model = "fault:%s", base_url = "%s", key = "k", price = { input = 1, output = 2 } } }')
        :format(name, api, fault, api == "openai" and server.base_url or server.url)
    end
    for _, fault in ipairs(faults) do tier(fault, "openai", fault) end
    for _, api in ipairs { "openai", "anthropic", "ollama" } do tier("calls_" .. api, api, "tool_heavy") end
    h = home.make { config = ('return { zone = "UTC", owner = "Mira", tiers = { %s } }'):format(table.concat(tiers, ",\n")) }
  end)
  teardown(function()
    server:stop()
    h:remove()
  end)

  -- `keel model` in a process of its own, which tells its peak on its way out
  local run = [[local code = require("cli")(table.unpack(arg)) io.stdout:flush()
    local peak = assert(io.open("/proc/self/status")):read("a"):match("VmHWM:%s*(%d+)")
    io.stderr:write("peak ", peak, "\n") os.exit(code)]]

  local function keel(words)
    local err = h.path .. "/err"
    local pipe = assert(io.popen(("timeout 60 %s lua -e '%s' --home %s %s 2>%s </dev/null"):format(program, run, h.path, words, err)))
    local out = pipe:read("a")
    local _, _, code = pipe:close()
    return out, code, tonumber(h:read("err"):match("peak (%d+)"))
  end

  local function judge(tier, flag)
    local out, code, peak = keel(("model --json %s --tier %s Hi"):format(flag, tier))
    assert.equal(8, code, out)
    assert.equal("string", type(json.decode(out).error.code))
    -- the address sanitizer keeps a shadow of all memory, and holds back what was freed
    if not watched then assert.is_true(peak < 64 << 10, ("%d KB"):format(peak)) end
  end

  for _, api in ipairs { "openai", "anthropic", "ollama" } do
    it("calls full of values, " .. api .. ": one JSON error, below 64 MB", function() judge("calls_" .. api, "--stream") end)
  end

  for _, fault in ipairs(faults) do
    for _, flag in ipairs(streamed[fault] and { "", "--stream" } or { "" }) do
      it(("%s %s: one JSON error, below 64 MB"):format(fault, flag), function()
        judge(fault, flag)
      end)
    end
  end
end)
