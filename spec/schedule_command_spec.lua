-- keel schedule, by itself and with a served engine.
local homes = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local server = require "spec.support.server"

local function agent(on) return homes.agent("return input.time", "on = " .. on .. ",") end

describe("keel schedule", function()
  local home, served
  after_each(function()
    if served then served:stop("KILL") end
    if home then home:remove() end
    home, served = nil, nil
  end)

  local function call(...)
    return keel { "--home", home.path, "schedule", ... }
  end

  local function make()
    home = homes.make { agents = { news = agent '{ { cron = "0 8 * * TUE", name = "weekly", zone = "Europe/Lisbon" }, { every = "15m" } }',
      other = agent '{ cron = "@monthly" }' } }
  end

  it("lists what there is, before anything was served", function()
    make()
    local list = json.decode(call("--json").out)
    assert.equal(3, #list)
    assert.same({ "news", "news/weekly", "other" }, { list[1].schedule, list[2].schedule, list[3].schedule })
    assert.same({ "0 8 * * TUE", "Europe/Lisbon", "on", "skip" }, { list[2].spec, list[2].zone, list[2].state, list[2].overlap })
    local text = call("list").out
    assert.matches("news/weekly%s+0 8 %* %* TUE%s+Europe/Lisbon%s+on%s+Tue ", text)
  end)

  it("tells the next firings, in UTC and on the wall clock", function()
    make()
    local list = json.decode(call("next", "2", "--from", "2026-03-28T00:00:00Z", "--agent", "other", "--json").out)
    assert.same({ schedule = "other", agent = "other", at = "2026-04-01T00:00:00.000Z", due = "2026-04-01T00:00:00.000Z",
      ["local"] = "2026-04-01T00:00", zone = "UTC" }, list[1])
    assert.equal("2026-05-01T00:00:00.000Z", list[2].at)
    assert.equal(10, #json.decode(call("next", "--json").out))
    assert.matches("2026%-03%-31T07:00:00Z%s+Tue 2026%-03%-31 08:00%s+Europe/Lisbon%s+news/weekly",
      call("next", "400", "--from", "2026-03-30T00:00:00Z").out)
  end)

  it("holds a schedule and lets it go, by the last part of its name", function()
    make()
    assert.equal(0, call("pause", "weekly").code)
    assert.equal("paused", json.decode(call("--json").out)[2].state)
    for _, one in ipairs(json.decode(call("next", "1000", "--json").out)) do assert.not_equal("news/weekly", one.schedule) end
    assert.same({ schedule = "news/weekly", state = "on" }, json.decode(call("resume", "news/weekly", "--json").out))
    assert.equal("on", json.decode(call("--json").out)[2].state)
  end)

  it("tries an expression anywhere, and shows where the clock leaps", function()
    local done = keel { "schedule", "try", "30 2 * * *", "2", "--zone", "America/New_York", "--from", "2026-03-07T12:00:00Z" }
    assert.equal(0, done.code)
    assert.matches("2026%-03%-08T07:00:00Z%s+Sun 2026%-03%-08 02:30 %-> 03:00%s+America/New_York", done.out)
    local list = json.decode(keel { "schedule", "try", "30 2 * * *", "1", "--zone", "America/New_York", "--dst", "skip",
      "--from", "2026-03-07T12:00:00Z", "--json" }.out)
    assert.same({ { at = "2026-03-09T06:30:00.000Z", ["local"] = "2026-03-09T02:30", zone = "America/New_York" } }, list)
    assert.equal(3, #json.decode(keel { "schedule", "try", "every 90m", "3", "--json" }.out))
  end)

  it("says what is wrong, and exits with 2", function()
    make()
    local cases = {
      { { "frobnicate" }, "K1001" }, { { "pause" }, "K1003" }, { { "pause", "nobody" }, "K1007" },
      { { "next", "0" }, "K1004" }, { { "next", "x" }, "K1004" }, { { "next", "--from", "soon" }, "K1004" },
      { { "next", "--agent", "nobody" }, "K1005" }, { { "try" }, "K1003" }, { { "try", "* * * *" }, "K1004" },
      { { "try", "@daily", "--zone", "Europe/Lissbon" }, "K1004" }, { { "try", "@daily", "--dst", "x" }, "K1004" },
      { { "list", "more" }, "K1004" }, { { "log", "nobody" }, "K1007" }, { { "try", "every 1ms" }, "K1004" },
    }
    for _, case in ipairs(cases) do
      local words = table.move(case[1], 1, #case[1], 1, {})
      words[#words + 1] = "--json"
      local done = call(table.unpack(words))
      local what = table.concat(case[1], " ")
      assert.equal(case[2], (json.decode(done.out).error or {}).number, what)
      assert.equal(2, done.code, what)
    end
  end)

  it("is kept by a served engine, which takes up what is saved", function()
    home = homes.make { agents = { a = agent '{ every = "1s", name = "tick" }' } }
    served = assert(server.start(home))
    local function started(id, n)
      return function()
        local count = 0
        for _, row in ipairs(served:json("schedule log " .. id)) do
          if row.state == "started" and row.run_state == "done" then count = count + 1 end
        end
        return count >= n
      end
    end
    server.eventually(started("tick", 2), "two firings")
    assert.equal(0, select(3, served:keel("schedule pause tick")))
    assert.equal("paused", served:json("schedule")[1].state)
    home:write("agents/b.lua", agent '{ every = "1s" }')
    server.eventually(started("b", 1), "a firing of what was saved")
    server.eventually(function() return #served:json("schedule skipped tick") > 0 end, "a skipped slot")
    assert.equal("paused", served:json("schedule skipped tick")[1].reason)
    assert.equal("", (served:messages():gsub("keel: loaded[^\n]*\n", "")))
    assert.equal(0, served:stop("TERM"))
    -- each slot has one run
    local e <close> = home:open()
    local runs = {}
    for _, row in ipairs(e:slot_log { limit = 1000 }) do
      if row.run then
        assert.is_nil(runs[row.run])
        runs[row.run] = true
      end
    end
    for _, run in ipairs(e:list { limit = 1000 }) do assert.is_true(runs[run.run]) end
  end)
end)
