-- Privacy deletion: no byte is left in the store's files, and what is left says so.
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local agent = home.agent

local marker = "Zanzibar7Quokka"

--- Puts the marker wherever a run can put something.
local secretive = agent([[
  local m = input.word
  ctx.step{ name = "small " .. m, args = { m }, run = function() return "got " .. m end }
  ctx.step{ name = "large", args = { p = (m .. " "):rep(900) }, run = function() return { t = (m .. ";"):rep(2000) } end }
  ctx.memory.remember{ kind = "note", key = "about/" .. m, text = "a memory of " .. m .. " and others",
    value = { who = m }, tags = { m } }
  ctx.memory.remember{ kind = "note", text = ("the word " .. m .. " is here "):rep(300) }
  ctx.records.put{ type = "client", key = m, value = { name = m } }
  ctx.records.put{ type = "client", key = m, value = { name = m, again = true } }
  local verdict = ctx.approve{ subject = "mail to " .. m, proposal = { text = (m .. "!"):rep(1000) } }
  return { text = verdict.outcome .. " " .. m, long = (m .. "?"):rep(1000) } ]],
  [[on = { event = "word.said", key = "word" }, memory = { write = { "note/*" } }, ]])

local plain = agent [[
  for i = 1, 40 do
    ctx.step{ name = "s", run = function() return { i = i, text = ("other people's words "):rep(i * 5) } end }
  end
  return { text = "fine" } ]]

