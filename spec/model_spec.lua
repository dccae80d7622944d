local fake_model = require "spec.support.fake_model"
local json = require "json"
local loop = require "loop"
local model = require "model"
local store = require "store"

local server

-- $0.20 and $0.80 a million: 200,000 and 800,000 pico-USD a token
local price = { input = 0.20, output = 0.80, cached = 0.05 }

describe("a model call", function()
  local s, waits, now_offset

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = "hello", usage = { prompt_tokens = 10, completion_tokens = 5 } }
    server:books()
    s = assert(store.open(":memory:"))
    waits, now_offset = {}, 0
  end)
  after_each(function()
    assert.same({}, s:read("budget.check", {}))
    for _, row in ipairs(s:read("ledger.list", { since = 0, limit = 1000 })) do
      assert.not_equal("reserved", row.state)
    end
    s:close()
  end)

  local function entry(fields)
    local e = { provider = "openai", model = "gpt-x-mini", base_url = server.base_url, key = "sk-s3cret", price = price }
    for key, value in pairs(fields or {}) do e[key] = value end
    return e
  end

  local function open(tiers, budget, more)
    local options = { settings = { tiers = tiers or { small = { entry() } }, budget = budget }, store = s,
      now = function() return loop.now() + now_offset end, chance = function() return 0 end,
      sleep = function(ms)
        table.insert(waits, ms)
        now_offset = now_offset + ms
      end }
    for key, value in pairs(more or {}) do options[key] = value end
    return assert(model.open(options))
  end

  local function ledger() return s:read("ledger.list", { since = 0, limit = 100 }) end

  local function spent()
    local sum = 0
    for _, row in ipairs(ledger()) do sum = sum + (row.cost or 0) end
    return sum
  end

  local function ask(m, fields)
    local request = { tier = "small", prompt = "Say hello." }
    for key, value in pairs(fields or {}) do request[key] = value end
    return m:ask(request)
  end

  it("answers, and costs what the usage says to the pico-dollar", function()
    server:play { text = "Hi.", usage = { prompt_tokens = 100, completion_tokens = 7, cached_tokens = 40 }, model = "gpt-x-mini-0924" }
    local answer = assert(ask(open()))
    assert.equal("Hi.", answer.text)
    assert.equal("gpt-x-mini-0924", answer.model)
    assert.same({ input = 100, output = 7, cached = 40 }, answer.usage)
    assert.equal(60 * 200000 + 40 * 50000 + 7 * 800000, answer.cost_picousd)
    assert.is_false(answer.estimated)
    assert.equal(1, answer.attempts)
    assert.equal(answer.cost_picousd, spent())
  end)

  it("sends what was asked, with the key in one header only", function()
    assert(ask(open(), { system = "Be brief.", max_tokens = 9, temperature = 0.5, stop = "\n" }))
    local call = server:books().calls[1]
    assert.equal("/v1/chat/completions", call.path)
    assert.equal("Bearer sk-s3cret", call.authorization)
    assert.same({ model = "gpt-x-mini", max_tokens = 9, temperature = 0.5, stop = { "\n" },
      messages = { { role = "system", content = "Be brief." }, { role = "user", content = "Say hello." } } }, call.request)
  end)

  it("refuses before sending what the budget does not hold, and says which", function()
    local answer, message, code, detail = ask(open(nil, { day = "$0.0001" }))
    assert.is_nil(answer)
    assert.equal("budget", code)
    assert.match("day budget of engine", message)
    assert.equal(0, detail.attempts)
    assert.equal(0, server:books().requests)
  end)

  it("holds one token a byte of the request and all of max_tokens", function()
    local m = open()
    assert(ask(m, { max_tokens = 50 }))
    local row, sent = ledger()[1], server:books().calls[1].body
    assert.equal(sent + 50, row.tokens)
    assert.equal(sent * 200000 + 50 * 800000, row.money)
  end)

  it("never spends above the budget, however many ask at once", function()
    -- a call costs nearly its bound (88 bytes of request)
    server:default { text = "x", usage = { prompt_tokens = 80, completion_tokens = 50 } }
    local m = open({ small = { entry { max_parallel = 64 } } }, { day = "$0.001" })
    local won, refused = 0, 0
    for _ = 1, 60 do
      loop.spawn(function()
        local answer, _, code = ask(m, { max_tokens = 50 })
        if answer then won = won + 1 else refused = refused + (code == "budget" and 1 or 0) end
      end)
    end
    loop.run()
    local books = server:books()
    assert.equal(won, books.requests)
    assert.equal(60, won + refused)
    local billed = books.input * 200000 + books.output * 800000
    assert.equal(billed, spent())
    assert.is_true(billed <= 1000000000, json.encode{billed, won, refused})
    -- waiting makes room: what is left would not hold another bound
    assert.is_true(billed > 1000000000 - 70000000, json.encode{billed, won, refused})
  end)

  it("keeps the engine from calling a tier that has no price, unless it is free", function()
    local answer, message, code = ask(open { small = { entry { price = false } } })
    assert.is_nil(answer)
    assert.equal("invalid_request", code)
    assert.match("no price", message)
    answer = assert(ask(open { small = { entry { price = "free" } } }))
    assert.equal(0, answer.cost_picousd)
  end)

  it("says that a tier without candidates cannot be called", function()
    for _, tier in ipairs { "local", "huge" } do
      local answer, message, code = ask(open(), { tier = tier })
      assert.is_nil(answer)
      assert.equal("invalid_request", code)
      assert.match(tier, message)
    end
  end)

  describe("tries again", function()
    it("after 429, as long as the server says", function()
      server:play({ status = 429, headers = { ["Retry-After"] = "1.5" } }, { status = 429, headers = { ["retry-after-ms"] = "30" } })
      local answer = assert(ask(open()))
      assert.equal(3, answer.attempts)
      assert.same({ 1500, 30 }, waits)
      -- refused calls cost nothing
      assert.equal(10 * 200000 + 5 * 800000, answer.cost_picousd)
      assert.equal(3, #ledger())
    end)

    it("after 429 with a date", function()
      local at = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 20)
      server:play { status = 429, headers = { ["Retry-After"] = at } }
      assert(ask(open()))
      assert.is_true(waits[1] > 18000 and waits[1] <= 20000, waits[1])
    end)

    it("after server errors, doubling, less up to a quarter by chance", function()
      server:play({ status = 500 }, { status = 503 })
      assert.equal(3, assert(ask(open())).attempts)
      assert.same({ 500, 1000 }, waits)
      waits = {}
      server:play({ status = 529 }, { status = 502 })
      assert(ask(open(nil, nil, { chance = function() return 1 end })))
      assert.same({ 375, 750 }, waits)
    end)

    it("three times at most, and then tells the last error", function()
      server:default { status = 503, text = "full" }
      local answer, message, code, detail = ask(open())
      assert.is_nil(answer)
      assert.equal("overloaded", code)
      assert.match("full", message)
      assert.equal(3, detail.attempts)
      assert.equal(503, detail.status)
      assert.equal(3, server:books().requests)
    end)

    it("but not for a wait that is longer than it would hold the caller", function()
      server:play { status = 429, headers = { ["Retry-After"] = "61" } }
      local answer, _, code, detail = ask(open())
      assert.is_nil(answer)
      assert.equal("rate_limited", code)
      assert.equal(61000, detail.retry_after_ms)
      assert.same({}, waits)
    end)

    it("within one deadline for all attempts", function()
      server:default { status = 500 }
      local answer, _, code, detail = ask(open(), { timeout = "600ms" })
      assert.is_nil(answer)
      assert.equal("server_error", code)
      assert.equal(2, detail.attempts)
      assert.same({ 500 }, waits)
    end)

    it("when the connection broke before a reply, and counts the lost one as spent", function()
      server:play { fault = "reset" }
      local answer = assert(ask(open()))
      assert.equal(2, answer.attempts)
      assert.is_true(answer.estimated)
      local rows = ledger()
      assert.equal("settled", rows[1].state)
      assert.equal("estimated", rows[2].state)
      assert.equal(rows[2].money, rows[2].cost)
      assert.equal(rows[1].cost + rows[2].cost, answer.cost_picousd)
      assert.equal(2, server:books().requests)
    end)

    it("as x-should-retry says, whatever the status", function()
      server:play { status = 400, headers = { ["x-should-retry"] = "true" } }
      assert(ask(open()))
      server:play { status = 500, headers = { ["x-should-retry"] = "false" } }
      assert.equal("server_error", select(3, ask(open())))
    end)

    it("never for the other refusals", function()
      for status, want in pairs { [400] = "invalid_request", [401] = "auth", [403] = "auth", [404] = "invalid_request", [402] = "quota" } do
        server:books()
        server:play { status = status }
        assert.equal(want, select(3, ask(open())))
        assert.equal(1, server:books().requests)
      end
      server:play { status = 429, code = "insufficient_quota" }
      assert.equal("quota", select(3, ask(open())))
      server:play { status = 400, code = "context_length_exceeded" }
      assert.equal("context_length", select(3, ask(open())))
      assert.equal(0, spent())
    end)
  end)

  describe("is never fooled by", function()
    local function expect(want, thing, request)
      server:play(thing)
      local answer, message, code = ask(open(), request)
      assert.is_nil(answer)
      assert.equal(want, code, message)
      return message
    end

    it("a login page, an empty body or cut JSON as 200", function()
      expect("bad_response", { body = "<html>Sign in</html>", content_type = "text/html" })
      expect("bad_response", { body = "" })
      expect("bad_response", { body = '{"choices":[{"message":{"content":"half' })
      expect("bad_response", { body = "[]" })
      expect("bad_response", { body = '{"choices":[]}' })
      expect("bad_response", { body = '{"choices":null}' })
      expect("bad_response", { body = '{"choices":[{"message":{"content":7}}]}' })
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write('{"choices":[{"message":{"content":"\xff"}}]}')
      file:close()
      expect("bad_response", { body_file = path })
      os.remove(path)
      -- the provider may have charged for them
      assert.is_true(spent() > 0)
    end)

    it("an error inside a 200, a redirect, a filter, a refusal", function()
      expect("server_error", { body = '{"error":{"message":"oops"}}' })
      expect("bad_response", { status = 302, headers = { Location = server.url }, body = "" })
      expect("content_filter", { text = "", finish = "content_filter" })
      assert.match("cannot help", expect("content_filter", { message = { content = json.null, refusal = "I cannot help." } }))
    end)

    it("broken transport", function()
      expect("connection_lost", { fault = "cut", text = ("x"):rep(100) })
      expect("connection_lost", { fault = "reset_in_body", text = ("x"):rep(100) })
      expect("bad_response", { fault = "garbage" })
      expect("timeout", { fault = "hang" }, { timeout = 30 })
      expect("timeout", { fault = "stall" }, { timeout = 30 })
    end)

    it("a body of any size", function()
      local path = os.tmpname()
      assert(os.execute("head -c 60000000 /dev/zero | gzip -1 > " .. path))
      expect("too_large", { body_file = path, headers = { ["Content-Encoding"] = "gzip" } })
      os.remove(path)
    end)

    it("usage that is missing or makes no sense: the bound counts", function()
      for _, usage in ipairs { false, { verbatim = json.null }, { verbatim = { prompt_tokens = -6, completion_tokens = 5 } },
        { verbatim = { prompt_tokens = 1e15, completion_tokens = 5 } }, { verbatim = { prompt_tokens = 1.5, completion_tokens = 5 } },
        { verbatim = { prompt_tokens = "10", completion_tokens = 5 } }, { verbatim = { completion_tokens = 5 } },
        { prompt_tokens = 10, completion_tokens = 5, cached_tokens = 11 }, { verbatim = "free" } } do
        server:play { text = "hello", usage = usage }
        local answer = assert(ask(open()))
        assert.equal("hello", answer.text)
        assert.is_true(answer.estimated)
        assert.equal(ledger()[1].money, answer.cost_picousd)
      end
    end)

    it("an output above max_tokens: the excess is recorded", function()
      server:play { text = "long", usage = { prompt_tokens = 10, completion_tokens = 5000 } }
      local answer = assert(ask(open(nil, { day = "$0.003" }), { max_tokens = 20 }))
      assert.equal(10 * 200000 + 5000 * 800000, answer.cost_picousd)
      assert.is_true(answer.cost_picousd > ledger()[1].money)
      assert.equal("budget", select(3, ask(open(nil, { day = "$0.003" }), { max_tokens = 20 })))
    end)
  end)

  it("tells no secret, even when the server quotes it", function()
    server:play({ status = 401, text = "Incorrect API key provided: sk-s3cret. Find it at ..." },
      { status = 400, body = "Bearer sk-s3cret\n\27[2J is not allowed" })
    for _ = 1, 2 do
      local _, message, _, detail = ask(open())
      assert.is_nil((message .. json.encode(detail)):find("s3cret", 1, true))
      assert.is_nil(message:find("%c"))
    end
    for _, row in ipairs(ledger()) do assert.is_nil(json.encode(row):find("s3cret", 1, true)) end
  end)

  describe("falls back", function()
    it("to the next candidate, at its own price", function()
      server:play { status = 401 }
      local answer = assert(ask(open { small = { entry { model = "first" }, entry { model = "second", price = { input = 1, output = 2 } } } }))
      assert.equal("second", answer.model)
      assert.equal(10 * 1000000 + 5 * 2000000, answer.cost_picousd)
      local books = server:books()
      assert.equal("first", books.calls[1].request.model)
      assert.equal("second", books.calls[2].request.model)
    end)

    it("when nobody listens", function()
      local answer = assert(ask(open { small = { entry { base_url = "http://127.0.0.1:1/v1" }, entry() } }))
      assert.equal("hello", answer.text)
      assert.equal(4, answer.attempts)
      assert.is_false(answer.estimated)
    end)

    it("to a larger context when the first is too small", function()
      local list = { small = { entry { model = "tiny", context = 200 }, entry { model = "big", context = 100000 } } }
      assert.equal("big", assert(ask(open(list), { prompt = ("word "):rep(500), max_tokens = 10 })).model)
      assert.equal("context_length", select(3, ask(open { small = { list.small[1] } }, { prompt = ("word "):rep(500) })))
    end)

    it("but not when the request itself is wrong", function()
      server:play { status = 400 }
      assert.equal("invalid_request", select(3, ask(open { small = { entry(), entry() } })))
      assert.equal(1, server:books().requests)
    end)
  end)

  describe("with a schema", function()
    local schema = { type = "object", required = { "label" }, properties = { label = { enum = { "bug", "refund" } } } }

    it("gives the value that fits", function()
      server:play { text = '{"label":"bug"}' }
      local answer = assert(ask(open(), { schema = schema }))
      assert.same({ label = "bug" }, answer.value)
      assert.is_nil(answer.text)
      local sent = server:books().calls[1].request
      assert.same(schema, sent.response_format.json_schema.schema)
    end)

    it("finds it behind a fence or words", function()
      for _, text in ipairs { '```json\n{"label":"bug"}\n```', 'Sure! {"label":"bug"} is it.' } do
        server:play { text = text }
        assert.same({ label = "bug" }, assert(ask(open(), { schema = schema })).value)
      end
    end)

    it("asks again with the validator's words, and books every attempt", function()
      server:play({ text = '{"label":"spam"}' }, { text = "no idea" }, { text = '{"label":"refund"}' })
      local answer = assert(ask(open(), { schema = schema }))
      assert.same({ label = "refund" }, answer.value)
      assert.equal(3, answer.attempts)
      assert.equal(3 * (10 * 200000 + 5 * 800000), answer.cost_picousd)
      local last = server:books().calls[2].request.messages
      assert.equal("assistant", last[2].role)
      assert.match("label", last[3].content)
    end)

    it("gives up after two repairs, and shows the last answer", function()
      server:default { text = '{"label":"spam"}' }
      local answer, message, code, detail = ask(open(), { schema = schema })
      assert.is_nil(answer)
      assert.equal("bad_response", code)
      assert.match("label", message)
      assert.equal('{"label":"spam"}', detail.text)
      assert.equal(3, detail.attempts)
    end)

    it("does not repair what max_tokens cut", function()
      server:play { text = '{"label":"b', finish = "length" }
      assert.match("max_tokens", (select(2, ask(open(), { schema = schema }))))
      assert.equal(1, server:books().requests)
    end)

    it("puts the schema into words for a server that knows no response_format", function()
      server:play({ status = 400, text = "unknown field response_format" }, { text = '{"label":"bug"}' })
      local m = open()
      assert.same({ label = "bug" }, assert(ask(m, { schema = schema })).value)
      local sent = server:books().calls[2].request
      assert.is_nil(sent.response_format)
      assert.match("JSON Schema", sent.messages[1].content)
      -- and remembers
      server:play { text = '{"label":"bug"}' }
      assert(ask(m, { schema = schema }))
      assert.equal(1, server:books().requests)
    end)
  end)

  describe("streamed", function()
    local function listen(thing, more)
      if thing then server:play(thing) end
      local pieces = {}
      local request = { on_text = function(text) table.insert(pieces, text) end }
      for key, value in pairs(more or {}) do request[key] = value end
      local answer, message, code, detail = ask(open(), request)
      return answer, pieces, code, detail, message
    end

    it("gives the pieces as they come and the whole at the end", function()
      local answer, pieces = listen { text = "one two three", usage = { prompt_tokens = 8, completion_tokens = 3 }, piece_ms = 1 }
      assert.equal("one two three", answer.text)
      assert.equal("one two three", table.concat(pieces))
      assert.is_true(#pieces > 1)
      assert.equal(8 * 200000 + 3 * 800000, answer.cost_picousd)
      assert.is_true(server:books().calls[1].request.stream_options.include_usage)
    end)

    it("is an error when it is cut, with the part kept, and not sent again", function()
      for _, thing in ipairs { { text = "one two", no_finish = true }, { text = "one two three", fault = "cut" },
        { text = "one two three", fault = "reset_in_body" } } do
        local answer, pieces, code, detail = listen(thing)
        assert.is_nil(answer)
        assert.equal("stream_cut", code)
        assert.equal(table.concat(pieces), detail.text)
        assert.match("^one", detail.text)
        assert.equal(1, server:books().requests)
      end
    end)

    it("does not need [DONE] when the answer is whole", function()
      assert.equal("one two", listen { text = "one two", no_done = true }.text)
    end)

    it("reads any cut of the bytes, and errors inside", function()
      local chunk = 'data: {"choices":[{"delta":{"content":"h\u{e9}"}}]}\r\n\r\n'
      local finish = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
      assert.equal("h\u{e9}", listen { pieces = { "\u{feff}: hi\n" .. chunk .. finish } }.text)
      assert.equal("server_error", select(3, listen { pieces = { chunk, 'data: {"error":{"message":"oops"}}\n\n' } }))
      assert.equal("bad_response", select(3, listen { pieces = { "data: {oops\n\n" } }))
    end)

    it("takes a refusal, and a server that does not stream", function()
      local _, _, code = listen { status = 401 }
      assert.equal("auth", code)
      server:play { body = json.encode { choices = { { message = { content = "whole" }, finish_reason = "stop" } } } }
      assert.equal("whole", listen().text)
    end)

    it("asks without stream_options where they are not known, and books an estimate", function()
      server:play({ status = 400, text = "stream_options is not supported" }, { text = "hi", usage = false })
      local answer = listen()
      assert.equal("hi", answer.text)
      assert.is_true(answer.estimated)
    end)
  end)

  it("limits how many calls of a candidate are out at once", function()
    server:default { text = "x", delay_ms = 3 }
    local m = open { small = { entry { max_parallel = 2 } } }
    local most, out, done = 0, 0, 0
    local start = require("http").send
    package.loaded.http.send = function(prepared, body, ms, bytes, over, on_data)
      out = out + 1
      most = math.max(most, out)
      return start(prepared, body, ms, bytes, function(...)
        out = out - 1
        over(...)
      end, on_data)
    end
    for _ = 1, 6 do
      loop.spawn(function()
        assert(ask(m))
        done = done + 1
      end)
    end
    loop.run()
    package.loaded.http.send = start
    assert.equal(6, done)
    assert.equal(2, most)
  end)

  it("streams a structured answer, and mends it where nobody heard the wrong one", function()
    server:play({ text = '{"n": "one"}' }, { text = '{"n": 1}' })
    local answer = assert(ask(open(), { stream = true, schema = { type = "object", properties = { n = { type = "integer" } } } }))
    assert.same({ n = 1 }, answer.value)
    assert.equal(2, answer.attempts)
    server:play({ text = '{"n": "one"}' }, { text = '{"n": 1}' })
    local heard = {}
    local _, _, code = ask(open(), { on_text = function(text) heard[#heard + 1] = text end,
      schema = { type = "object", properties = { n = { type = "integer" } } } })
    assert.equal("bad_response", code)
    assert.equal('{"n": "one"}', table.concat(heard))
  end)

  it("settles in a transaction of the caller's", function()
    local m = open()
    local tx = s:tx()
    assert(m:ask({ tier = "small", prompt = "x" }, { run = "run_1", agent = "a", seq = 4, tx = tx }))
    assert.equal("reserved", ledger()[1].state)
    assert(s:commit(tx))
    local row = ledger()[1]
    assert.same({ "settled", "run_1", "a", 4 }, { row.state, row.run, row.agent, row.seq })
  end)

  it("explains a request that makes no sense", function()
    local m = open()
    for _, case in ipairs { { { promt = "x" }, "did you mean 'prompt'" }, { {}, "needs a prompt" },
      { { prompt = "x", max_tokens = 0 }, "max_tokens" }, { { prompt = "x", timeout = "soon" }, "timeout" },
      { { prompt = "x", messages = { { role = "user", content = "x" } } }, "not both" },
      { { messages = { { role = "robot", content = "x" } } }, "number 1" },
      { { prompt = "x", schema = { type = "objekt" } }, "schema" } } do
      local answer, message, code = m:ask(case[1])
      assert.is_nil(answer)
      assert.equal("invalid_request", code)
      assert.match(case[2], message)
    end
    assert.equal(0, server:books().requests)
  end)

  it("has an echo that needs no network, whose prices are counted and whose budget holds", function()
    local config = { tiers = { small = { { provider = "echo", model = "echo", price = { input_picousd = 2000000, output_picousd = 8000000, cached_picousd = 0 } } } },
      budget = { day = "$0.01" } }
    local m = assert(model.open { settings = config })
    local said = {}
    local answer = assert(m:ask { tier = "small", system = "abcd", prompt = "Tea with é?", on_text = function(text) said[#said + 1] = text end })
    assert.equal("Tea with é?", answer.text)
    assert.same({ "Tea with é?" }, said)
    assert.same({ 4, 3 }, { answer.usage.input, answer.usage.output })
    assert.equal(4 * 2000000 + 3 * 8000000, answer.cost_picousd)
    answer = assert(m:ask { tier = "small", prompt = ("x"):rep(7) .. "é", max_tokens = 2 })
    assert.equal(("x"):rep(7), answer.text)
    assert.equal("length", answer.stop)
    assert.equal(7, assert(m:ask { tier = "small", prompt = '{"n": 7}', schema = { type = "object", properties = { n = { type = "integer" } } } }).value.n)
    local refused, _, code = m:ask { tier = "small", prompt = "x", max_tokens = 100000 }
    assert.is_nil(refused)
    assert.equal("budget", code)
  end)

end)
