-- What a search finds, beyond words: fields, times, near words, neighbours; and packing.
local fresh = require "spec.support.memories"
local json = require "json"
local rfc3339 = require "rfc3339"
local time = require "memory.time"

local DAY = 86400000

describe("fields of values", function()
  local m
  before_each(function()
    m = fresh()
    for i, value in ipairs { { status = "open", amount = 10 }, { status = "open", amount = 250.5 }, { status = "paid", amount = 80 },
      { status = "paid", late = true, amount = "80" }, { nested = { status = "open" }, list = { 1 } } } do
      m:remember { kind = "invoice", key = "i" .. i, text = "invoice number " .. i, value = value }
    end
  end)

  local function keys(where)
    local list = {}
    for _, hit in ipairs(assert(m:search { query = "invoice", where = { value = where }, distinct = false })) do list[#list + 1] = hit.key end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("are matched by what they equal and by ranges, numbers and texts apart", function()
    assert.equal("i1 i2", keys { status = "open" })
    assert.equal("i2 i3", keys { amount = { min = 80 } })
    assert.equal("i1 i3", keys { amount = { max = 80 } })
    assert.equal("i3", keys { status = "paid", amount = { min = 20, max = 100 } })
    assert.equal("i4", keys { amount = "80" })
    assert.equal("i4", keys { late = true })
    assert.equal("", keys { status = "lost" })
    assert.equal("i3 i4", keys { status = { min = "p", max = "q" } })
  end)

  it("follow their item: a new version, forgetting", function()
    m:remember { kind = "invoice", key = "i1", text = "invoice number 1", value = { status = "paid", amount = 10 } }
    assert.equal("i2", keys { status = "open" })
    m:forget { kind = "invoice", key = "i2" }
    assert.equal("", keys { status = "open" })
  end)

  it("say what is wrong with a condition", function()
    assert.error_matches(function() m:search { query = "x", where = { value = { amount = { from = 1 } } } } end, "no field 'from'")
    assert.error_matches(function() m:search { query = "x", where = { value = { amount = {} } } } end, "neither min nor max")
    assert.error_matches(function() m:search { query = "x", where = { value = "open" } } end, "'value' is a table")
  end)

  it("are found as tags are, which have their own place", function()
    m:remember { text = "a note", tags = { "status" }, value = { ["#"] = "trick" } }
    assert.equal(1, #assert(m:search { query = "note", where = { tags = { "status" } } }))
    assert.equal(0, #assert(m:search { query = "note", where = { tags = { "trick" } } }))
  end)
end)

describe("the time that a question asks about", function()
  local now = assert(rfc3339.parse "2025-06-15T12:00:00Z")
  local function about(text)
    local a = time.about(text, now)
    if not a then return nil end
    return a.from and rfc3339.format(a.from):sub(1, 10) .. ".." .. rfc3339.format(a["until"]):sub(1, 10) or a.month .. "/" .. tostring(a.day)
  end

  it("is read as people write it", function()
    for text, expected in pairs {
      ["what happened in May 2023?"] = "2023-05-01..2023-06-01", ["on 8 May 2023"] = "2023-05-08..2023-05-09",
      ["on May 8, 2023"] = "2023-05-08..2023-05-09", ["on the 3rd of June"] = "6/3", ["what did she buy in March"] = "3/nil",
      ["since 2024-02-29 or so"] = "2024-02-29..2024-03-01", ["who called yesterday"] = "2025-06-14..2025-06-15",
      ["what was said two weeks ago"] = "2025-05-28..2025-06-05", ["in December 2024"] = "2024-12-01..2025-01-01", ["in 2022"] = "2022-01-01..2023-01-01",
    } do
      assert.equal(expected, about(text), text)
    end
  end)

  it("is not seen where there is none", function()
    for _, text in ipairs { "May I come in", "march on", "they may have 8 of them", "February 30, 2023", "room 2022", "a decade ago", "" } do
      assert.is_nil(about(text), text)
    end
  end)

  it("lifts what falls into it, of any year when none is said", function()
    local m, clock = fresh()
    for i, date in ipairs { "2023-03-02", "2024-05-09", "2023-08-01" } do
      m:remember { text = "we went to the lake and it was fine, time number " .. i, time = date }
    end
    clock.ms = now
    local hit = assert(m:search { query = "did they go to the lake in May?", k = 1 })[1]
    assert.equal("2024-05-09", rfc3339.format(hit.time):sub(1, 10))
    assert.is_true(hit.parts.time > 0)
    assert.equal("2023-08-01", rfc3339.format(assert(m:search { query = "the lake in August 2023", k = 1 })[1].time):sub(1, 10))
  end)
end)

describe("words", function()
  it("are found in forms that no rule finds", function()
    local m = fresh()
    m:remember { text = "She went to the dentist" }
    m:remember { text = "The mice ate the cheese" }
    assert.equal("She went to the dentist", assert(m:search { query = "when did she go to a dentist", k = 1 })[1].text)
    assert.is_true(assert(m:search { query = "mouse", k = 1 })[1].parts.text > 0)
  end)

  it("count when they are near in meaning, for less", function()
    local m = fresh()
    m:remember { text = "We purchased a printer" }
    m:remember { text = "It rained all day" }
    local hit = assert(m:search { query = "bought", k = 1 })[1]
    assert.equal("We purchased a printer", hit.text)
    assert.is_true(hit.parts.text > 0)
  end)

  it("that name who said it lift what that one said", function()
    local m = fresh()
    for i, who in ipairs { "Anna", "Ben" } do m:remember { text = "the film was rather long, I think " .. i, speaker = who, session = "s" } end
    assert.equal("Ben", assert(m:search { query = "what did Ben think of the film", k = 1 })[1].speaker)
    assert.equal("Anna", assert(m:search { query = "what did Anna think of the film", k = 1 })[1].speaker)
  end)

  it("are found among very many, also the common ones, as one by one", function()
    local m = fresh()
    local items = {}
    for i = 1, 3000 do items[i] = { text = ("common words and word%d of group%d"):format(i, i % 7) } end
    m:remember_all(items)
    for _, i in ipairs { 1, 1500, 3000 } do
      assert.equal(items[i].text, assert(m:search { query = ("common group%d word%d"):format(i % 7, i), k = 1 })[1].text)
    end
  end)
end)

describe("sessions that go on at once", function()
  it("have their own neighbours", function()
    local m = fresh()
    for i = 1, 6 do
      m:remember { session = "one", text = i == 3 and "what is the name of the new dog" or i == 4 and "It is Bello" or "so so " .. i }
      m:remember { session = "two", text = "nothing of that kind " .. i }
    end
    local hits = assert(m:search { query = "name of the dog", k = 2 })
    assert.equal("It is Bello", hits[2].text)
    assert.is_true(hits[2].parts.context > 0)
  end)
end)

describe("hits that say the same", function()
  it("are one, which tells of the others; numbers keep them apart", function()
    local m = fresh()
    m:remember { text = "The client wants the logo in dark green by Friday" }
    m:remember { text = "The client wants the logo in dark green by the Friday" }
    m:remember { text = "The client wants the logo in dark green by 5 Friday" }
    local hits = assert(m:search { query = "logo dark green" })
    assert.equal(2, #hits)
    assert.equal(1, #(hits[1].also or hits[2].also))
    assert.equal(3, #assert(m:search { query = "logo dark green", distinct = false }))
  end)
end)

describe("packing", function()
  local m
  before_each(function()
    m = fresh()
    for i = 1, 12 do
      m:remember { id = "n" .. i, text = ("The garden of client %d is large. It has %d trees and a pond. "):format(i, i * 3) .. ("More about it follows. "):rep(20) }
    end
  end)

  it("stays within the room, and accounts for every hit", function()
    for _, tokens in ipairs { 1, 20, 60, 150, 400, 1000, 5000 } do
      local p = assert(m:pack { query = "garden client trees", tokens = tokens })
      assert.is_true(p.tokens <= tokens)
      assert.is_true(#p.text <= tokens * 3)
      assert.equal(12, #p.items + #p.left_out)
      local seen = {}
      for _, list in ipairs { p.items, p.left_out } do
        for _, one in ipairs(list) do
          assert.is_nil(seen[one.id])
          seen[one.id] = true
        end
      end
    end
  end)

  it("shows more of the best when there is room", function()
    local p = assert(m:pack { query = "garden client 3 trees", tokens = 400 })
    assert.equal("n3", p.items[1].id)
    assert.equal("full", p.items[1].level)
    assert.equal("headline", p.items[#p.items].level)
    assert.is_true(#p.shortened > 0)
    assert.match("^%[n3, 2023%-11%-14%] The garden of client 3 is large", p.text)
    assert.equal(12, #assert(m:pack { query = "garden client trees", tokens = 5000 }).items)
    assert.same({}, assert(m:pack { query = "garden client trees", tokens = 5000 }).shortened)
  end)

  it("marks what came from outside, and refuses no room", function()
    m:remember { id = "x", text = "The garden gnome speaks", trust = "external" }
    assert.match("%[x, [%d-]+, external%]", assert(m:pack { query = "gnome", tokens = 60 }).text)
    assert.error_matches(function() m:pack { query = "x", tokens = 0 } end, "'tokens' is an integer above 0")
    assert.error_matches(function() m:pack { query = "x", tokens = 5, wher = {} } end, "no field 'wher'")
  end)
end)

describe("a folder of notes", function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    os.execute("mkdir -p " .. path .. "/sub")
  end)
  after_each(function() os.execute("rm -rf " .. path) end)

  local function write(name, text)
    local f = assert(io.open(path .. "/" .. name, "w"))
    f:write(text)
    f:close()
  end

  it("becomes an item a heading, and follows what changes", function()
    local m, now = fresh()
    write("paper.md", "---\ntitle: Paper\ntags: [paper, suppliers]\ndate: 2023-05-01\n---\nCotton.\n\n## Delivery\nThree weeks.\n```\n# no heading\n```\n## Empty\n## Price\nNine euros.\n")
    write("sub/ink.markdown", "Ink is black.\n")
    write("other.txt", "not read")
    local done = assert(m:import_notes(path, "acme"))
    assert.same({ 4, 4, 2 }, { done.new, done.lines, done.files })
    local row = m:get { key = "paper.md#Delivery" }
    assert.equal("Paper / Delivery\n\nThree weeks.\n```\n# no heading\n```", row.text)
    assert.same({ "paper", "suppliers" }, row.tags)
    assert.equal("2023-05-01", rfc3339.format(row.time):sub(1, 10))
    assert.equal("sub/ink.markdown", assert(m:search { query = "black ink", k = 1 })[1].key)
    now.ms = now.ms + DAY
    write("paper.md", "---\ntitle: Paper\n---\nCotton.\n\n## Delivery\nFour weeks.\n")
    done = assert(m:import_notes(path, "acme"))
    assert.same({ 1, 2, 1 }, { done.superseded, done.same, done.gone })
    assert.match("Four weeks", m:get { key = "paper.md#Delivery" }.text)
    assert.is_nil((m:get { key = "paper.md#Price" }))
  end)

  it("that is not text is refused, by name", function()
    local m = fresh()
    write("bad.md", "\xff\xfe")
    local done, message, code = m:import_notes(path, "acme")
    assert.is_nil(done)
    assert.match("bad.md: not UTF%-8", message)
    assert.equal("input", code)
  end)
end)

describe("ctx.memory.pack", function()
  it("gives a run what fits, within what its manifest allows", function()
    local home = require "spec.support.home"
    local h = home.make { agents = { reader = [[
return agent { version = 1, memory = { read = { "client/*" }, write = { "client/*" } }, run = function(ctx)
  ctx.memory.remember{ kind = "client", key = "fernline", text = "Fernline pays late" }
  local packed = ctx.memory.pack{ query = "who pays late", tokens = 50 }
  return { text = packed.text, n = #packed.items, tokens = packed.tokens }
end }]] } }
    finally(function() h:remove() end)
    local e = h:open()
    e:memory():remember { kind = "secret", key = "x", text = "who pays late is a secret" }
    assert(e:start("reader", {}))
    assert(e:drain())
    local run = e:list({})[1]
    assert.equal("done", run.state, json.encode(run.error))
    assert.equal(1, run.output.n)
    assert.match("Fernline pays late", run.output.text)
    assert.is_true(e:replay(run.run).equal)
  end)
end)
