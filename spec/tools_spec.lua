local fake_model = require "spec.support.fake_model"
local json = require "json"
local model = require "model"
local store = require "store"

local schema = { type = "object", required = { "city" }, properties = { city = { type = "string" } } }

-- Each dialect's way to say the same, whole and streamed.
local ways = {}

ways.openai = { path = "/chat/completions", kind = "text/event-stream" }

function ways.openai.whole(text, calls, finish)
  local list = json.array {}
  for i, call in ipairs(calls) do
    list[i] = { id = call[1], type = "function", ["function"] = { name = call[2], arguments = call[3] } }
  end
  return json.encode { choices = { { index = 0, finish_reason = finish or #calls > 0 and "tool_calls" or "stop",
    message = { role = "assistant", content = text or json.null, tool_calls = list } } }, usage = { prompt_tokens = 9, completion_tokens = 3 } }
end

local function data(value) return "data: " .. json.encode(value) .. "\n\n" end

function ways.openai.streamed(text, calls, finish)
  local out = {}
  local function delta(d, why) out[#out + 1] = data { choices = { { index = 0, delta = d, finish_reason = why or json.null } } } end
  if text then delta { content = text } end
  for i, call in ipairs(calls) do
    delta { tool_calls = { { index = i - 1, id = call[1], ["function"] = { name = call[2], arguments = "" } } } }
  end
  -- the arguments of all of them in turn, two bytes a time
  local longest = 0
  for _, call in ipairs(calls) do longest = math.max(longest, #call[3]) end
  for at = 1, longest, 2 do
    for i = #calls, 1, -1 do
      local piece = calls[i][3]:sub(at, at + 1)
      if piece ~= "" then delta { tool_calls = { { index = i - 1, ["function"] = { arguments = piece } } } } end
    end
  end
  delta({}, finish or #calls > 0 and "tool_calls" or "stop")
  return table.concat(out) .. data { choices = json.array {}, usage = { prompt_tokens = 9, completion_tokens = 3 } } .. "data: [DONE]\n\n"
end

ways.anthropic = { path = "/v1/messages", kind = "text/event-stream" }

function ways.anthropic.whole(text, calls, finish)
  local blocks = json.array {}
  if text then blocks[1] = { type = "text", text = text } end
  for _, call in ipairs(calls) do
    blocks[#blocks + 1] = { type = "tool_use", id = call[1], name = call[2], input = json.decode(call[3]) or call[3] }
  end
  return json.encode { type = "message", content = blocks, stop_reason = finish or #calls > 0 and "tool_use" or "end_turn",
    usage = { input_tokens = 9, output_tokens = 3 } }
end

function ways.anthropic.streamed(text, calls, finish)
  local out = { data { type = "message_start", message = { usage = { input_tokens = 9, output_tokens = 1 } } } }
  local index = 0
  local function block(start, deltas)
    out[#out + 1] = data { type = "content_block_start", index = index, content_block = start }
    for _, delta in ipairs(deltas) do out[#out + 1] = data { type = "content_block_delta", index = index, delta = delta } end
    out[#out + 1] = data { type = "content_block_stop", index = index }
    index = index + 1
  end
  if text then block({ type = "text", text = "" }, { { type = "text_delta", text = text } }) end
  for _, call in ipairs(calls) do
    local pieces = {}
    for piece in call[3]:gmatch "..?" do pieces[#pieces + 1] = { type = "input_json_delta", partial_json = piece } end
    block({ type = "tool_use", id = call[1], name = call[2], input = {} }, pieces)
  end
  out[#out + 1] = data { type = "message_delta", delta = { stop_reason = finish or #calls > 0 and "tool_use" or "end_turn" }, usage = { output_tokens = 3 } }
  return table.concat(out) .. data { type = "message_stop" }
end

ways.ollama = { path = "/api/chat", kind = "application/x-ndjson" }

local function ollama_calls(calls)
  local list = json.array {}
  for i, call in ipairs(calls) do
    list[i] = { id = call[1], ["function"] = { name = call[2], arguments = json.decode(call[3]) or call[3] } }
  end
  return list
end

function ways.ollama.whole(text, calls, finish)
  return json.encode { message = { content = text or "", tool_calls = ollama_calls(calls) }, done = true, done_reason = finish or "stop",
    prompt_eval_count = 9, eval_count = 3 }
end

function ways.ollama.streamed(text, calls, finish)
  local out = json.encode { message = { content = text or "" }, done = false } .. "\n"
  for _, call in ipairs(calls) do
    out = out .. json.encode { message = { content = "", tool_calls = ollama_calls { call } }, done = false } .. "\n"
  end
  return out .. json.encode { done = true, done_reason = finish or "stop", prompt_eval_count = 9, eval_count = 3 } .. "\n"
end

for provider, way in pairs(ways) do
  for _, mode in ipairs { "whole", "streamed" } do
    describe(("tools of %s, %s:"):format(provider, mode), function()
      local server, s

      setup(function() server = fake_model.start() end)
      teardown(function() server:stop() end)
      before_each(function()
        server:play()
        server:books()
        s = assert(store.open(":memory:"))
      end)
      after_each(function() s:close() end)

      local function ask(request)
        local tier = { provider = provider, model = "m", base_url = server.url, key = "k", price = { input_picousd = 1, output_picousd = 2 } }
        local m = assert(model.open { store = s, settings = { tiers = { small = { tier } } }, retry = { attempts = 1 } })
        if mode == "streamed" and request.on_text == nil then request.on_text = function() end end
        if not request.messages then request.prompt = "Hi" end
        request.tools = request.tools or { { name = "weather", about = "of a city", input = schema }, { name = "now" } }
        return m:ask(request)
      end

      local function play(...)
        server:play { body = way[mode](...), content_type = mode == "streamed" and way.kind or nil }
      end

      local function sent(i) return server:books().calls[i or 1].request end

      it("the calls of an answer come with their arguments", function()
        play("Let me see.", { { "a1", "weather", '{"city":"Oslo"}' }, { "a2", "now", "{}" } })
        local answer = assert(ask {})
        assert.equal("tools", answer.stop)
        assert.equal("Let me see.", answer.text)
        assert.same({ { id = "a1", name = "weather", args = { city = "Oslo" } }, { id = "a2", name = "now", args = {} } }, answer.calls)
        assert.same({ input = 9, output = 3, cached = 0 }, answer.usage)
        assert.is_false(answer.estimated)
      end)

      it("an answer may be calls alone, or text alone", function()
        play(nil, { { "a1", "now", "" } })
        assert.same({ { id = "a1", name = "now", args = {} } }, assert(ask {}).calls)
        play("Hello", {})
        local answer = assert(ask {})
        assert.equal("end", answer.stop)
        assert.is_nil(answer.calls)
        assert.equal("Hello", answer.text)
      end)

      it("ids that are missing or told twice become ours", function()
        play(nil, { { "a1", "now", "{}" }, { "a1", "now", "{}" }, { json.null, "now", "{}" } })
        local calls = assert(ask {}).calls
        assert.equal("a1", calls[1].id)
        assert.match("^call_%x+$", calls[2].id)
        assert.match("^call_%x+$", calls[3].id)
        assert.not_equal(calls[2].id, calls[3].id)
      end)

      it("what does not fit is said to the model, call by call, and asked again", function()
        for _, bad in ipairs { { "weather", '{"city":7}', "expected string" }, { "weathr", "{}", "no tool 'weathr'.*weather, now" },
          { "weather", '{"city":', "no JSON" }, { "now", "[1]", "no JSON object" } } do
          server:play({ body = way[mode](nil, { { "b1", "now", "{}" }, { "b2", bad[1], bad[2] } }), content_type = mode == "streamed" and way.kind or nil },
            { body = way[mode](nil, { { "b3", "now", "{}" } }), content_type = mode == "streamed" and way.kind or nil })
          local answer = assert(ask {})
          assert.equal("b3", answer.calls[1].id)
          assert.equal(2, answer.attempts)
          assert.equal(2 * (9 + 6), answer.cost_picousd)
          local told = json.encode(sent(2).messages)
          assert.match(bad[3], told)
          assert.match("was not run", told)
        end
      end)

      it("a model that will not mend its calls fails", function()
        server:default { body = way[mode](nil, { { "b", "nothing", "{}" } }), content_type = mode == "streamed" and way.kind or nil }
        local answer, message, code, detail = ask {}
        assert.is_nil(answer)
        assert.equal("bad_response", code)
        assert.match("no tool 'nothing'", message)
        assert.equal(3, detail.attempts)
      end)

      it("a call that was cut is never one to run", function()
        play(nil, { { "a1", "now", "" } }, provider == "anthropic" and "max_tokens" or "length")
        local answer, _, code = ask {}
        assert.is_nil(answer)
        assert.equal("bad_response", code)
      end)

      it("a tool that must be called is asked for until it is", function()
        server:play({ body = way[mode](nil, { { "a1", "now", "{}" } }), content_type = mode == "streamed" and way.kind or nil },
          { body = way[mode](nil, { { "a2", "weather", '{"city":"Oslo"}' } }), content_type = mode == "streamed" and way.kind or nil })
        assert.equal("a2", assert(ask { tool_choice = "weather" }).calls[1].id)
        play(nil, { { "a3", "now", "{}" } })
        assert(ask { tool_choice = "required" })
      end)

      it("calls and their results go back as the server wants them", function()
        play("Cold.", {})
        assert(ask { messages = {
          { role = "user", content = "Weather?" },
          { role = "assistant", calls = { { id = "x.1", name = "weather", args = { city = "Oslo" } }, { id = "x.2", name = "now", args = {} } } },
          { role = "tool", call = "x.2", content = "noon" },
          { role = "tool", call = "x.1", content = "no such city", failed = true },
          { role = "user", content = "And?" } } })
        local request = sent()
        local list = request.messages
        if provider == "anthropic" then
          assert.same({ role = "assistant", content = { { type = "tool_use", id = "x_1", name = "weather", input = { city = "Oslo" } },
            { type = "tool_use", id = "x_2", name = "now", input = {} } } }, list[2])
          assert.same({ role = "user", content = { { type = "tool_result", tool_use_id = "x_2", content = "noon" },
            { type = "tool_result", tool_use_id = "x_1", content = "no such city", is_error = true }, { type = "text", text = "And?" } } }, list[3])
          assert.equal(3, #list)
          assert.same({ name = "weather", description = "of a city", input_schema = schema }, request.tools[1])
          assert.same({ name = "now", input_schema = { type = "object", properties = {} } }, request.tools[2])
        elseif provider == "openai" then
          assert.same({ role = "assistant", content = json.null, tool_calls = {
            { id = "x.1", type = "function", ["function"] = { name = "weather", arguments = '{"city":"Oslo"}' } },
            { id = "x.2", type = "function", ["function"] = { name = "now", arguments = "{}" } } } }, list[2])
          assert.same({ role = "tool", tool_call_id = "x.2", content = "noon" }, list[3])
          assert.same({ role = "tool", tool_call_id = "x.1", content = "It failed: no such city" }, list[4])
          assert.same({ type = "function", ["function"] = { name = "weather", description = "of a city", parameters = schema } }, request.tools[1])
        else
          assert.same({ role = "assistant", content = "", tool_calls = {
            { id = "x.1", ["function"] = { index = 0, name = "weather", arguments = { city = "Oslo" } } },
            { id = "x.2", ["function"] = { index = 1, name = "now", arguments = {} } } } }, list[2])
          assert.same({ role = "tool", tool_name = "now", tool_call_id = "x.2", content = "noon" }, list[3])
        end
      end)

      it("the choice among tools is told in the server's words", function()
        local want = {
          openai = { auto = "auto", none = "none", required = "required", now = { type = "function", ["function"] = { name = "now" } } },
          anthropic = { auto = { type = "auto", disable_parallel_tool_use = true }, none = { type = "none" },
            required = { type = "any", disable_parallel_tool_use = true }, now = { type = "tool", name = "now", disable_parallel_tool_use = true } },
          ollama = {},
        }
        for _, choice in ipairs { "auto", "none", "required", "now" } do
          play("x", choice ~= "none" and { { "a", "now", "{}" } } or {})
          assert(ask { tool_choice = choice, parallel_tools = false })
          local request = sent()
          assert.same(want[provider][choice], request.tool_choice)
          if provider == "openai" then assert.is_false(request.parallel_tool_calls) end
          if provider == "ollama" then
            assert.equal(({ auto = 2, none = 0, required = 2, now = 1 })[choice], #(request.tools or {}))
          end
        end
      end)

      it("more calls than anybody would make are refused", function()
        local many = {}
        for i = 1, 200 do many[i] = { "id" .. i, "now", "{}" } end
        play(nil, many)
        assert.equal("bad_response", select(3, ask {}))
      end)
    end)
  end
end

describe("a request with tools", function()
  local function refused(fields)
    local m = assert(model.open { settings = { tiers = { small = { { provider = "echo", model = "echo", price = "free" } } } } })
    local answer, message, code = m:ask(fields)
    assert.is_nil(answer)
    assert.equal("invalid_request", code)
    return message
  end

  it("is checked before anything is sent", function()
    for _, case in ipairs {
      { { prompt = "x", tools = {} }, "a list of {name, about, input}" },
      { { prompt = "x", tools = { { name = "a b" } } }, "number 1 has no name" },
      { { prompt = "x", tools = { { name = "a" }, { name = "a" } } }, "number 2 is a second 'a'" },
      { { prompt = "x", tools = { { name = "auto" } } }, "cannot be named" },
      { { prompt = "x", tools = { { name = "a", abuot = "x" } } }, "did you mean 'about'" },
      { { prompt = "x", tools = { { name = "a", input = { type = "array" } } } }, "schema of an object" },
      { { prompt = "x", tools = { { name = "a", input = { type = "object", properties = { b = { type = "nope" } } } } } }, "wrong input schema" },
      { { prompt = "x", tool_choice = "auto" }, "need tools" },
      { { prompt = "x", tool_choice = "wether", tools = { { name = "weather" } } }, "did you mean 'weather'" },
      { { prompt = "x", effort = "huge" }, "effort" },
    } do
      assert.match(case[2], refused(case[1]))
    end
  end)

  it("answers each call once, and before anything else", function()
    local call = { role = "assistant", calls = { { id = "1", name = "a", args = {} } } }
    local result = { role = "tool", call = "1", content = "x" }
    local user = { role = "user", content = "x" }
    for _, case in ipairs {
      { { user, call }, "call '1' has no result" },
      { { user, call, user }, "number 3 .*call '1' has no result before it" },
      { { user, call, result, result }, "number 4 .*no call '1' waits" },
      { { user, result }, "number 2 .*no call '1' waits" },
      { { user, { role = "tool", content = "x" } }, "needs call" },
      { { user, { role = "assistant", calls = { { id = "1" } } } }, "its call 1" },
      { { user, { role = "assistant", calls = { { id = "1", name = "a", args = { 1 } } } } }, "args" },
      { { user, { role = "assistant", calls = { { id = "1", name = "a" }, { id = "1", name = "a" } } } }, "two calls have the id '1'" },
      { { user, { role = "assistant" } }, "content is no text" },
    } do
      assert.match(case[2], refused { messages = case[1] })
    end
  end)

  it("is answered by the echo too: with a call when one must come, then with the result", function()
    local m = assert(model.open { settings = { tiers = { small = { { provider = "echo", model = "echo", price = "free" } } } } })
    local request = { prompt = '{"city":"Oslo"}', tools = { { name = "weather", input = schema } }, tool_choice = "required" }
    local answer = assert(m:ask(request))
    assert.same({ city = "Oslo" }, answer.calls[1].args)
    request.messages = { { role = "user", content = request.prompt }, { role = "assistant", calls = answer.calls },
      { role = "tool", call = answer.calls[1].id, content = "cold" } }
    request.prompt, request.tool_choice = nil, nil
    assert.equal("cold", assert(m:ask(request)).text)
  end)
end)
