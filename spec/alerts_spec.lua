-- Alerts are events: they come once, agents listen to them, and none brings about its like without end.
local home = require "spec.support.home"
local rfc3339 = require "rfc3339"

describe("alert.raised", function()
  local h
  after_each(function()
    if h then h:remove() end
    h = nil
  end)

  local failing = 'if input.fail then error("no") end'

  local function open(agents, config, options)
    h = home.make { agents = agents, config = config }
    options = options or {}
    options.served = true
    local e = h:open(options)
    assert(e:drain())
    return e
  end

  local function alerts()
    local list = {}
    for i, row in ipairs(h.engine:event_list { type = "alert.raised" }) do list[i] = h.engine:event(row.id).payload end
    return list
  end

  it("tells of failures in a row, once for each row of them, and other agents hear it", function()
    open { a = home.agent(failing), ops = home.agent([[ctx.records.put{ type = "heard", key = input.agent, value = { of = input.kind } }]],
      'on = { event = "alert.raised" },') }
    for _ = 1, 2 do h:run("a", { fail = true }) end
    h:run("a", {})
    for _ = 1, 2 do h:run("a", { fail = true }) end
    assert.same({}, alerts())
    local third = h:run("a", { fail = true })
    assert.same({ { kind = "failures", agent = "a", run = third.run, message = "3 runs of a failed in a row" } }, alerts())
    for _ = 1, 4 do h:run("a", { fail = true }) end
    assert.equal(1, #alerts())
    assert.equal("failures", h.engine:records("heard")[1].value.of)
    h:reopen { served = true }
    assert(h.engine:drain())
    h.engine:rested(h.engine:run_row(third.run).id) -- as a process would that died before it said so
    assert(h.engine:drain())
    assert.equal(1, #alerts())
    h:run("a", {})
    for _ = 1, 3 do h:run("a", { fail = true }) end
    assert.equal(2, #alerts())
  end)

  it("takes the number from config.lua", function()
    open({ a = home.agent(failing) }, 'return { zone = "UTC", alert = { failures = 1 } }')
    h:run("a", { fail = true })
    assert.equal("1 runs of a failed in a row", alerts()[1].message)
  end)

  it("comes to an end when those who hear it fail, start nothing, or make others fail", function()
    open({ a = home.agent(failing), ops = home.agent('error "no"', 'on = { event = "alert.*" },'),
      deaf = home.agent("return 1", 'input = { type = "object", required = { "nothing" } }, on = { event = "alert.raised" },'),
      loud = home.agent([[ctx.emit("thing", {})]], 'on = { event = "alert.raised" },'),
      other = home.agent("return 1", 'input = { type = "object", required = { "nothing" } }, on = { event = "thing" },') },
      'return { zone = "UTC", alert = { failures = 1 } }')
    for _ = 1, 3 do h:run("a", { fail = true }) end
    local kinds = {}
    for _, one in ipairs(alerts()) do kinds[one.kind .. " " .. one.agent] = (kinds[one.kind .. " " .. one.agent] or 0) + 1 end
    assert.same({ ["failures a"] = 1, ["dead other"] = 1 }, kinds)
    h.now = h.now + 3600000
    h.engine:emit("thing", {})
    assert(h.engine:drain())
    assert.equal(3, #alerts()) -- another hour: one more, and what it brings about none
  end)

  it("tells of times that were missed, and counts them", function()
    h = home.make { agents = { a = home.agent("return 1", 'on = { every = "10m", catch_up = { keep = "none" } },') } }
    h.now = assert(rfc3339.parse "2026-03-01T12:00:00Z")
    h:open { schedules = true, served = true }
    assert(h.engine:drain())
    h.now = h.now + 95 * 60000
    h.engine:fire()
    assert(h.engine:drain())
    local list = alerts()
    assert.same({ 1, "missed", "a" }, { #list, list[1].kind, list[1].agent })
    assert.matches("missed 9 of its times", list[1].message)
    assert.truthy(require("observe.metrics").text(h.engine):find('keel_schedule_missed_total{schedule="' .. list[1].schedule .. '"} 9', 1, true))
  end)

  it("tells of an agent that its budget stopped", function()
    open({ a = home.agent([[return ctx.model{ tier = "small", prompt = "hello", max_tokens = 30 }]], 'budget = { day = "$0.000001" },') },
      [[return { zone = "UTC", tiers = { small = { { provider = "echo", model = "echo-1", price = { input = 1, output = 2 } } } } }]])
    h:run "a"
    assert(h.engine:drain())
    local kinds = {}
    for _, one in ipairs(alerts()) do kinds[one.kind] = one.agent end
    assert.equal("a", kinds.stopped)
  end)

  it("is raised by keel serve only", function()
    h = home.make { agents = { a = home.agent(failing) } }
    h:open()
    for _ = 1, 5 do h:run("a", { fail = true }) end
    assert.same({}, alerts())
  end)
end)
