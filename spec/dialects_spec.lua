local fake_model = require "spec.support.fake_model"
local json = require "json"
local model = require "model"
local price_of = require "model.price"
local request = require "model.request"
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

-- Without a server: what each makes of fields that came, and of fields that were asked for.
describe("a dialect", function()
  local openai, anthropic, ollama = require "model.openai", require "model.anthropic", require "model.ollama"
  local entry = { model = "m", base_url = "http://x/", key = "k" }

  local function body(dialect, fields, traits)
    fields.prompt = fields.prompt or "Hi"
    local asked = assert(request.read(fields))
    local _, _, value = dialect.request(asked, entry, traits or {})
    return json.decode(assert(json.encode(value))), asked
  end

  local function usage(dialect, raw)
    local replies = {
      [openai] = { choices = { { message = { content = "x" }, finish_reason = "stop" } }, usage = raw },
      [anthropic] = { content = { { type = "text", text = "x" } }, stop_reason = "end_turn", usage = raw },
      [ollama] = { message = { content = "x" }, done = true },
    }
    for key, value in pairs(dialect == ollama and raw or {}) do replies[ollama][key] = value end
    return price_of.usage(assert(dialect.reply(replies[dialect])).usage), dialect.reply(replies[dialect]).usage
  end

  it("counts the whole prompt, and of it what was read and written", function()
    local u = usage(openai, { prompt_tokens = 10, completion_tokens = 4, prompt_tokens_details = { cached_tokens = 3, cache_write_tokens = 2 },
      completion_tokens_details = { reasoning_tokens = 1 } })
    assert.same({ 10, 4, 3, 2, 1 }, { u.input, u.output, u.cached, u.written, u.reasoning })
    local _, raw = usage(anthropic, { input_tokens = 5, output_tokens = 4, cache_creation_input_tokens = 9, cache_read_input_tokens = 2,
      cache_creation = { ephemeral_5m_input_tokens = 1, ephemeral_1h_input_tokens = 3 } })
    assert.same({ 16, 4, 2, 9, 3 }, { raw.input, raw.output, raw.cached, raw.written, raw.written_1h })
    -- a split that is more than its whole is believed
    _, raw = usage(anthropic, { input_tokens = 5, output_tokens = 4, cache_creation = { ephemeral_5m_input_tokens = 1, ephemeral_1h_input_tokens = 3 } })
    assert.same({ 9, 4, 3 }, { raw.input, raw.written, raw.written_1h })
    u = usage(ollama, { prompt_eval_count = 7, eval_count = 2, prompt_eval_cached_count = 5 })
    assert.same({ 7, 2, 5 }, { u.input, u.output, u.cached })
  end)

  it("counts as output what a total shows and completion_tokens hides", function()
    assert.equal(90, usage(openai, { prompt_tokens = 10, completion_tokens = 4, total_tokens = 100 }).output)
    assert.equal(90, usage(openai, { prompt_tokens = 10, completion_tokens = 4, total_tokens = 100,
      completion_tokens_details = { reasoning_tokens = 86 } }).output)
    assert.equal(4, usage(openai, { prompt_tokens = 10, completion_tokens = 4, total_tokens = 5 }).output)
    assert.equal(4, usage(openai, { prompt_tokens = 10, completion_tokens = 4, total_tokens = -1 }).output)
  end)

  it("knows no usage that cannot be true", function()
    for _, raw in ipairs { { prompt_tokens = 0, completion_tokens = 0 }, { prompt_tokens = 5, completion_tokens = 0 }, { prompt_tokens = 5 },
      { prompt_tokens = 5, completion_tokens = 2, completion_tokens_details = { reasoning_tokens = 3 } },
      { prompt_tokens = 5, completion_tokens = 2, prompt_tokens_details = { cached_tokens = 6 } }, {} } do
      assert.is_nil((usage(openai, raw)))
    end
    for _, raw in ipairs { { output_tokens = 3 }, { input_tokens = 3 }, { input_tokens = 1.5, output_tokens = 3 },
      { input_tokens = 3, output_tokens = 3, cache_creation = { ephemeral_1h_input_tokens = -1 } },
      { input_tokens = 3, output_tokens = 3, cache_read_input_tokens = "2" } } do
      assert.is_nil((usage(anthropic, raw)))
    end
    assert.is_nil((usage(ollama, { prompt_eval_count = 0, eval_count = 3 })))
  end)

  it("asks for a schema strictly where every object is closed and whole", function()
    local closed = { type = "object", additionalProperties = false, required = { "a" }, properties = { a = { type = "array",
      items = { type = "object", additionalProperties = false, required = { "b" }, properties = { b = { enum = { "x" } } } } } } }
    assert.is_true(body(openai, { schema = closed }).response_format.json_schema.strict)
    assert.is_nil(body(openai, { schema = closed }, { no_strict = true }).response_format.json_schema.strict)
    for _, open in ipairs { { type = "object" }, { type = "string" }, { type = "object", additionalProperties = false, properties = { a = {} } },
      { type = "object", additionalProperties = false, required = { "a" }, properties = { a = { type = "object" } } },
      { type = "object", additionalProperties = false, required = { "a" }, properties = { a = { type = "string", format = "email" } } },
      { type = "object", additionalProperties = false, required = { "a" }, properties = { a = true } } } do
      assert.is_nil(body(openai, { schema = open }).response_format.json_schema.strict)
    end
  end)

  it("passes on how hard to think, and learns where that is refused", function()
    assert.equal("low", body(openai, { effort = "low" }).reasoning_effort)
    local value = body(anthropic, { effort = "high", schema = { type = "object" } })
    assert.equal("high", value.output_config.effort)
    assert.equal("json_schema", value.output_config.format.type)
    assert.equal("low", body(ollama, { effort = "minimal" }).think)
    assert.is_false(body(ollama, { effort = "none" }).think)
    local asked = select(2, body(openai, { effort = "low" }))
    for dialect, words in pairs { [openai] = "unknown field reasoning_effort", [anthropic] = "output_config.effort: not here",
      [ollama] = '"m" does not support thinking' } do
      local traits = {}
      assert.is_true(dialect.adapt(traits, 400, words, asked))
      assert.is_false(dialect.adapt(traits, 400, words, asked))
      local again = body(dialect, { effort = "low" }, traits)
      assert.same({}, { again.reasoning_effort, again.output_config, again.think })
    end
    local traits = {}
    assert.is_true(ollama.adapt(traits, 400, 'think value "low" is not supported for this model', asked))
    assert.is_true(body(ollama, { effort = "low" }, traits).think)
  end)

  it("learns what a server does not take, once for each", function()
    local schema = { type = "object", additionalProperties = false }
    local _, asked = body(openai, { schema = schema, tools = { { name = "a" } }, parallel_tools = false })
    local traits = {}
    assert.is_true(openai.adapt(traits, 400, "response_format: strict is not known", asked))
    assert.is_true(openai.adapt(traits, 400, "response_format is not known", asked))
    assert.is_true(openai.adapt(traits, 422, "parallel_tool_calls is not known", asked))
    assert.same({ no_strict = true, plain_schema = true, no_parallel_option = true }, traits)
    assert.is_false(openai.adapt(traits, 400, "response_format strict parallel_tool_calls reasoning_effort stream_options", asked))
    assert.is_false(openai.adapt(traits, 500, "max_completion_tokens", asked))
    traits = {}
    assert.is_true(ollama.adapt(traits, 500, "failed to parse grammar", asked))
    assert.match("JSON Schema", body(ollama, { schema = schema }, traits).messages[1].content)
  end)

  it("knows a request that is too long by many words", function()
    for _, message in ipairs { "This model's maximum context length is 8192 tokens", "the request exceeds the available context size",
      "Input is over the context window of this model" } do
      assert.equal("context_length", (openai.failure(400, { error = { message = message } })))
    end
    assert.equal("context_length", (openai.failure(400, { error = { message = "x", type = "exceed_context_size_error" } })))
    assert.equal("context_length", (anthropic.failure(400, { error = { type = "invalid_request_error", message = "prompt is too long: 9 > 8" } })))
  end)

  it("reads the status in an error inside a 200", function()
    assert.equal("rate_limited", (openai.failure(200, { error = { message = "slow down", code = 429 } })))
    assert.equal("server_error", (openai.failure(200, { error = { message = "gone", code = 502 } })))
    assert.equal("server_error", (openai.failure(200, { error = { message = "odd", code = 7 } })))
  end)

  it("counts nothing before message_delta as all of the output", function()
    local stream = anthropic.stream()
    local function event(value) stream.event { data = json.encode(value) } end
    event { type = "message_start", message = { usage = { input_tokens = 9, output_tokens = 1, cache_read_input_tokens = 2 } } }
    event { type = "content_block_delta", index = 0, delta = { type = "text_delta", text = "x" } }
    event { type = "message_delta", delta = { stop_reason = "end_turn" }, usage = json.null }
    event { type = "message_stop" }
    assert.is_nil((price_of.usage(assert(stream.answer()).usage)))
    stream = anthropic.stream()
    event { type = "message_start", message = { usage = { input_tokens = 9, output_tokens = 1, cache_read_input_tokens = 2 } } }
    event { type = "content_block_delta", index = 0, delta = { type = "text_delta", text = "x" } }
    event { type = "message_delta", delta = { stop_reason = "end_turn" }, usage = { output_tokens = 5, input_tokens = 11, cache_read_input_tokens = json.null } }
    event { type = "message_stop" }
    local u = assert(stream.answer()).usage
    assert.same({ 13, 5, 2 }, { u.input, u.output, u.cached })
  end)
end)
