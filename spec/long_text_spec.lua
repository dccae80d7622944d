--- Texts longer than any prompt: read in parts, each of which has its place in the lineage.
local digest = require "core.digest"
local fake_model = require "spec.support.fake_model"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"

local config = [[
return { zone = "UTC", owner = "Mira", budget = { day = "$1.00" },
  tiers = { small = { { provider = "openai", model = "gpt-x-mini", base_url = "%s", key = "sk-s3cret", price = { input = 0.20, output = 0.80 } } } } }]]

local function skills()
  local all = {}
  for _, name in ipairs { "summarise", "summarise_part", "split_text" } do all[name] = assert(file.read("skills/" .. name .. ".lua")) end
  return all
end

local reads = [[ local said = assert(ctx.skill.summarise { text = input.text, source = "notes/long.md", max_sentences = 2 })
  return { summary = said.summary, parts = #(said.parts or {}), rounds = said.rounds or 0 } ]]

--- So many bytes of notes, every line another.
local function notes(bytes)
  local lines, n, i = {}, 0, 0
  while n < bytes do
    i = i + 1
    lines[i] = ("- Item %d: screen %d of the audit took %d minutes, \"done\" by step %d.\n%s"):format(i, i * 7 % 20, i * 13 % 60, i, i % 9 == 0 and "\n" or "")
    n = n + #lines[i]
  end
  return table.concat(lines):sub(1, bytes)
end

--- What split_text makes of a text, in a run with its caps.
local function whole(text)
  local h = home.make { config = "return { zone = 'UTC' }", skills = skills(), agents = {
    cutter = home.agent([[ return ctx.skill.split_text { text = input.text, source = "x", max_tokens = 5400 } ]], 'uses = { "split_text" },') } }
  h:open()
  local run = h:run("cutter", { text = text })
  h:remove()
  return assert(run.output, json.encode(run.error))
end

describe("A long text", function()
  local server, h

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = json.encode { summary = ("The audit took long. "):rep(20), sentences = { "The audit took long." } }, usage = { prompt_tokens = 100, completion_tokens = 20 } }
    server:books()
    h = home.make { config = config:format(server.base_url), skills = skills(),
      agents = { reader = home.agent(reads, 'uses = { "summarise" }, budget = { run = "$0.50" },') } }
  end)
  after_each(function() h:remove() end)

  it("is cut without losing or changing a byte, at most so large, between lines", function()
    local text = notes(409600)
    local got, at, back = whole(text), 1, {}
    for i, one in ipairs(got.chunks) do
      assert.equal(at, one.start)
      assert.equal(text:sub(one.start, one.finish), one.text)
      assert.equal(("x#chunk-%d-of-%d"):format(i, #got.chunks), one.name)
      assert(one.tokens <= 5400)
      if i < #got.chunks then assert.equal("\n", one.text:sub(-1)) end
      at, back[i] = one.finish + 1, one.text
    end
    assert.equal(text, table.concat(back))
  end)

  it("is cut between characters where there is nothing else to cut at", function()
    for _, text in ipairs { ("雨"):rep(30000), ("🎉"):rep(20000), ("é"):rep(50000) } do
      local back = {}
      for i, one in ipairs(whole(text).chunks) do
        assert(utf8.len(one.text))
        assert(utf8.len(one.text) * 1.5 <= 5400)
        back[i] = one.text
      end
      assert.equal(text, table.concat(back))
    end
  end)

  it("of 400 KB never makes a prompt larger than 6,000 tokens", function()
    h:open()
    local run = h:run("reader", { text = notes(409600) })
    assert.equal("done", run.state)
    local books = server:books()
    assert(run.output.parts > 20)
    assert(books.requests > run.output.parts)
    for _, call in ipairs(books.calls) do
      local bytes = 0
      for _, message in ipairs(call.request.messages) do bytes = bytes + #message.content end
      assert(bytes <= 18000, bytes) -- three bytes a token
    end
    assert.same({}, h.engine.store:read("budget.check", {}))
  end)

  it("has each of its parts in the lineage, by name and hash", function()
    h:open()
    local text = notes(409600)
    local run = h:run("reader", { text = text })
    local graph, seen = h.engine:lineage(run.run), {}
    for _, node in ipairs(graph.nodes) do if node.kind == "text" then seen[node.title] = node.detail end end
    local n = run.output.parts
    for i, one in ipairs(whole(text).chunks) do assert.equal(one.start > 0, seen[("notes/long.md#chunk-%d-of-%d"):format(i, n)] ~= nil) end
    local first = text:sub(1, seen[("notes/long.md#chunk-1-of-%d"):format(n)].bytes)
    assert.equal(digest.sha256(first), seen[("notes/long.md#chunk-1-of-%d"):format(n)].hash)
  end)

  it("is read the same way without a model, and its run is played back the same", function()
    h:write("config.lua", "return { zone = 'UTC' }")
    h:open()
    local run = h:run("reader", { text = notes(409600) })
    assert.equal("done", run.state)
    assert(run.output.parts > 20)
    assert.equal(0, server:books().requests)
    assert.is_true(assert(h.engine:replay(run.run)).equal)
    local named = 0
    for _, node in ipairs(h.engine:lineage(run.run).nodes) do named = named + (node.kind == "text" and 1 or 0) end
    assert.equal(run.output.parts + 1, named) -- the file itself, too
  end)

  it("is played back the same with a model, asking it nothing", function()
    h:open()
    local run = h:run("reader", { text = notes(60000) })
    server:books()
    assert.is_true(assert(h.engine:replay(run.run)).equal)
    assert.equal(0, server:books().requests)
  end)

  it("that is short is asked about once", function()
    h:open()
    assert.equal(0, h:run("reader", { text = "One line." }).output.rounds)
    assert.equal(1, server:books().requests)
  end)
end)
