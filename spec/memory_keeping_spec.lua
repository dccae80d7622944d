-- What becomes of memories: who may replace what, what goes by which rule, what is left.
local fresh = require "spec.support.memories"
local memory = require "memory"
local store = require "store"

local DAY = 86400000
local START = 1700000000000

local function agrees(m)
  for part, n in pairs(m.store:read("memory.check", {})[1]) do assert.equal(0, n, part) end
end

describe("what contradicts", function()
  local m, now
  before_each(function()
    m, now = fresh()
    m:remember { kind = "client", key = "terms", text = "pays within 14 days" }
    now.ms = now.ms + DAY
  end)

  it("does not replace the owner's words when it comes from outside, and is kept with the reason", function()
    assert.equal("disputed", select(2, m:remember { kind = "client", key = "terms", text = "pays within 90 days", trust = "external" }))
    assert.equal("pays within 14 days", m:get { kind = "client", key = "terms" }.text)
    local all = m:history { kind = "client", key = "terms" }
    assert.equal(2, #all)
    assert.equal("pays within 90 days", all[1].text)
    assert.match("external", all[1].reason)
    for _, hit in ipairs(assert(m:search { query = "pays days", distinct = false })) do assert.equal("pays within 14 days", hit.text) end
  end)

  it("is disputed once, however often it is said", function()
    local say = { kind = "client", key = "terms", text = "pays within 90 days", trust = "external" }
    m:remember(say)
    assert.equal("same", select(2, m:remember(say)))
    assert.equal(2, #m:history { kind = "client", key = "terms" })
  end)

  it("holds as soon as somebody inside says it", function()
    m:remember { kind = "client", key = "terms", text = "pays within 90 days", trust = "external" }
    now.ms = now.ms + DAY
    assert.equal("superseded", select(2, m:remember { kind = "client", key = "terms", text = "pays within 90 days" }))
    assert.equal("pays within 90 days", m:get { kind = "client", key = "terms" }.text)
    assert.equal("pays within 14 days", m:get { kind = "client", key = "terms", as_of = now.ms - DAY }.text)
  end)

  it("from outside replaces what came from outside", function()
    m:remember { kind = "client", key = "phone", text = "555 1", trust = "external" }
    now.ms = now.ms + DAY
    assert.equal("superseded", select(2, m:remember { kind = "client", key = "phone", text = "555 2", trust = "external" }))
  end)
end)

describe("the working layer", function()
  it("is seen by its own run alone", function()
    local m = fresh()
    m:remember { layer = "working", run = 7, text = "the draft of the letter" }
    m:remember { layer = "working", run = 8, text = "another draft of a letter" }
    local hits = assert(m:search { query = "draft letter", run = 7 })
    assert.equal(1, #hits)
    assert.equal("the draft of the letter", hits[1].text)
    assert.equal(2, #assert(m:search { query = "draft letter", layer = "working" }))
  end)
end)

describe("letting go", function()
  local function filled()
    local m, now = fresh()
    for i = 1, 60 do
      now.ms = START + i * DAY
      m:remember { kind = i % 2 == 0 and "turn" or "note", text = ("thing %d of the garden"):format(i), importance = (i % 10) / 10,
        tags = { "t" .. i }, value = { n = i }, session = "s" .. i // 20 }
    end
    return m, now
  end

  it("by age takes what is older, of that kind alone", function()
    local m = filled()
    local report = assert(m:gc { rules = { turn = { age_ms = 20 * DAY } }, slice = 7 })
    assert.equal(19, report.aged)
    assert.is_true(report.slices > 2)
    local left = { turn = 0, note = 0 }
    for _, row in ipairs(m:stats()) do left[row.kind] = row.current end
    assert.same({ turn = 11, note = 30 }, left)
    agrees(m)
    assert.match("retention: age", m:history { id = "mem_2" }[1].reason)
    assert.equal(0, #assert(m:search { query = "thing 2 garden", kind = "turn", where = { tags = { "t2" } } }))
  end)

  it("by count and by bytes keeps the newest", function()
    local m = filled()
    assert.equal(25, assert(m:gc { rules = { note = { count = 5 } } }).over)
    local rows = assert(m:search { kind = "note", k = 50 })
    assert.equal(5, #rows)
    for _, row in ipairs(rows) do assert.is_true(row.value.n > 50) end
    assert.is_true(assert(m:gc { rules = { turn = { bytes = 200 } } }).over > 20)
    agrees(m)
  end)

  it("by what is left of importance takes the old and the unimportant first", function()
    local m, now = filled()
    assert(m:gc { rules = { ["*"] = { faded = 0.1, half_life_ms = 20 * DAY } } })
    local function worth(n) return (n % 10) / 10 * 2 ^ (-(now.ms - START - n * DAY) / (20 * DAY)) end
    local left = {}
    for _, row in ipairs(m.store:read("memory.list", { ns = "acme", after = 0, now = now.ms, limit = 100 })) do left[row.value.n] = true end
    for n = 1, 60 do
      if math.abs(worth(n) - 0.1) > 1e-9 then assert.equal(worth(n) >= 0.1, left[n] == true, "thing " .. n) end
    end
  end)

  it("takes older versions when a rule says so, and never the one that holds", function()
    local m, now = fresh()
    for i = 1, 5 do
      now.ms = START + i * 10 * DAY
      m:remember { kind = "fact", key = "price", text = "the price is " .. i }
    end
    assert.equal(3, assert(m:gc { rules = { fact = { superseded_ms = 15 * DAY } } }).superseded)
    assert.equal("the price is 5", m:get { kind = "fact", key = "price" }.text)
  end)

  it("says the same in a dry run, and takes nothing", function()
    local m = filled()
    local rules = { turn = { age_ms = 20 * DAY }, note = { count = 5 } }
    local plan = assert(m:gc { rules = rules, dry_run = true, slice = 4 })
    assert.equal(60, m:stats()[1].current + m:stats()[2].current)
    local done = assert(m:gc { rules = rules, slice = 4 })
    assert.equal(plan.gone, done.gone)
    assert.equal(plan.bytes, done.bytes)
  end)

  it("prefers the rule that names most", function()
    local rules = { ["*"] = 1, turn = 2, ["acme/turn"] = 3, ["acme/*"] = 4 }
    local retention = require "memory.retention"
    assert.equal(3, retention.rule_for(rules, "acme", "turn"))
    assert.equal(2, retention.rule_for(rules, "other", "turn"))
    assert.equal(4, retention.rule_for(rules, "acme", "note"))
    assert.equal(1, retention.rule_for(rules, "other", "note"))
  end)

  it("leaves a file as small as one written anew, and nothing of what went in it", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end end)
    local m, now = fresh { path = path }
    for b = 1, 20 do
      local items = {}
      for i = 1, 100 do items[i] = { text = ("marker%dx%dz is one of many things that were said"):format(b, i), ttl = b <= 10 and "1d" or nil } end
      assert(m:remember_all(items))
    end
    m:settle()
    now.ms = now.ms + 2 * DAY
    assert.equal(1000, assert(m:gc { compact = true }).expired)
    m:settle()
    local function size() local f = assert(io.open(path, "rb")) local n = f:seek "end" f:close() return n end
    local after = size()
    local archive = require "core.archive"
    assert(m.store:commit(archive.tidy(m.store:tx(), true)))
    assert.is_true(after <= 1.1 * size(), ("%d bytes, %d anew"):format(after, size()))
    agrees(m)
    m:close()
    local f = assert(io.open(path, "rb"))
    local text = f:read "a"
    f:close()
    assert.is_nil(text:find("marker1x50z", 1, true))
    assert.is_truthy(text:find("marker15x50z", 1, true))
  end)
end)

describe("a summary of a session", function()
  local m, now
  before_each(function()
    m, now = fresh()
    for i, text in ipairs { "We need a new logo.", "Dark green would be nice, like the door of the shop.", "The logo should be dark green then.",
      "Yes. Thanks!" } do
      m:remember { kind = "turn", session = "logo", speaker = i % 2 == 1 and "Ines" or "Mira", text = text, trust = i == 1 and "external" or nil }
    end
  end)

  it("links to what it was made of, which stays", function()
    local text = assert(m:summarise { session = "logo" })
    assert.match("green", text)
    local row = m:get { kind = "summary", key = "turn:logo" }
    assert.equal(4, #row.source.items)
    assert.equal("external", row.trust)
    assert.equal("We need a new logo.", m:get { id = row.source.items[1] }.text)
  end)

  it("is made by rule once a session has been silent, and anew when it goes on", function()
    local rules = { turn = { summarise_ms = 30 * DAY } }
    assert.equal(0, assert(m:gc { rules = rules }).summarised)
    now.ms = now.ms + 31 * DAY
    assert.equal(1, assert(m:gc { rules = rules }).summarised)
    assert.equal(0, assert(m:gc { rules = rules }).summarised)
    m:remember { kind = "turn", session = "logo", text = "One more thing about the logo." }
    now.ms = now.ms + 31 * DAY
    assert.equal(1, assert(m:gc { rules = rules }).summarised)
    assert.equal(2, #m:history { kind = "summary", key = "turn:logo" })
  end)

  it("is written by what is handed in, whose failure changes nothing", function()
    assert.equal("in short", m:summarise { session = "logo", with = function(text) assert.match("Ines: We need", text) return "in short" end })
    local text, message, code = m:summarise { session = "logo", with = function() return nil, "no model", "auth" end }
    assert.same({ nil, "no model", "auth" }, { text, message, code })
    assert.equal("in short", m:get { kind = "summary", key = "turn:logo" }.text)
  end)
end)

describe("a list that is written while the next is made", function()
  it("comes to the same", function()
    local m = fresh()
    local add, finish = m:writer()
    for b = 1, 5 do
      local items = {}
      for i = 1, 50 do items[i] = { text = ("text %d of list %d"):format(i, b) } end
      assert(add(items))
    end
    assert(add { { text = "text 1 of list 1" } })
    assert.same({ new = 250, superseded = 0, same = 1, disputed = 0 }, finish())
    assert.equal(1, #assert(m:search { query = "text 17 list 4", k = 1 }))
  end)

  it("is refused where the store is only read", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end end)
    fresh { path = path }:close()
    local m <close> = fresh { path = path, read_only = true }
    local ok, message = m:writer()({ { text = "one" } })
    assert.is_nil(ok)
    assert.match("reading only", message)
  end)

  it("tells of a failure with the next one, and closes when it is left", function()
    local m = fresh()
    local add = m:writer()
    assert(add { { text = "fine" } })
    local ok, message, code = add { { text = "bad \xff" } }
    assert.is_nil(ok)
    assert.match("UTF%-8", message)
    assert.equal("input", code)
    assert(add { { text = "left" } })
    m:close()
  end)
end)

describe("ids", function()
  it("are not given again when the last row went", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end end)
    local m = fresh { path = path }
    local first = m:remember { text = "one" }
    m:forget { id = first }
    assert.are_not.equal(first, (m:remember { text = "two" }))
    m:close()
    m = fresh { path = path }
    assert.equal("mem_3", (m:remember { text = "three" }))
    assert.equal(1, #m:history { id = first })
    m:close()
  end)
end)

describe("an undone transaction", function()
  it("leaves no namespace, no model and no twin behind", function()
    local db = assert(store.open ":memory:")
    local m = assert(memory.open(db, { ns = "acme", clock = function() return START end }))
    local tx = db:tx()
    assert(memory.put(tx, { ns = "other", text = "said once", now = 1 }))
    tx:add("event.done", { id = 99 })
    assert.is_nil((db:commit(tx)))
    assert.equal("new", select(2, m:remember { ns = "other", text = "said once" }))
    assert.equal(1, #assert(m:search { ns = "other", query = "said" }))
    assert.same({ "other" }, m:namespaces())
    agrees(m)
  end)
end)
