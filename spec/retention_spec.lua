-- How long what is over is kept, and that the rules take that and nothing else.
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local loop = require "loop"
local server = require "spec.support.server"
local settings = require "settings"
local agent = home.agent

local day = 86400000

local ok = agent [[ return { n = ctx.step{ name = "s", args = input, run = function() return ("x"):rep(2000) end } } ]]
local bad = agent [[ error("no") ]]

describe("the settings of retention", function()
  local function of(text) return settings.from_source("return { retention = " .. text .. " }", "config.lua") end

  it("are durations, sizes and counts", function()
    local rules = assert(of('{ runs = "90d", failed = "180d", events = "30d", keep_last = 5, max_bytes = "2GiB",'
      .. ' pack = "1h", tombstones = "3650d", agents = { noisy = { runs = "1d", keep_last = 0 } } }')).retention
    assert.equal(90 * day, rules.runs_ms)
    assert.equal(180 * day, rules.failed_ms)
    assert.equal(30 * day, rules.events_ms)
    assert.equal(2 << 30, rules.max_bytes)
    assert.same({ runs_ms = day, keep_last = 0 }, rules.agents.noisy)
    assert.same({ agents = {} }, assert(settings.from_source("return {}", "config.lua")).retention)
  end)

  it("are refused with their line when they are none", function()
    for text, number in pairs { ['{ run = "1d" }'] = "K2101", ['{ runs = "soon" }'] = "K2105", ["{ keep_last = -1 }"] = "K2105",
      ['{ agents = { a = { events = "1d" } } }'] = "K2101", ["{ max_bytes = true }"] = "K2105" } do
      local config, err = of(text)
      assert.is_nil(config, text)
      assert.equal(number, err.number, text)
      assert.equal(1, err.line, text)
    end
  end)
end)

