-- Vectors of an endpoint: asked in batches, kept with their model, given afterwards.
local embedding = require "memory.embedding"
local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"
local json = require "json"
local memory = require "memory"

describe("vectors of an endpoint", function()
  local fake
  setup(function() fake = fake_model.start() end)
  teardown(function() fake:stop() end)
  before_each(function()
    fake:play()
    fake:default { text = "" }
    fake:books()
  end)

  local function endpoint(more)
    local o = { provider = "openai", model = "letters", base_url = fake.base_url, key = "sk-secret" }
    for name, value in pairs(more or {}) do o[name] = value end
    return embedding.endpoint(o)
  end

  local function fresh(more)
    return assert(memory.open(":memory:", { ns = "acme", clock = function() return 1700000000000 end, embed = endpoint(more) }))
  end

  it("come in batches, are kept with model and dimension, and are asked for once", function()
    local m = fresh { dim = 16 }
    for i = 1, 130 do m:remember { text = "text number " .. i } end
    assert.equal(0, fake:books().requests)
    assert.equal(130, assert(m:reembed()))
    local asked = fake:books().requests
    assert.equal(3, asked)
    assert.same({ { model = "letters@16", dim = 16, n = 130 } }, m.store:read("memory.models", {}))
    assert.equal(0, assert(m:reembed()))
    assert.equal(0, fake:books().requests)
    assert(m:search { query = "text number" })
    assert(m:search { query = "text number" })
    assert.equal(1, fake:books().requests)
  end)

  it("are found by once they are there, and words alone before", function()
    local m = fresh()
    m:remember { id = "x", text = "zzz zzz" }
    m:remember { id = "y", text = "abc abc" }
    assert.equal(0, assert(m:search { query = "zz z zzzz", k = 1 })[1].parts.vector)
    assert(m:reembed())
    local hit = assert(m:search { query = "zz z zzzz", k = 1 })[1]
    assert.equal("x", hit.id)
    assert.is_true(hit.similarity > 0.9)
  end)

  it("are paid for out of the ledger, each batch", function()
    local m = fresh { price = { input = 0.02, output = 0 } }
    m:remember { text = "hello" }
    m:remember { text = "hello again" }
    assert.equal(2, assert(m:reembed()))
    local row = m.store:read("ledger.list", { since = 0, limit = 10 })[1]
    assert.same({ "settled", "embed", 2 * 20000, 2 }, { row.state, row.tier, row.cost, row.input })
    fake:play { fault = "reset" }
    m:remember { text = "once more" }
    assert.equal("connection_lost", select(3, m:reembed()))
    row = m.store:read("ledger.list", { since = 0, limit = 10 })[1]
    assert.same({ "estimated", row.money }, { row.state, row.cost })
    fake:play { status = 500 }
    assert.equal("server_error", select(3, m:reembed()))
    assert.equal("released", m.store:read("ledger.list", { since = 0, limit = 10 })[1].state)
    assert.same({}, m.store:read("budget.check", {}))
  end)

  it("are not fetched past the budget, nor without a price from another machine", function()
    local m = assert(memory.open(":memory:", { ns = "acme", embed = endpoint { price = { input = 0.02, output = 0 } },
      limits = { day_picousd = 100 } }))
    m:remember { text = "hello" }
    assert.equal("budget", select(3, m:reembed()))
    assert.equal(0, fake:books().requests)
    m = fresh { base_url = "http://embed.example.org/v1" }
    m:remember { text = "hello" }
    assert.equal("invalid_request", select(3, m:reembed()))
  end)

  it("of Ollama, too", function()
    local m = fresh { provider = "ollama", base_url = fake.url }
    m:remember { text = "hello" }
    assert.equal(1, assert(m:reembed()))
    assert.equal(26, m.store:read("memory.models", {})[1].dim)
  end)

  it("replace those of another model, a row at a time", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end end)
    local options = { ns = "acme" }
    local m <close> = assert(memory.open(path, options))
    m:remember { text = "the garden is large" }
    m:remember { text = "the kitchen is small" }
    assert.equal("words-50k-100d-1", m.store:read("memory.models", {})[1].model)
    m.defaults.embed = endpoint()
    assert.equal(1, assert(m:reembed { limit = 1 }))
    assert.equal(2, #m.store:read("memory.models", {}))
    assert.equal(2, #assert(m:search { query = "garden kitchen" }))
    assert.equal(1, assert(m:reembed()))
    assert.same({ { model = "letters", dim = 26, n = 2 } }, m.store:read("memory.models", {}))
    m.defaults.embed = nil
    assert.equal(2, assert(m:reembed()))
  end)

  it("that are wrong or missing change nothing, and are told without the key", function()
    local m = fresh()
    m:remember { text = "one" }
    m:remember { text = "two" }
    local function refused(thing, code, words)
      fake:default(thing)
      local n, message, got = m:reembed()
      assert.is_nil(n)
      assert.equal(code, got)
      assert.match(words, message)
      assert.is_nil(message:find("sk-secret", 1, true))
      assert.same({}, m.store:read("memory.models", {}))
    end
    refused({ status = 401 }, "auth", "401")
    refused({ status = 429 }, "rate_limited", "429")
    refused({ status = 503 }, "server_error", "503")
    refused({ body = "no json" }, "bad_response", "no JSON")
    refused({ body = json.encode { data = { { index = 0, embedding = { 1, 2 } } } } }, "bad_response", "2 vectors were expected, 1 came")
    refused({ body = json.encode { data = { { index = 0, embedding = { 1, 2 } }, { index = 1, embedding = { 1 } } } } }, "bad_response", "1 numbers, 2 were expected")
    refused({ body = '{"data":[{"index":0,"embedding":[1,"x"]},{"index":1,"embedding":[1,2]}]}' }, "bad_response", "number")
    refused({ body = '{"data":[{"index":0,"embedding":[1e999,1]},{"index":1,"embedding":[1,2]}]}' }, "bad_response", "")
    refused({ fault = "close" }, "connection_lost", "letters")
    assert.equal("one", assert(m:search { query = "one", k = 1 })[1].text)
    fake:default { text = "" }
    assert.equal(2, assert(m:reembed()))
  end)

  it("of another length than memory's own are refused when asked with", function()
    local m = fresh()
    m:remember { text = "one" }
    assert(m:reembed())
    local hits, message = m:search { vector = { 1, 2, 3 }, model = "letters" }
    assert.is_nil(hits)
    assert.match("3 numbers, memory's have 26", message)
    assert.error_matches(function() m:search { vector = { 0 / 0 }, model = "letters" } end, "'vector'")
  end)

  it("are of one length for a model, until none of it is left", function()
    local m = assert(memory.open(":memory:", { ns = "acme" }))
    assert(m:remember { id = "a", text = "one", vector = { 1, 2, 3 }, model = "own" })
    local id, message, code = m:remember { id = "b", text = "two", vector = { 1, 2, 3, 4 }, model = "own" }
    assert.is_nil(id)
    assert.match("vectors of own in this store have another dimension than 4", message)
    assert.equal("input", code)
    assert.is_nil(m:get { id = "b" })
    assert(m:forget { id = "a" })
    assert(m:remember { id = "b", text = "two", vector = { 1, 2, 3, 4 }, model = "own" })
    assert.equal("b", assert(m:search { vector = { 1, 2, 3, 4 }, model = "own" })[1].id)
  end)

  it("come to a served home by config.lua, with retention and the settings of kinds", function()
    local h = home.make { config = ([[return { zone = "UTC",
      embed = { provider = "openai", model = "letters", base_url = "%s" },
      memory = { kinds = { turn = { ttl = "2d", text = 0.5 } }, retention = { note = "1d" } } }]]):format(fake.base_url) }
    finally(function() h:remove() end)
    h.now = 1700000000000
    local e = h:open()
    local m = e:memory()
    m:remember { kind = "turn", text = "a turn of speech" }
    m:remember { kind = "note", text = "a note of speech" }
    assert(e:gc())
    assert.same({ { model = "letters", dim = 26, n = 2 } }, e.store:read("memory.models", {}))
    assert.is_true(assert(m:search { query = "turn", k = 1 })[1].parts.text <= 0.5)
    h.now = h.now + 3 * 86400000
    assert.equal(2, assert(e:gc()).memories)
    assert.equal(0, #assert(m:search { query = "speech" }))
  end)
end)

describe("a served home's summaries", function()
  it("are made by its own summarise skill", function()
    local h = home.make { skills = { summarise = [[
return skill { version = 1, about = "counts", input = { type = "object" }, output = { type = "object" }, effect = "pure",
  ["local"] = function(input) return { summary = "of " .. #input.text .. " bytes" } end }]] },
      config = 'return { zone = "UTC", memory = { retention = { turn = { summarise = "1d" } } } }' }
    finally(function() h:remove() end)
    h.now = 1700000000000
    local e = h:open()
    e:memory():remember { kind = "turn", session = "s", speaker = "Ines", text = "Dark green, please." }
    h.now = h.now + 2 * 86400000
    assert(e:gc())
    assert.equal("of 25 bytes", e:memory():get { kind = "summary", key = "turn:s" }.text)
  end)
end)
