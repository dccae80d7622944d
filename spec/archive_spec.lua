-- Where journals lie: large values once, runs that are over packed, and the same
-- records read from either.
local archive = require "core.archive"
local home = require "spec.support.home"
local json = require "json"
local lab = require "spec.crash.lab"
local agent = home.agent

local long = agent [[
  for i = 1, input.steps do
    ctx.step{ name = "s", args = { prompt = ("the same prompt "):rep(100) }, run = function()
      return { text = ("answer " .. i % 3 .. " "):rep(200), small = "x" } end }
  end
  return { text = ("output "):rep(400) } ]]

local asks = agent [[
  ctx.step{ name = "before", run = function() return ("b"):rep(3000) end }
  local verdict = ctx.approve{ subject = "s", proposal = { text = ("p"):rep(3000) } }
  ctx.step{ name = "after", run = function() return ("a"):rep(3000) end }
  return verdict.outcome ]]

--- Records as one text, so that they can be compared.
local function told(records)
  for _, record in ipairs(records) do
    if record.hash and #record.hash == 16 then
      record.hash = record.hash:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    end
  end
  return (assert(json.encode(records)))
end

describe("the archive", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(agents, config)
    h = home.make { agents = agents, config = config }
    return h:open()
  end

  local function exact(e)
    assert.same({}, assert(e.store:read("payload.check", {})))
    assert.same({ { result = "ok" } }, e.store:read("check.integrity", {}))
  end

  local function pack(e, run, records, bytes)
    local tx = e.store:tx()
    archive.pack(tx, e:run_row(run).id, records or 1000000, bytes or 1 << 30)
    assert(e:commit(tx))
  end

  local function journal_rows(e) return #e:rows("journal.tails", { since = 0 }) end

  it("keeps a repeated value once, and gives it back whole", function()
    local e = with { a = long }
    local run = h:run("a", { steps = 30 })
    local stats = e:store_stats()
    -- the prompt, three answers, the output in its record and in the run's row
    assert.equal(6, stats.payloads.count)
    assert.equal(62, stats.payloads.references)
    assert.is_true(stats.payloads.shared > 25 * 1600)
    assert.equal(("output "):rep(400), run.output.text)
    local log = e:log(run.run)
    assert.equal(("the same prompt "):rep(100), log[30].args.prompt)
    assert.equal(("answer 0 "):rep(200), log[30].result.text)
    exact(e)
  end)

  it("reads the same records from the journal, from segments, and from between", function()
    local e = with { a = long }
    local run = h:run("a", { steps = 40 }).run
    local before = told(e:journal(e:run_row(run)))
    assert.equal(1, journal_rows(e))
    local slices = 0
    repeat
      pack(e, run, 5)
      slices = slices + 1
      assert.equal(before, told(e:journal(e:run_row(run))))
      assert.is_true(e:replay(run).equal)
      exact(e)
    until #e:rows("archive.next", { ended_by = h.now, limit = 10 }) == 0
    assert.is_true(slices >= 8 and slices <= 10)
    assert.equal(0, journal_rows(e))
    assert.equal(42, e:store_stats().packed.records)
    pack(e, run, 5)
    assert.equal(before, told(e:journal(e:run_row(run))))
    h:reopen()
    assert.equal(before, told(h.engine:journal(h.engine:run_row(run))))
  end)

  it("makes a packed run smaller", function()
    local e = with { a = long }
    h:run("a", { steps = 200 })
    assert(e:gc())
    local stats = e:store_stats()
    assert.is_true(stats.packed.ratio > 3, tostring(stats.packed.ratio))
    assert.is_true(stats.payloads.kept * 3 < stats.payloads.bytes)
  end)

  it("walks from the middle of a packed run", function()
    local e = with { a = long }
    local run = h:run("a", { steps = 40 }).run
    local records = e:journal(e:run_row(run))
    pack(e, run, 7)
    pack(e, run, 7)
    for _, at in ipairs { 1, 20, 30, 38 } do
      local part = assert(require("core.run").journal(e.store, e:run_row(run).id, records[at].lsn))
      assert.equal(at, #part)
      assert.equal(told { records[at] }, told { part[1] })
      assert.equal(told { records[1] }, told { part[at] })
    end
  end)

  it("packs a run that sleeps, wakes it, and packs the rest", function()
    local e = with { a = asks }
    local run = h:run("a")
    assert.equal("waiting", run.state)
    assert.equal(0, #e:rows("archive.parked", { since = h.now - 1, limit = 10 }))
    assert.equal(1, #e:rows("archive.parked", { since = h.now, limit = 10 }))
    pack(e, run.run)
    assert.equal(0, journal_rows(e))
    assert.equal(0, #e:rows("archive.parked", { since = h.now, limit = 10 }))
    e = h:reopen()
    assert(e:decide(e:inbox()[1].id, { state = "approved" }))
    assert(e:drain())
    assert.equal("done", e:describe(run.run).state)
    assert.equal(1, journal_rows(e))
    assert.is_true(e:replay(run.run).equal)
    assert(e:gc())
    assert.equal(0, journal_rows(e))
    assert.is_true(e:replay(run.run).equal)
    exact(e)
  end)

  it("never gives a log number or a run's number twice", function()
    local e = with { a = long }
    local run = h:run("a", { steps = 3 }).run
    local row = e:run_row(run)
    assert(e:gc())
    e = h:reopen()
    local second = e:run_row(h:run("a", { steps = 3 }).run)
    assert.equal(row.id + 1, second.id)
    assert.is_true(e:journal(second)[1].lsn > row.tail)
    assert(e:gc())
    assert(e:purge(assert(e:purge_plan { runs = { second.run } }), {}))
    e = h:reopen()
    local third = e:run_row(h:run("a", { steps = 3 }).run)
    assert.is_true(third.id > second.id)
    assert.is_true(e:journal(third)[1].lsn > second.tail)
  end)

  it("finds words in payloads when runs are searched", function()
    local e = with { a = long }
    h:run("a", { steps = 1, note = ("word "):rep(300) .. "Needle" })
    assert.equal(1, #e:list { text = "needle" })
    assert.equal(1, #e:list { text = "output output" })
    assert.equal(0, #e:list { text = "absent" })
  end)

  it("says what is damaged instead of giving it, and holds nothing else up", function()
    local e = with { a = long }
    local run, other = h:run("a", { steps = 20 }).run, h:run("a", { steps = 20 }).run
    assert(e:gc { vacuum = true })
    local at = e:rows("archive.sums", {})[1].packed
    assert.is_true(at > 0)
    h.engine:close()
    -- a byte in the middle of the first segment's zlib stream
    local path = h.path .. "/var/keel.db"
    local f = assert(io.open(path, "r+b"))
    local text = f:read "a"
    local where = assert(text:find("K\1", 1, true), "no packed block in the file")
    local places = {}
    while where do
      places[#places + 1] = where
      where = text:find("K\1", where + 1, true)
    end
    for _, place in ipairs(places) do
      f:seek("set", place + 40)
      f:write(string.char(text:byte(place + 41) ~ 0xff))
    end
    f:close()
    e = h:open()
    for _, id in ipairs { run, other } do
      local records, err = e:journal(e:run_row(id))
      assert.is_nil(records)
      assert.equal("K9003", err.number)
    end
    assert.equal("done", h:run("a", { steps = 2 }).state)
    -- and it can be got rid of
    local done = assert(e:purge(assert(e:purge_plan { runs = { run } }), {}))
    assert.equal(run, done.runs[1].run)
    assert.equal("K1904", select(2, e:describe(run)).number)
  end)
end)

describe("the archive, killed", function()
  local homes = {}
  after_each(function()
    for _, path in ipairs(homes) do lab.remove(path) end
    homes = {}
  end)

  local function quoted_copy(from)
    local to = lab.scratch()
    homes[#homes + 1] = to
    assert(lab.shell(("cp -r %s %s"):format(lab.quoted(from), lab.quoted(to))) == 0)
    return to
  end

  local function look(path)
    local e <close> = assert(require("engine").look { home = path })
    local list, sums = {}, { payloads = e.store:read("payload.check", {}), integrity = e.store:read("check.integrity", {}) }
    for _, run in ipairs(e:list { limit = 100 }) do
      list[#list + 1] = assert(json.encode(run)) .. told(e:journal(e:run_row(run.run)))
    end
    sums.runs, sums.gone = list, e:tombstones()
    return sums
  end

  local function prepared(config)
    local h = home.make { agents = { a = long }, config = config }
    homes[#homes + 1] = h.path
    h.now = 1600000000000 -- long ago for the commands, which go by the machine's clock
    h:open()
    for i = 1, 3 do h:run("a", { steps = 5 * i }) end
    h.engine:close()
    return h.path
  end

  -- Put `fault` at every `stride`th disk call of `keel gc` on a copy of the home.
  -- (KEEL_THOROUGH=1: three times as many.)
  local function under(words, fault, stride, config, judge)
    if not os.getenv "KEEL_THOROUGH" then stride = stride * 3 end
    if not lab.shim() then return pending(select(2, lab.shim())) end
    local first, count = prepared(config), os.tmpname()
    local before = look(first)
    local whole = quoted_copy(first)
    assert(lab.keel(whole, words, { count = count }).code == 0)
    local calls = math.tointeger(tonumber(require("file").read(count)))
    os.remove(count)
    assert.is_true(calls > 10)
    local hits = 0
    for n = 1, calls, stride do
      local path = quoted_copy(first)
      local done = lab.keel(path, words, { fault = fault .. ":" .. n })
      if done.code ~= 0 then hits = hits + 1 end
      local where = ("%s at disk call %d of %d"):format(fault, n, calls)
      local after = look(path)
      assert.same({}, after.payloads, where)
      assert.same({ { result = "ok" } }, after.integrity, where)
      judge(before, after, where)
      -- and the next pass finishes it
      done = lab.keel(path, words)
      assert(done.code == 0, where .. ": " .. done.out .. done.err)
      after = look(path)
      assert.same({}, after.payloads, where)
      judge(before, after, where, true)
      lab.remove(path)
    end
    assert.is_true(hits > 3)
  end

  for _, fault in ipairs { "kill", "tear", "full" } do
    it("has every record of every run, wherever packing ends by " .. fault, function()
      under("gc --json", fault, 3, nil, function(before, after, where)
        assert.same(before.runs, after.runs, where)
      end)
    end)
  end

  it("has a run whole or a tombstone of it, wherever dropping is killed", function()
    local config = 'return { zone = "UTC", retention = { runs = "1d", keep_last = 1 } }'
    under("gc --json", "kill", 2, config, function(before, after, where, finished)
      local there = {}
      for _, text in ipairs(before.runs) do there[text] = true end
      for _, text in ipairs(after.runs) do assert.is_true(there[text], where) end
      assert.equal(3, #after.runs + #after.gone, where)
      if finished then assert.equal(2, #after.gone, where) end
    end)
  end)

  it("keeps every run equal while a served engine, killed at any moment, packs and drops", function()
    local config = 'return { zone = "UTC", retention = { pack = "0s", every = "2ms", agents = { b = { runs = "0s" } } } }'
    local h = home.make { config = config, agents = {
      a = long:gsub("return agent { version = 1, ", '%0on = { event = "go", key = "n" }, '),
      b = long:gsub("return agent { version = 1, ", '%0on = { event = "go", key = "n" }, ') } }
    homes[#homes + 1] = h.path
    local e = h:open()
    for n = 1, 40 do
      local tx = e.store:tx()
      tx:add("event.put", { type = "go", payload_codec = { n = n, steps = 12 }, now = h.now, trust = "owner" })
      assert(e:commit(tx))
    end
    e:close()
    math.randomseed(20261125)
    for i = 1, 5 do
      lab.serve_for(h.path, 0.1 + math.random() * 0.3, i % 2 == 0 and "engine" or "both")
      local state = look(h.path)
      assert.same({}, state.payloads)
      assert.same({ { result = "ok" } }, state.integrity)
    end
    assert.equal(0, lab.keel(h.path, "emit nothing.else 1 --json").code)
    assert.equal(0, lab.keel(h.path, "gc --json").code)
    local state = look(h.path)
    local there = {}
    for _, text in ipairs(state.runs) do
      local agent = text:match '"agent":"(%l)"'
      assert.match('"state":"done"', text)
      there[agent] = (there[agent] or 0) + 1
    end
    assert.equal(40, there.a)
    assert.equal(40, #state.gone)
    assert.same({}, lab.replays(h.path))
  end)

  it("has the run whole or nothing of it, wherever a purge is killed", function()
    if not lab.shim() then return pending(select(2, lab.shim())) end
    under("purge --text 'output output' --yes --json", "kill", 4, nil, function(before, after, where, finished)
      assert.is_true(#after.runs == 0 or #after.runs == 3, where)
      if #after.runs > 0 then assert.same(before.runs, after.runs, where) end
      assert.equal(3, #after.runs + #after.gone, where)
      if finished then assert.equal(0, #after.runs, where) end
    end)
  end)
end)
