local fake_model = require "spec.support.fake_model"
local json = require "json"
local model = require "model"
local store = require "store"

-- Through the whole client, against a server that plays recorded bytes.
describe("the dialect", function()
  local server, s

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { status = 500 }
    server:books()
    s = assert(store.open(":memory:"))
  end)
  after_each(function() s:close() end)

  -- $1, $2, cached $0.10, written $1.25 a million
  local price = { input_picousd = 1000000, output_picousd = 2000000, cached_picousd = 100000, written_picousd = 1250000 }

  local function ask(provider, request, entry)
    local candidate = { provider = provider, model = "m", base_url = server.url, key = "k3y-abc", price = price }
    for key, value in pairs(entry or {}) do candidate[key] = value end
    local m = assert(model.open { store = s, settings = { tiers = { small = { candidate } } }, retry = { attempts = 1 } })
    request.prompt = request.prompt or "Hi"
    return m:ask(request)
  end

  local function play(value) server:play { body = type(value) == "string" and value or json.encode(value) } end

  local function stream(provider, text, kind)
    server:play { body = text, content_type = kind }
    local pieces = {}
    local answer, message, code, detail = ask(provider, { on_text = function(piece) pieces[#pieces + 1] = piece end })
    return answer, table.concat(pieces), code, detail, message
  end

  describe("of Anthropic", function()
    local reply = { type = "message", role = "assistant", model = "claude-x", stop_reason = "end_turn",
      content = { { type = "thinking", thinking = "hm" }, { type = "text", text = "Hello" }, { type = "text", text = "!" } },
      usage = { input_tokens = 10, cache_creation_input_tokens = 4, cache_read_input_tokens = 6, output_tokens = 3 } }

    it("asks and hears, with its three prices of input", function()
      play(reply)
      local answer = assert(ask("anthropic", { system = "Be brief.", stop = "x", max_tokens = 9 }))
      assert.equal("Hello!", answer.text)
      assert.equal("claude-x", answer.model)
      assert.equal(10 * 1000000 + 4 * 1250000 + 6 * 100000 + 3 * 2000000, answer.cost_picousd)
      local call = server:books().calls[1]
      assert.equal("/v1/messages", call.path)
      assert.equal("k3y-abc", call.headers["x-api-key"])
      assert.equal("2023-06-01", call.headers["anthropic-version"])
      assert.same({ model = "m", max_tokens = 9, system = "Be brief.", stop_sequences = { "x" },
        messages = { { role = "user", content = "Hi" } } }, call.request)
    end)

    it("takes a schema, natively or in words", function()
      local good = json.decode(json.encode(reply))
      good.content = { { type = "text", text = '{"n":1}' } }
      play(good)
      local schema = { type = "object", required = { "n" } }
      assert.same({ n = 1 }, assert(ask("anthropic", { schema = schema })).value)
      assert.same(schema, server:books().calls[1].request.output_config.format.schema)
      server:play({ status = 400, body = '{"type":"error","error":{"type":"invalid_request_error","message":"output_config: unknown"}}' },
        { body = json.encode(good) })
      assert.same({ n = 1 }, assert(ask("anthropic", { schema = schema })).value)
      assert.match("JSON Schema", server:books().calls[2].request.system)
    end)

    it("tells its errors apart", function()
      for kind, want in pairs { rate_limit_error = "rate_limited", overloaded_error = "overloaded", billing_error = "quota",
        authentication_error = "auth", api_error = "server_error", request_too_large = "context_length" } do
        server:play { status = 400, body = json.encode { type = "error", error = { type = kind, message = "no" } } }
        assert.equal(want, (select(3, ask("anthropic", {}))))
      end
      play { type = "message", content = json.null, usage = json.null }
      assert.equal("bad_response", (select(3, ask("anthropic", {}))))
      play { type = "message", content = json.array {}, stop_reason = "refusal", usage = reply.usage }
      assert.equal("content_filter", (select(3, ask("anthropic", {}))))
    end)

    local start = 'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-x","usage":{"input_tokens":7,"output_tokens":1}}}\n\n'
    local delta = 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n'
    local finish = 'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n'

    it("streams: running sums overwrite, only message_stop completes", function()
      local ping, stop = 'event: ping\ndata: {"type":"ping"}\n\n', 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
      local answer, text = stream("anthropic", start .. ping .. delta .. finish .. stop, "text/event-stream")
      assert.equal("Hello", answer.text)
      assert.equal("Hello", text)
      assert.same({ input = 7, output = 5, cached = 0 }, answer.usage)
      local _, part, code, detail = stream("anthropic", start .. delta .. finish, "text/event-stream")
      assert.equal("stream_cut", code)
      assert.equal("Hello", part)
      assert.is_true(detail.estimated)
      assert.equal("overloaded", select(3, stream("anthropic", start ..
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n', "text/event-stream")))
    end)
  end)

  describe("of Ollama", function()
    local reply = { model = "llama", message = { role = "assistant", content = "Hello" }, done = true, done_reason = "stop",
      prompt_eval_count = 12, eval_count = 4 }

    it("asks without streaming, with its names of the limits", function()
      play(reply)
      local answer = assert(ask("ollama", { max_tokens = 9, temperature = 0.5 }, { price = "free", key = "", context = 4096 }))
      assert.equal("Hello", answer.text)
      assert.equal(0, answer.cost_picousd)
      assert.same({ input = 12, output = 4, cached = 0 }, answer.usage)
      local call = server:books().calls[1]
      assert.equal("/api/chat", call.path)
      assert.is_nil(call.authorization)
      assert.same({ model = "m", stream = false, messages = { { role = "user", content = "Hi" } },
        options = { num_predict = 9, num_ctx = 4096, temperature = 0.5 } }, call.request)
    end)

    it("takes a schema as its format, and books an estimate without counts", function()
      play { model = "llama", message = { content = '{"n":1}' }, done = true }
      local answer = assert(ask("ollama", { schema = { type = "object" } }))
      assert.same({ n = 1 }, answer.value)
      assert.is_true(answer.estimated)
      assert.same({ type = "object" }, server:books().calls[1].request.format)
    end)

    it("streams a line at a time, complete with done", function()
      local one, two = '{"message":{"content":"Hel"},"done":false}\n', '{"message":{"content":"lo"},"done":false}\r\n'
      local last = json.encode { done = true, done_reason = "stop", prompt_eval_count = 3, eval_count = 2, message = { content = "" } }
      local answer, text = stream("ollama", one .. two .. last, "application/x-ndjson")
      assert.equal("Hello", answer.text)
      assert.equal("Hello", text)
      assert.same({ input = 3, output = 2, cached = 0 }, answer.usage)
      assert.equal("stream_cut", select(3, stream("ollama", one .. two, "application/x-ndjson")))
      assert.equal("server_error", select(3, stream("ollama", one .. '{"error":"boom"}\n', "application/x-ndjson")))
    end)

    it("tells its errors apart", function()
      server:play { status = 404, body = '{"error":"model not found"}' }
      local _, message, code = ask("ollama", {})
      assert.equal("invalid_request", code)
      assert.match("model not found", message)
      play { message = { content = "half" }, done = false }
      assert.equal("bad_response", (select(3, ask("ollama", {}))))
    end)
  end)

  it("of somebody unknown is refused with a sentence", function()
    for _, provider in ipairs { "nobody", "wire", "price" } do
      local answer, message, code = ask(provider, {})
      assert.is_nil(answer)
      assert.equal("invalid_request", code)
      assert.match("not known", message)
    end
  end)
end)