describe("retention", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(rules, agents)
    h = home.make { agents = agents or { ok = ok, bad = bad },
      config = 'return { zone = "UTC", retention = ' .. rules .. " }" }
    return h:open()
  end

  local function left(e)
    local list = {}
    for _, run in ipairs(e:list { limit = 1000 }) do list[#list + 1] = run.agent end
    table.sort(list)
    return table.concat(list, " ")
  end

  local function exact(e)
    assert.same({}, e:rows("payload.check", {}))
    assert.same({ { result = "ok" } }, e:rows("check.integrity", {}))
    for _, run in ipairs(e:list { limit = 1000 }) do assert.is_true(e:replay(run.run).equal) end
  end

  it("drops nothing when nothing is said", function()
    local e = with "{}"
    h:run "ok"
    h:run "bad"
    h.now = h.now + 10000 * day
    local report = assert(e:gc())
    assert.equal(0, report.runs)
    assert.equal("bad ok", left(e))
    exact(e)
  end)

  it("drops what is too old, and failures by their own rule", function()
    local e = with '{ runs = "10d", failed = "20d" }'
    h:run "ok"
    h:run "bad"
    h.now = h.now + 10 * day - 1
    h:run "ok"
    assert.equal(0, assert(e:gc()).runs)
    h.now = h.now + 1
    assert.equal(1, e:gc_plan().runs)
    assert.equal("bad ok ok", left(e))
    assert.equal(1, assert(e:gc()).runs)
    assert.equal("bad ok", left(e))
    h.now = h.now + 10 * day
    assert.equal(2, assert(e:gc()).runs)
    assert.equal("", left(e))
    assert.equal(3, #e:tombstones())
    assert.equal("retention: age", e:tombstones()[1].purged.why)
    assert.equal("retention", e:tombstones()[1].purged.by)
    assert.equal(0, e:store_stats().payloads.count)
    assert.equal(0, e:store_stats().packed.records)
    exact(e)
  end)

  it("keeps the newest of each agent, and gives an agent rules of its own", function()
    local e = with('{ runs = "1d", keep_last = 2, agents = { noisy = { runs = "1h", keep_last = 0 } } }',
      { ok = ok, noisy = ok })
    for _ = 1, 5 do
      h:run "ok"
      h:run "noisy"
    end
    h.now = h.now + day // 2
    assert(e:gc())
    assert.equal("ok ok ok ok ok", left(e))
    h.now = h.now + day
    local newest = { e:list {}[1].run, e:list {}[2].run }
    assert(e:gc())
    assert.same(newest, { e:list {}[1].run, e:list {}[2].run })
    assert.equal("ok ok", left(e))
    exact(e)
  end)

  it("takes no run in flight, and no part of one", function()
    local e = with('{ runs = "1d", failed = "1d" }', { ok = ok, asks = agent 'return ctx.approve{ subject = "s", proposal = 1 }.outcome',
      parent = agent 'local a = ctx.call("ok", {}) ctx.approve{ subject = "p", proposal = 1 } return a' })
    h:run "asks"
    h:run "parent"
    h.now = h.now + 100 * day
    assert.equal(0, e:gc_plan().runs)
    assert(e:gc())
    assert.equal("asks ok parent", left(e))
    for _, item in ipairs(e:inbox()) do assert(e:decide(item.id, { state = "approved" })) end
    assert(e:drain())
    assert.equal("asks ok parent", left(e))
    assert.equal(1, assert(e:gc()).runs) -- the child's parent is over now, and it is old
    assert.equal("asks parent", left(e))
    h.now = h.now + 2 * day
    assert(e:gc())
    assert.equal("", left(e))
    exact(e)
  end)

  it("drops the oldest when the store is larger than max_bytes, whatever their age", function()
    local e = with '{ max_bytes = "500KiB", keep_last = 3 }'
    local first = h:run("ok").run
    for i = 1, 60 do
      h.now = h.now + 1000
      h:run("ok", { text = require("core.digest").sha256(tostring(i)):rep(200) .. i })
    end
    local function used()
      local size = e:rows("store.size", {})[1]
      return size.bytes - size.free
    end
    assert.is_true(used() > 500 * 1024)
    assert(e:gc())
    assert.is_true(used() <= 500 * 1024)
    assert.equal("K1904", select(2, e:describe(first)).number)
    assert.equal("retention: max_bytes", e:tombstones()[1].purged.why)
    -- and not much more than needed: 16 at a time, each some 13 KB
    assert.is_true(used() > 250 * 1024, tostring(used()))
    exact(e)
  end)

  it("empties old events, and still knows them", function()
    local e = with '{ events = "30d" }'
    assert(e:emit("x", { text = ("long "):rep(1000) }, { key = "k" }))
    assert(e:drain())
    assert(e:gc())
    assert.equal(1, e:store_stats().payloads.count)
    h.now = h.now + 31 * day
    assert.equal(1, e:gc_plan().events)
    assert.equal(1, assert(e:gc()).events)
    assert.equal(0, e:store_stats().payloads.count)
    assert.is_false(e:emit("x", {}, { key = "k" }).new)
    assert.equal(0, e:gc_plan().events)
    exact(e)
  end)

  it("forgets tombstones only when told to", function()
    local e = with '{ runs = "1d", tombstones = "10d" }'
    h:run "ok"
    h.now = h.now + 2 * day
    assert(e:gc())
    assert.equal(1, #e:tombstones())
    h.now = h.now + 11 * day
    assert.equal(1, assert(e:gc()).tombstones)
    assert.equal(0, #e:tombstones())
  end)

  it("keeps the source that a run is pinned to, and drops what none is", function()
    local e = with '{ runs = "10d" }'
    h:run "ok"
    h.now = h.now + 5 * day
    h:write("agents/ok.lua", agent("return 2", "about = 'newer', "))
    e = h:reopen()
    h:run "ok"
    local function sources()
      local n = 0
      for _, row in ipairs(e:store_stats().tables) do n = n + (row.name == "code" and row.bytes or 0) end
      return n, e:rows("code.loose", {})[1].n
    end
    assert.equal(0, select(2, sources()))
    h.now = h.now + 6 * day
    local report = assert(e:gc())
    assert.equal(1, report.runs)
    assert.equal(1, report.code)
    exact(e)
    h.now = h.now + 6 * day
    assert.equal(1, assert(e:gc()).code)
    assert.equal("done", h:run("ok").state) -- its source is put again
    exact(e)
  end)

  it("goes on by itself in slices while runs are at work", function()
    local e = with('{ runs = "1d", pack = "0s", every = "1ms" }', { ok = ok, slow = agent [[
      for i = 1, 300 do ctx.step{ name = "s", run = function() return { i = i } end } end return "done" ]] })
    for _ = 1, 10 do h:run "ok" end
    h.now = h.now + 2 * day
    h:run "slow"
    e:keep_tidy()
    server.eventually(function() return #e:tombstones() == 10 and e:rows("archive.waiting", {})[1].n == 0 end, "tidying")
    assert.equal("slow", left(e))
    assert.equal("done", h:run("slow").state)
    server.eventually(function() return e:rows("archive.waiting", {})[1].n == 0 end, "packing")
    exact(e)
    assert.is_nil(e.faults)
    loop.sleep(5)
  end)

  it("is a command, and one that a served engine runs", function()
    local e = with '{ runs = "10d" }'
    h.now = 1600000000000
    for _ = 1, 3 do h:run "ok" end
    e:close()
    local function call(...) return keel { "--home", h.path, ... } end
    local plan = call("gc", "--dry-run", "--json")
    assert.equal(0, plan.code, plan.err)
    assert.equal(3, json.decode(plan.out).runs)
    assert.equal(3, #json.decode(call("runs", "--json").out))
    local stats = json.decode(call("gc", "--stats", "--json").out)
    assert.equal(3, stats.to_pack)
    assert.is_true(stats.bytes > 0 and #stats.tables > 10)
    assert.match("saved by keeping them once", call("gc", "--stats").out)
    local served = assert(server.start(h))
    local out, err, code = served:keel "gc --vacuum --json"
    local list = served:keel "runs --json"
    served:stop()
    assert.equal(0, code, err)
    assert.equal(3, json.decode(out).runs)
    assert.equal("[]", (list:gsub("%s", "")))
    h.engine = nil
  end)
end)
