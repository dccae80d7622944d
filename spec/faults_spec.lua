local fake_model = require "spec.support.fake_model"
local json = require "json"
local model = require "model"
local store = require "store"

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
  -- transport
  reset = { "connection_lost", requests = 2 }, fin = { "connection_lost", requests = 2 }, reset_once = { "ok", requests = 2 },
  fin_in_status_line = { "connection_lost", requests = 2 }, reset_in_head = { "connection_lost", stream = "stream_cut" },
  fin_in_head = { "connection_lost", stream = "stream_cut" }, reset_in_body = { "connection_lost", stream = "stream_cut" },
  cut = { "connection_lost", stream = "stream_cut" }, hang = "timeout", stall = { "timeout", stream = "stream_cut" },
  stall_in_head = { "timeout", stream = "stream_cut" }, not_http = "bad_response", bad_status_line = "bad_response",
  endless_head = "too_large", one_long_header = "connection_lost", length_longer = { "connection_lost", stream = "ok" },
  length_shorter = { "bad_response", stream = "stream_cut" }, length_negative = "bad_response", chunked = "ok",
  chunked_no_end = { "connection_lost", stream = "ok" }, chunked_bad_size = { "connection_lost", stream = "ok" }, no_length = "ok",
  http_1_0 = "ok", interim = "ok", connection_close = "ok", slow_first = "ok", drip = "ok", dies_next = { "ok", requests = 2 },
  status_204 = "bad_response", status_299 = { "ok", stream = "bad_response" },
  gzip = "ok", gzip_broken = { "bad_response" }, gzip_cut = { "bad_response", stream = "stream_cut" }, gzip_bomb = "too_large", encoding_unknown = "bad_response",
  -- what an answer says
  excess_output = "ok", excess_all = "ok", length = { "ok", stop = "length" },
  filtered = { "content_filter", ollama = "ok" }, refusal = { "content_filter", ollama = "ok" }, refusal_empty = "ok",
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
  usage_total_less = "ok", usage_split_short = "ok", usage_every = "ok", usage_in_finish = "ok",
  -- streams
  done_missing = { "ok", anthropic = "ok", ollama = "bad_response", ["anthropic stream"] = "stream_cut", ["ollama stream"] = "stream_cut" },
  finish_missing = { "ok", ["ollama whole"] = "bad_response", stream = "stream_cut" },
  done_without_finish = { "ok", ["openai stream"] = "stream_cut", ["anthropic stream"] = "bad_response" },
  ping = "ok", unknown_event = "ok", numbers_as_types = "ok", error_inside = "server_error",
  error_overloaded = { "overloaded", ollama = "server_error" }, crlf = "ok", cr = "ok", mixed_ends = "ok", bom = "ok", comments = "ok",
  many_data_lines = "ok", no_space = "ok", more_sse_fields = "ok", no_event_names = "ok",
  last_line_open = { "ok", ["anthropic stream"] = "stream_cut" }, each_byte_a_chunk = "ok",
  -- calls of tools
  tool = "ok", tool_no_arguments = "ok", tool_broken = { "bad_response", requests = 3 }, tool_not_an_object = { "bad_response", requests = 3 },
  tool_unknown = { "bad_response", requests = 3 }, tool_misfit = { "bad_response", requests = 3 }, tool_same_ids = "ok", tool_no_id = "ok",
  tool_no_name = { "bad_response", requests = 3 }, tool_cut = "bad_response",
  tool_none = { "ok", anthropic = "ok" },
}

-- $1, $2, cached $0.10, written $1.25 a million
local price = { input_picousd = 1000000, output_picousd = 2000000, cached_picousd = 100000, written_picousd = 1250000,
  written_1h_picousd = 1250000 }
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
  local server

  setup(function() server = fake_model.start("fault_server") end)
  teardown(function() server:stop() end)

  --- One call of a fault: the answer or failure, and what it left behind.
  local function ask(api, mode, fault)
    local got = { waits = {}, heard = {} }
    local s = assert(store.open(":memory:"))
    local now = 0
    local m = assert(model.open { store = s, chance = function() return 0 end,
      now = function() return require("loop").now() + now end,
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
    local request = { prompt = "Hi", max_tokens = 50, timeout = (fault == "hang" or fault:find "^stall") and 40 or nil,
      tools = fault:find "^tool" and tools or nil,
      on_text = mode == "stream" and function(text) table.insert(got.heard, text) end or nil }
    got.answer, got.message, got.code, got.detail = m:ask(request)
    got.rows, got.check = s:read("ledger.list", { since = 0, limit = 1000 }), s:read("budget.check", {})
    got.calls = server:books()
    s:close()
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
    assert.same({}, got.check)
    assert.equal(#got.calls, #got.rows)
    assert.is_true(ours >= theirs, ("ours %d, theirs %d"):format(ours, theirs))
    if known and not (got.code == "connection_lost" or got.code == "stream_cut") then assert.equal(theirs, ours) end
    assert.equal(ours, got.answer and got.answer.cost_picousd or got.detail.cost_picousd)
  end

  local function no_secret(got)
    local told = { got.message or "", got.detail or {}, got.rows }
    assert.is_nil(json.encode(told):find("s3cret", 1, true))
    assert.is_nil((got.message or ""):find "%c")
    assert.is_true(#(got.message or "") <= 400)
  end

  for fault, what in pairs(expected) do
    for _, api in ipairs { "openai", "anthropic", "ollama" } do
      for _, mode in ipairs { "whole", "stream" } do
        it(("%s, %s, %s"):format(fault, api, mode), function()
          local got = ask(api, mode, fault)
          local code = chosen(what, api, mode)
          assert.equal(code, got.code or "ok", got.message)
          if type(what) == "table" then
            if what.requests then assert.equal(what.requests, #got.calls) end
            if what.waits then assert.same({ what.waits }, got.waits) end
          else
            assert.equal(1, #got.calls)
          end
          if code == "ok" then
            local text = type(what) == "table" and chosen(what.text, api, mode) or got.answer.calls and "" or usual
            assert.equal(text, got.answer.text)
            local stop = type(what) == "table" and chosen(what.stop, api, mode) or got.answer.calls and "tools" or "end"
            assert.equal(stop, got.answer.stop)
            if mode == "stream" then assert.equal(got.answer.text, table.concat(got.heard)) end
          elseif mode == "stream" and code == "stream_cut" then
            assert.equal(table.concat(got.heard), got.detail.text or "")
          end
          no_secret(got)
          compare_books(got)
        end)
      end
    end
  end

  it("nothing that is not expected here", function()
    for _, name in ipairs(server:control("/_names")) do
      assert.is_true(expected[name] ~= nil or name:find "^embed_" ~= nil, name)
    end
  end)
end)