describe("purge", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  --- Where the words lie in the store's files: "keel.db 12", ...
  local function found(words)
    local list = {}
    for _, name in ipairs { "keel.db", "keel.db-wal", "keel.db-shm" } do
      local text = file.read(h.path .. "/var/" .. name) or ""
      local n, at = 0, text:find(words, 1, true)
      while at do
        n = n + 1
        at = text:find(words, at + 1, true)
      end
      if n > 0 then list[#list + 1] = name .. " " .. n end
    end
    return list
  end

  --- A home with the marker's runs between others'.
  local function told(options)
    options = options or {}
    h = home.make { agents = { secretive = secretive, plain = plain } }
    local e = h:open()
    for _ = 1, 3 do h:run "plain" end
    assert(e:emit("word.said", { word = marker }))
    assert(e:drain())
    for _ = 1, 3 do h:run "plain" end
    local run = e:list { agent = "secretive" }[1]
    assert.equal("waiting", run.state)
    if options.open then return e, run.run end
    assert(e:decide(e:inbox()[1].id, { state = "approved", note = "yes for " .. marker }))
    assert(e:drain())
    assert.equal("done", e:describe(run.run).state)
    h:run("plain")
    if options.packed then assert(e:gc()) end
    if options.reopened then e = h:reopen() end
    assert.is_true(#found(marker) > 0)
    return e, run.run
  end

  local function purged(e, options)
    return assert(e:purge(assert(e:purge_plan(options)), { note = "asked to", who = "Mira" }))
  end

  local function whole(e)
    assert.same({}, e:rows("payload.check", {}))
    assert.same({ { result = "ok" } }, e:rows("check.integrity", {}))
    local tx = e.store:tx()
    tx:add("memory.check", {})
    assert(e:commit(tx))
    for _, run in ipairs(e:list { agent = "plain" }) do assert.is_true(e:replay(run.run).equal) end
  end

  for _, how in ipairs { {}, { packed = true }, { reopened = true }, { packed = true, reopened = true } } do
    it(("leaves no byte of a run%s%s"):format(how.packed and ", packed" or "", how.reopened and ", after a restart" or ""),
      function()
        local e, run = told(how)
        local done = purged(e, { runs = { run }, memory = true })
        assert.same({}, found(marker))
        assert.equal(1, done.events)
        assert.equal(2, done.memory)
        assert.equal(1, done.records)
        assert.is_true(done.log_emptied)
        assert.match("^%x+$", done.runs[1].digest)
        assert.equal(64, #done.runs[1].digest)
        assert.is_true(done.runs[1].records > 8)
        whole(e)
        h.engine:close()
        assert.same({}, found(marker))
        h:open()
      end)
  end

  it("takes by its words what no run leads to", function()
    local e = told { packed = true }
    assert(e:memory():remember { ns = "main", kind = "note", text = "written by hand: " .. marker:lower() })
    local tx = e.store:tx()
    tx:add("record.put", { type = "task", key = "t1", value_json = { text = "call " .. marker }, now = h.now })
    tx:add("record.put", { type = "task", key = "t2", value_json = { text = "call Ana" }, now = h.now })
    assert(e:commit(tx))
    local done = purged(e, { text = marker:upper() })
    assert.same({}, found(marker))
    assert.same({}, found(marker:lower()))
    assert.equal(1, #done.runs)
    assert.equal(1, done.events)
    assert.equal(3, done.memory)
    assert.equal(2, done.records)
    assert.equal(1, #e:records "task")
    whole(e)
  end)

  it("takes an event with the runs that it began", function()
    local e, run = told()
    local id = e:event_list { type = "word.said" }[1].id
    purged(e, { event = id, memory = true })
    assert.same({}, found(marker))
    assert.equal("K1904", select(2, e:describe(run)).number)
    local event = assert(e:event(id))
    assert.equal("purged", event.state)
    assert.is_nil(event.payload)
    assert.match("^sha256:", event.deliveries[1].key)
  end)

  it("takes the event that a run was given while it waited, and keeps what is on its way", function()
    h = home.make { agents = {
      waits = agent [[ local got = ctx.wait{ event = "word.told" } return { got = got.payload } ]],
      later = agent("return 1", 'on = { event = "word.told", throttle = "1/h" }, ') } }
    local e = h:open()
    local run = h:run "waits"
    h:run("later", {})
    for n = 1, 2 do
      assert(e:emit("word.told", { word = (marker .. n .. " "):rep(200) }))
      assert(e:drain())
    end
    assert.equal("done", e:describe(run.run).state)
    -- the second one waits for its hour, so its words are needed still
    local _, err = e:purge_plan { text = marker }
    assert.equal("K1062", err.number)
    assert.match("not delivered yet", err.message)
    h.now = h.now + 3600000
    e:fire()
    e:pump()
    assert(e:drain())
    h.now = h.now + 3600000
    e:fire()
    e:pump()
    assert(e:drain())
    local done = purged(e, { runs = { run.run } })
    assert.equal(1, done.events)
    assert.equal(1, #done.also)
    purged(e, { text = marker })
    assert.same({}, found(marker))
    whole(e)
  end)

  it("keeps what the run wrote into memory and records, unless told, and says so", function()
    local e, run = told()
    local done = purged(e, { runs = { run } })
    assert.same({ memory = 2, records = 1 }, done.kept)
    assert.equal(2, #e:records("client")[1] and 2)
    assert.equal(1, #e:records "client")
    assert.is_true(#found(marker) > 0)
  end)

  it("names the runs that hold the same input", function()
    h = home.make { agents = { one = agent("return 1", 'on = { event = "x", key = "id" }, '),
      two = agent("return 2", 'on = { event = "x", key = "id" }, ') } }
    local e = h:open()
    assert(e:emit("x", { id = "7", text = ("long "):rep(1000) }))
    assert(e:drain())
    local one, two = e:list { agent = "one" }[1].run, e:list { agent = "two" }[1].run
    assert.same({ two }, assert(e:purge_plan { runs = { one } }).also)
    assert.equal(2, #assert(e:purge_plan { event = e:event_list {}[1].id }).runs)
  end)

  it("does not touch a run in flight, and says what to do", function()
    local e, run = told { open = true }
    local before = assert(json.encode(e:log(run)))
    for _, options in ipairs { { runs = { run } }, { text = marker }, { event = e:event_list {}[1].id } } do
      local plan, err = e:purge_plan(options)
      assert.is_nil(plan)
      assert.equal("K1062", err.number)
      assert.match("waiting", err.message)
    end
    assert.equal(before, json.encode(e:log(run)))
    -- nor the part of one: its caller is in flight
    h:write("agents/child.lua", agent "return 1")
    h:write("agents/parent.lua", agent [[ ctx.call("child", {}) ctx.sleep("1d") ]])
    e = h:reopen()
    h:run("parent")
    local child = e:list { agent = "child" }[1]
    assert.equal("done", child.state)
    local _, err = e:purge_plan { runs = { child.run } }
    assert.equal("K1062", err.number)
  end)

  it("leaves a tombstone, an audit row without words, and the money", function()
    local e, run = told()
    local done = purged(e, { runs = { run }, memory = true })
    local left = e:tombstones()[1]
    assert.equal(run, left.run)
    assert.equal("done", left.state)
    assert.same({ by = "Mira", why = "purge", note = "asked to", at = "2026-03-02T09:00:00.000Z",
      records = done.runs[1].records, digest = done.runs[1].digest }, left.purged)
    local rows = e:rows("purge.audit", { text = run })
    local kinds = {}
    for _, row in ipairs(rows) do kinds[#kinds + 1] = row.detail.purged and "decision" or row.detail.note end
    assert.same({ "decision", "asked to" }, kinds)
    assert.match("^sha256:", rows[1].subject)
    assert.equal(64, #rows[1].detail.digest)
  end)

  it("still knows an event whose words are gone when it comes again", function()
    local e = told()
    assert(e:emit("word.said", { word = "second" }, { key = "k-" .. marker }))
    assert(e:drain())
    assert(e:decide(e:inbox()[1].id, { state = "rejected" }))
    assert(e:drain())
    purged(e, { text = marker })
    assert.same({}, found(marker))
    assert.is_false(e:emit("word.said", { word = "second" }, { key = "k-" .. marker }).new)
    -- and a run begun for a key is not begun again
    local again = assert(e:start("secretive", { word = marker }, { key = "word.said/" .. marker }))
    assert.is_true(again.old)
    assert.equal(0, #e:inbox())
  end)

  it("answers show and replay with `purged`", function()
    local e, run = told()
    local other = h:run("plain").run
    purged(e, { runs = { run } })
    local one = e:replay(run)
    assert.is_false(one.equal)
    assert.equal("purge", one.purged.why)
    h.engine:close()
    local function call(...) return keel { "--home", h.path, ... } end
    local shown = call("show", run, "--json")
    assert.equal(0, shown.code)
    assert.equal("purge", json.decode(shown.out).purged.why)
    assert.match("purged at .- by Mira %(purge%): asked to", call("show", run:sub(1, -3)).out)
    assert.equal(1, call("replay", run).code)
    local all = call("replay", "--all", "--offline", "--json")
    assert.equal(0, all.code)
    local seen = {}
    for _, result in ipairs(json.decode(all.out)) do seen[result.run] = result.equal or result.purged.why end
    assert.equal("purge", seen[run])
    assert.is_true(seen[other])
  end)

  it("is a command that tells first and deletes when told to", function()
    local _, run = told()
    h.engine:close()
    local function call(...) return keel { "--home", h.path, "purge", ... } end
    local first = call(run, "--memory")
    assert.equal(2, first.code)
    assert.match("K1061.-1 run, 1 event, 2 memory items, 1 record would go", first.err)
    local plan = call(run, "--dry-run", "--json")
    assert.equal(0, plan.code)
    assert.equal(run, json.decode(plan.out).runs[1].run)
    assert.is_true(#found(marker) > 0)
    assert.equal(2, call().code)
    assert.equal(2, call("--text", "ab", "--yes").code)
    assert.equal(2, call("run_nothing", "--yes").code)
    local done = call(run, "--memory", "--yes", "--json", "--note", "asked to")
    assert.equal(0, done.code, done.err)
    assert.equal(2, json.decode(done.out).memory)
    assert.same({}, found(marker))
    local again = call(run, "--yes", "--json")
    assert.equal(1, again.code)
    assert.equal("K1904", json.decode(again.out).error.number)
  end)

  it("leaves no byte of rows that moved between pages before they went", function()
    h = home.make { agents = { plain = plain } }
    local e = h:open()
    local store = e.store
    for i = 1, 400 do
      local tx = store:tx()
      local text = (i % 7 == 0 and marker or "someone else's words") .. ("."):rep(i * 37 % 900)
      tx:add("record.put", { type = "t", key = ("%04d"):format(i * 2654435761 % 9973), value_json = { text = text }, now = i })
      assert(e:commit(tx))
      assert(e:memory():remember { ns = "main", kind = "note", text = text .. i, tags = { "t" .. i % 7 } })
    end
    purged(e, { text = marker })
    assert.same({}, found(marker))
    assert.is_true(#e:records "t" > 300)
    whole(e)
  end)
end)
