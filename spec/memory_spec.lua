local json = require "json"
local fresh = require "spec.support.memories"
local memory = require "memory"
local store = require "store"

local DAY = 86400000

local function texts(hits)
  local list = {}
  for i, hit in ipairs(hits) do list[i] = hit.text end
  return list
end

local function has(hits, text)
  for _, hit in ipairs(hits) do
    if hit.text == text then return true end
  end
  return false
end

describe("memory", function()
  it("finds by words, by endings and by meaning", function()
    local m = fresh()
    m:remember { text = "The quarterly invoices are sent on Mondays" }
    m:remember { text = "Anna prefers vegetarian food" }
    m:remember { text = "The car has a flat tyre" }
    assert.equal("The quarterly invoices are sent on Mondays", assert(m:search { query = "invoice sending" })[1].text)
    assert.equal("Anna prefers vegetarian food", assert(m:search { query = "what meals does she like" })[1].text)
    assert.equal("The car has a flat tyre", assert(m:search { query = "vehicle broke down" })[1].text)
  end)

  it("gives each hit its reasons, and they add up to the score exactly", function()
    local m, now = fresh()
    for i = 1, 40 do
      now.ms = now.ms + DAY
      m:remember { text = ("note %d about the garden of client %d"):format(i, i % 7), importance = (i % 5) / 5,
        session = "s" .. i // 4, speaker = i % 2 == 0 and "Anna" or "Ben" }
    end
    local hits = assert(m:search { query = "what did Anna say about client 3 and the garden", k = 20 })
    assert.equal(20, #hits)
    for i, hit in ipairs(hits) do
      local forward, backward = 0, 0
      local names = { "text", "vector", "recency", "importance", "context", "time" }
      for j = 1, 6 do
        forward = forward + hit.parts[names[j]]
        backward = backward + hit.parts[names[7 - j]]
      end
      assert.equal(hit.score, forward)
      assert.equal(hit.score, backward)
      assert(i == 1 or hits[i - 1].score >= hit.score)
    end
    assert(hits[2].parts.context > 0, "what Anna said about it stands next to more of it")
  end)

  it("sees a write at once, without any building in between", function()
    local m = fresh()
    for i = 1, 300 do
      m:remember { text = "fact number " .. i .. " zebra" .. i }
      assert.equal("fact number " .. i .. " zebra" .. i, assert(m:search { query = "zebra" .. i, k = 1 })[1].text)
    end
  end)

  it("does the same on disk, and finds it after opening again", function()
    local path = os.tmpname()
    os.remove(path)
    local m = fresh { path = path }
    m:remember { key = "terms", kind = "fact", text = "Pays within 30 days", value = { days = 30 } }
    assert.equal(1, #assert(m:search { query = "pays" }))
    m:remember { key = "terms", kind = "fact", text = "Pays within 14 days", value = { days = 14 } }
    assert.same({ "Pays within 14 days" }, texts(assert(m:search { query = "pays" })))
    m:close()
    m = fresh { path = path }
    assert.same({ "Pays within 14 days" }, texts(assert(m:search { query = "pays" })))
    assert.equal(14, m:get { kind = "fact", key = "terms" }.value.days)
    m:close()
    for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end
  end)
end)

describe("a key in memory", function()
  it("keeps every version and shows the newest", function()
    local m, now = fresh()
    local t0 = now.ms
    assert.equal("new", select(2, m:remember { kind = "fact", key = "price", text = "10 euro" }))
    now.ms = t0 + DAY
    assert.equal("superseded", select(2, m:remember { kind = "fact", key = "price", text = "12 euro" }))
    now.ms = t0 + 2 * DAY
    assert.equal("12 euro", m:get { kind = "fact", key = "price" }.text)
    assert.equal("10 euro", m:get { kind = "fact", key = "price", as_of = t0 + 1 }.text)
    assert.is_nil((m:get { kind = "fact", key = "price", as_of = t0 - 1 }))
    assert.same({ "12 euro", "10 euro" }, texts(assert(m:history { kind = "fact", key = "price" })))
    assert.same({ "12 euro" }, texts(assert(m:search { query = "euro" })))
    assert.same({ "10 euro" }, texts(assert(m:search { query = "euro", as_of = t0 + 1 })))
  end)

  it("takes no new version of what is equal", function()
    local m = fresh()
    m:remember { kind = "fact", key = "a", text = "x", value = { n = 1 } }
    assert.equal("same", select(2, m:remember { kind = "fact", key = "a", text = "x", value = { n = 1 } }))
    assert.equal("superseded", select(2, m:remember { kind = "fact", key = "a", text = "x", value = { n = 1.0 } }))
  end)

  it("takes an older fact that arrives late into its place", function()
    local m, now = fresh()
    local t0 = now.ms
    m:remember { key = "boss", text = "Carla", time = t0 }
    m:remember { key = "boss", text = "Adam", time = t0 - 10 * DAY }
    m:remember { key = "boss", text = "Berta", time = t0 - 5 * DAY }
    assert.equal("Carla", m:get { kind = "note", key = "boss" }.text)
    assert.equal("Berta", m:get { kind = "note", key = "boss", as_of = t0 - DAY }.text)
    assert.equal("Adam", m:get { kind = "note", key = "boss", as_of = t0 - 6 * DAY }.text)
    assert.same({ "Carla" }, texts(assert(m:search { query = "Carla Adam Berta" })))
    assert.same({ "Berta" }, texts(assert(m:search { query = "Carla Adam Berta", as_of = t0 - DAY })))
  end)
end)

describe("text that is known", function()
  it("is not stored again, whatever its case and punctuation", function()
    local m = fresh()
    local id = m:remember { text = "The printer is out of toner" }
    for _, again in ipairs { "the printer is out of toner!", "  THE PRINTER\nis out of toner ", "The printer, is out of toner..." } do
      local known, outcome = m:remember { text = again }
      assert.equal(id, known)
      assert.equal("same", outcome)
    end
    assert.equal(1, #assert(m:search { query = "printer" }))
  end)

  it("is not stored again when it was recalled from a key", function()
    local m = fresh()
    m:remember { kind = "known_issue", key = "K-7", text = "Exports fail on Windows" }
    local hit = assert(m:search { query = "export failure" })[1]
    assert.equal("same", select(2, m:remember { text = hit.text }))
  end)

  it("is another text when a sign turns its meaning", function()
    local m = fresh()
    for _, text in ipairs { "I can pay", "I can't pay", "balance is 5", "balance is -5", "balance is 1.5", "balance is 15",
      "uses C", "uses C++", "+", "-", "\u{1f44d}", "\u{1f44e}" } do
      assert.equal("new", select(2, m:remember { text = text }), text)
    end
  end)
end)

describe("a namespace", function()
  it("never shows what is in another", function()
    local m = fresh()
    for i = 1, 200 do
      m:remember { ns = "a", text = "alpha secret " .. i, tags = { "t" } }
      m:remember { ns = "b", text = "beta secret " .. i, tags = { "t" } }
    end
    for _, query in ipairs { { query = "secret" }, { query = "beta" }, { query = "secret", where = { tags = { "t" } } }, {},
      { query = "secret", allow = { "note/*" } }, { query = "beta secret 7", k = 100 } } do
      query.ns, query.k = "a", query.k or 50
      local hits = assert(m:search(query))
      assert(#hits > 0)
      for _, hit in ipairs(hits) do assert.equal("a", hit.ns) end
    end
    assert.same({}, m:search { ns = "never", query = "secret" })
    assert.is_nil((m:get { ns = "b", id = assert(m:search { ns = "a", query = "alpha", k = 1 })[1].id }))
  end)

  it("scores as if the others were not there", function()
    local alone, crowded = fresh(), fresh()
    for i = 1, 30 do
      for _, m in ipairs { alone, crowded } do m:remember { ns = "a", text = "garden fence " .. i .. (i % 3 == 0 and " oak" or "") } end
      for j = 1, 6 do crowded:remember { ns = "b", text = ("oak oak tree %d %d"):format(i, j) } end
    end
    local one, two = assert(alone:search { ns = "a", query = "oak fence" }), assert(crowded:search { ns = "a", query = "oak fence" })
    for i, hit in ipairs(one) do
      assert.equal(hit.text, two[i].text)
      assert.same(hit.parts, two[i].parts)
    end
  end)

  it("must be named", function()
    local m = assert(memory.open(":memory:"))
    assert.error_matches(function() m:search { query = "x" } end, "namespace")
    assert.error_matches(function() m:remember { text = "x" } end, "namespace")
    assert.error_matches(function() m:remember { ns = "", text = "x" } end, "namespace")
  end)
end)

describe("a time to live", function()
  it("hides at once, at its end and not before", function()
    local m, now = fresh()
    m:remember { layer = "session", key = "draft", text = "a passing thought", ttl = "1h" }
    now.ms = now.ms + 3599999
    assert.equal(1, #assert(m:search { query = "thought" }))
    assert.truthy(m:get { kind = "note", key = "draft" })
    now.ms = now.ms + 1
    assert.equal(0, #assert(m:search { query = "thought" }))
    assert.is_nil((m:get { kind = "note", key = "draft" }))
    assert.equal(1, m:expire())
    assert.equal(0, m:expire())
    assert.equal("expired", m:history { kind = "note", key = "draft" }[1].reason)
  end)

  it("is prolonged when the same is remembered again", function()
    local m, now = fresh()
    m:remember { text = "a passing thought", ttl = "1h" }
    now.ms = now.ms + 3000000
    m:remember { text = "a passing thought", ttl = "1h" }
    now.ms = now.ms + 3000000
    assert.equal(1, #assert(m:search { query = "thought" }))
  end)
end)

describe("forgetting", function()
  it("takes text, value, index and vector, and leaves a tombstone", function()
    local m = fresh()
    m:remember { kind = "fact", key = "pin", text = "The PIN is marker4711", value = { pin = 4711 }, tags = { "secret" } }
    m:remember { kind = "fact", key = "pin", text = "The PIN is marker4712" }
    assert.equal(2, m:forget { kind = "fact", key = "pin", reason = "asked to" })
    assert.equal(0, #assert(m:search { query = "PIN marker4711 marker4712" }))
    assert.equal(0, #assert(m:search { where = { tags = { "secret" } } }))
    assert.is_nil((m:get { kind = "fact", key = "pin" }))
    local past = assert(m:history { kind = "fact", key = "pin" })
    assert.equal(2, #past)
    assert.equal("asked to", past[1].reason)
    assert.is_nil(past[1].text)
    assert.is_nil(past[2].value)
    for _, n in pairs(m.store:read("memory.check", {})[1]) do assert.equal(0, n) end
    assert.equal("new", select(2, m:remember { kind = "fact", key = "pin", text = "The PIN is marker4713" }))
    assert.equal(1, #assert(m:search { query = "PIN" }))
  end)

  it("of a whole namespace must be said in so many words", function()
    local m = fresh()
    m:remember { text = "one" }
    m:remember { text = "two" }
    assert.error_matches(function() m:forget {} end, "all = true")
    assert.equal(2, m:forget { all = true })
    assert.equal(0, #assert(m:search {}))
    assert.equal(0, m:forget { ns = "never was", all = true })
    assert.same({ "acme" }, m:namespaces())
  end)

  it("leaves no byte in the file once the index has settled", function()
    local path = os.tmpname()
    os.remove(path)
    local m = fresh { path = path }
    for i = 1, 200 do m:remember { key = "k" .. i, text = "plain text number " .. i } end
    m:remember { key = "x", text = "markerword and qqzebra", value = { v = "markervalue" }, tags = { "markertag" }, source = "markersource" }
    assert.equal(1, m:forget { key = "x" })
    assert.truthy(m:settle())
    m:close()
    local f = assert(io.open(path, "rb"))
    local bytes = f:read "a"
    f:close()
    assert.truthy(bytes:find("plain text number 7", 1, true))
    for _, word in ipairs { "marker", "qqzebra" } do assert.is_nil(bytes:find(word, 1, true)) end
    for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end
  end)

  it("works by id", function()
    local m = fresh()
    local nameless, named = m:remember { text = "one" }, m:remember { id = "D1:3", text = "two" }
    assert.equal("D1:3", named)
    assert.equal("two", m:get { id = named }.text)
    assert.equal("one", m:get { id = nameless }.text)
    assert.equal(1, m:forget { id = nameless })
    assert.equal(1, m:forget { id = named })
    assert.is_nil((m:get { id = named }))
  end)
end)

describe("a search", function()
  local m, now
  before_each(function()
    m, now = fresh()
    m:remember { kind = "client", key = "acme", text = "Acme likes blue paint", tags = { "colour", "vip" }, trust = "external" }
    m:remember { kind = "client", key = "bolt", text = "Bolt likes red paint", tags = { "colour" } }
    m:remember { kind = "playbook", key = "paint", text = "How to order paint", layer = "session", session = "s1", speaker = "Anna" }
  end)

  it("keeps to kinds, layers, tags, trust, sessions and speakers", function()
    local function keys(q)
      q.query = "paint"
      local list = {}
      for _, hit in ipairs(assert(m:search(q))) do list[#list + 1] = hit.key end
      table.sort(list)
      return table.concat(list, " ")
    end
    assert.equal("acme bolt paint", keys {})
    assert.equal("acme bolt", keys { kind = "client" })
    assert.equal("acme bolt paint", keys { kind = { "client", "playbook" } })
    assert.equal("", keys { kind = "nothing" })
    assert.equal("paint", keys { layer = "session" })
    assert.equal("acme bolt", keys { where = { tags = { "colour" } } })
    assert.equal("acme", keys { where = { tags = { "colour", "vip" } } })
    assert.equal("", keys { where = { tags = { "unknown" } } })
    assert.equal("acme", keys { where = { trust = "external" } })
    assert.equal("paint", keys { where = { session = "s1" } })
    assert.equal("paint", keys { where = { speaker = "Anna" } })
    assert.equal("acme bolt", keys { allow = { "client/*" } })
    assert.equal("bolt paint", keys { allow = { "client/b*", "playbook/*" } })
    assert.equal("acme", keys { allow = { "client/acme" } })
    assert.equal("", keys { allow = {} })
    for _, nothing in ipairs { "client/[ab]*", "client/?cme", "clien?/*", "other/*", "client", "" } do
      assert.equal("", keys { allow = { nothing } })
    end
    assert.equal("", keys { where = { since = now.ms + 1 } })
    assert.equal("", keys { where = { ["until"] = now.ms } })
  end)

  it("reads nothing a person writes as syntax", function()
    for _, query in ipairs { '"', "'", 'paint" OR ns : n1 OR "', "paint*", "NEAR(paint blue)", "text:paint", "^paint", "-paint",
      "paint AND", "AND OR NOT", "{ns text}:paint", "(((", "paint\0blue", "\\", "%", "; DROP TABLE memory", "{}", ":", "+", "a b c",
      ("paint "):rep(5000), "\u{1f600}", "the of and" } do
      local hits, message = m:search { query = query }
      assert(hits, message)
    end
    assert.equal(3, #assert(m:search { query = "paint" }))
  end)

  it("without words gives the newest", function()
    now.ms = now.ms + DAY
    m:remember { text = "latest" }
    assert.equal("latest", assert(m:search {})[1].text)
    assert.equal("latest", assert(m:search { query = "?!" })[1].text)
  end)

  it("prefers what is important among equals", function()
    m:remember { text = "window frame one", importance = 0.1 }
    m:remember { text = "window frame two", importance = 0.9 }
    assert.equal("window frame two", assert(m:search { query = "window frame" })[1].text)
  end)

  it("takes an answer from what was said around it", function()
    local turns = { "Did you settle on a destination for the summer?", "Yes, Lisbon, in the second week.", "Nice." }
    for i, text in ipairs(turns) do m:remember { id = "T" .. i, text = text, session = "chat" } end
    for i = 1, 20 do m:remember { text = "filler about lunch number " .. i } end
    assert(has(assert(m:search { query = "summer destination", k = 3 }), turns[2]))
  end)

  it("with another embedder uses its vectors, and only those of its model", function()
    local path = { model = "toy-2", vector = function(text) return text:find "cat" and { 1, 0 } or { 0, 1 } end }
    local toy = assert(memory.open(m.store, { ns = "acme", embed = path, clock = function() return now.ms end }))
    toy:remember { text = "a cat sat" }
    toy:remember { text = "dogs bark" }
    local hits = assert(toy:search { query = "cats" })
    assert.equal("a cat sat", hits[1].text)
    assert.near(1, hits[1].similarity, 1e-6)
    assert.truthy(has(assert(m:search { query = "blue paint" }), "Acme likes blue paint"))
  end)
end)

describe("a mistaken call", function()
  it("raises and names the field", function()
    local m = fresh()
    for _, case in ipairs {
      { { txt = "x" }, "no field 'txt', did you mean 'text'" }, { { kind = "x" }, "text" }, { { text = 5 }, "'text'" },
      { { text = "x", importance = 2 }, "importance" }, { { text = "x", importance = 0 / 0 }, "importance" },
      { { text = "x", ttl = "soon" }, "ttl" }, { { text = "x", ttl = 0 }, "ttl" }, { { text = "x", ttl = math.maxinteger }, "ttl" },
      { { text = "x", layer = "attic" }, "attic" }, { { text = "x", tags = { 1 } }, "tags" }, { { text = "x", time = "noon" }, "time" },
      { { text = "x", vector = { 0 / 0 } }, "finite" }, { { text = "x", kind = "" }, "kind" },
    } do
      assert.error_matches(function() m:remember(case[1]) end, case[2])
    end
    assert.error_matches(function() m:search { query = "x", where = { tag = "a" } } end, "did you mean 'tags'")
    assert.error_matches(function() m:get {} end, "key")
  end)

  it("with text that is broken or endless is refused, and nothing is lost", function()
    local m = fresh()
    m:remember { text = "kept" }
    local id, message, code = m:remember { text = "bad \xff" }
    assert.is_nil(id)
    assert.match("UTF%-8", message)
    assert.equal("input", code)
    id, message, code = m:remember { text = ("x"):rep(10 << 20) }
    assert.is_nil(id)
    assert.match("too long", message)
    assert.equal("limit", code)
    assert.is_nil((m:search { query = "x", k = 100000 }))
    assert.equal(1, #assert(m:search { query = "kept" }))
  end)
end)

describe("memory in a transaction", function()
  it("becomes true with all else in it, or not at all", function()
    local db = assert(store.open ":memory:")
    local m = assert(memory.open(db, { ns = "acme", clock = function() return 1 end }))
    local tx = db:tx()
    assert(memory.put(tx, { ns = "acme", text = "together", now = 1 }))
    tx:add("record.put", { type = "task", key = "T", value_json = { a = 1 }, now = 1 })
    assert.equal(0, #assert(m:search { query = "together" }))
    assert(db:commit(tx))
    assert.equal(1, #assert(m:search { query = "together" }))
    tx = db:tx()
    assert(memory.put(tx, { ns = "acme", text = "undone", now = 1 }))
    tx:add("event.done", { id = 99 })
    assert.is_nil((db:commit(tx)))
    assert.equal(0, #assert(m:search { query = "undone", min_score = 1 }))
    tx = db:tx()
    assert(memory.drop(tx, { ns = "acme", all = true, now = 2 }))
    assert(db:commit(tx))
    assert.equal(0, #assert(m:search { query = "together" }))
  end)
end)

describe("the module", function()
  it("is shown by an example that runs", function()
    local pipe = assert(io.popen(require "spec.support.program" .. " lua docs/examples/memory.lua"))
    local out = pipe:read "a"
    assert.is_true(pipe:close())
    assert.match("now\t14\nyesterday\t30\nsame\nLindgren pays within 14 days\nparts add up to the score\ttrue", out)
    assert.match("after an hour\tnil\nforgotten\t2", out)
  end)
end)

describe("import and export", function()
  it("round-trip", function()
    local m = fresh()
    local lines = table.concat({
      [[{"id":"a","text":"one","time":"2026-03-09T10:00:00Z","session":"s","speaker":"Ann","tags":["t"],"value":{"n":9007199254740993}}]],
      [[{"id":"b","text":"two","key":"k","kind":"fact","importance":0.75,"time":"2026-03-09"}]],
      [[{"text":"three","layer":"session","trust":"external","source":{"mail":"x"},"time":1700000000}]], "" }, "\n")
    assert.same({ new = 3, superseded = 0, same = 0, disputed = 0, lines = 3 }, m:import(lines, "one"))
    local out = {}
    for line in m:export "one" do out[#out + 1] = line end
    assert.same({ new = 3, superseded = 0, same = 0, disputed = 0, lines = 3 }, m:import(table.concat(out, "\n"), "two"))
    local again = {}
    for line in m:export "two" do again[#again + 1] = line end
    assert.same(out, again)
    assert.same({ new = 0, superseded = 0, same = 3, disputed = 0, lines = 3 }, m:import(lines, "one"))
  end)

  it("names the line that is wrong", function()
    local m = fresh()
    for _, case in ipairs { { '{"text":"a"}\n{"text":', "line 2" }, { '{"txt":"a"}', "did you mean 'text'" }, { '{"id":"x"}', "line 1: .*'text'" },
      { '[1]', "line 1" }, { '{"text":"a","time":"noon"}', "line 1: .*noon" }, { '{"text":5}', "line 1" } } do
      local done, message, code = m:import(case[1])
      assert.is_nil(done)
      assert.match(case[2], message)
      assert.equal("input", code)
    end
  end)

  it("reads the times that people write", function()
    local t = memory.time
    assert.equal(1678370160000, t "2023-03-09T13:56:00Z")
    assert.equal(1683554160000, t "1:56 pm on 8 May, 2023")
    assert.equal(1683504000000, t "8 May 2023")
    assert.equal(1683504000000, t "May 8, 2023")
    assert.equal(1683504000000, t "2023-05-08")
    assert.equal(1683504000000, t(1683504000))
    assert.is_nil((t "2023-02-30"))
    assert.is_nil((t "yesterday"))
  end)
end)

describe("keel memory", function()
  local program = require "spec.support.program"
  local home

  local function keel(...)
    local words = { program, "memory" }
    for i, word in ipairs { ... } do words[i + 2] = "'" .. word .. "'" end
    local pipe = assert(io.popen(table.concat(words, " ") .. " --home " .. home .. " 2>/dev/null"))
    local out = pipe:read "a"
    return select(3, pipe:close()), out
  end

  local function file(text)
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write(text)
    f:close()
    return path
  end

  before_each(function()
    home = os.tmpname()
    os.remove(home)
  end)
  after_each(function() os.execute("rm -rf " .. home) end)

  it("imports, searches, gets, forgets and exports", function()
    local path = file [[
{"id":"d1","text":"The refund reaches your bank within five days","kind":"known_issue","time":"2026-03-01T00:00:00Z"}
{"id":"d2","text":"Exports fail on Windows","kind":"known_issue"}
{"id":"d3","text":"Lunch is at noon"}
]]
    local status, out = keel("import", "--ns", "acme", path, "--json")
    assert.equal(0, status)
    assert.same({ new = 3, superseded = 0, same = 0, disputed = 0, lines = 3 }, json.decode(out))
    status, out = keel("search", "--ns", "acme", "--k", "2", "--json", "money", "back?")
    assert.equal(0, status)
    local hits = json.decode(out)
    assert.equal("d1", hits[1].id)
    assert.equal("2026-03-01T00:00:00.000Z", hits[1].time)
    assert.is_number(hits[1].parts.vector)
    local queries = file [[
{"id":"q1","ns":"acme","text":"windows export"}
{"id":"q2","ns":"acme","text":"lunch"}
]]
    status, out = keel("search", "--batch", queries, "--k", "1")
    assert.equal(0, status)
    assert.match("^q1\td2\t[%d.]+\nq2\td3\t[%d.]+\n$", out)
    status, out = keel("get", "--ns", "acme", "--id", "d2", "--json")
    assert.equal("Exports fail on Windows", json.decode(out).text)
    assert.equal(0, (keel("forget", "--ns=acme", "--id=d2")))
    status, out = keel("get", "--ns", "acme", "--id", "d2", "--json")
    assert.equal(2, status)
    assert.equal("not_found", json.decode(out).error.code)
    status, out = keel("export", "--ns", "acme")
    assert.equal(2, select(2, out:gsub("\n", "")))
    for _, name in ipairs { "stats", "gc" } do assert.equal(0, (keel(name))) end
    assert.equal(0, (keel("history", "--ns", "acme", "--id", "d1")))
  end)

  it("says what is wrong with the command line", function()
    for _, case in ipairs { { "search", "--json", "x" }, { "serch", "--json" }, { "search", "--nss", "x", "--json" },
      { "search", "--ns", "x", "--k", "0", "--json" }, { "import", "--ns", "x", "/nowhere", "--json" } } do
      local status, out = keel(table.unpack(case))
      assert.equal(2, status)
      assert.is_string(json.decode(out).error.message)
    end
    assert.equal(2, (keel()))
    assert.equal(0, (keel "--help"))
  end)
end)
