-- Schedules under kill -9: a slot has exactly one run, wherever the engine died.
local engine = require "engine"
local file = require "file"
local lab = require "spec.crash.lab"

local agents = {
  mails = [[return agent { version = 1, on = { every = "2m" }, uses = { "mail" },
    run = function(ctx, input)
      return ctx.skill.mail{ op = "send", to = "ana@example.org", key = input.key }
    end }]],
  slow = [[return agent { version = 1, on = { every = "3m", overlap = "queue_all", name = "s" },
    run = function(ctx, input) ctx.sleep("4m") return input.time end }]],
  once = [[return agent { version = 1, on = { at = "2026-03-02T09:05:00Z" },
    run = function(ctx, input)
      ctx.records.put{ type = "fired", key = input.key, value = { n = 1 } }
      return true
    end }]],
}

describe("a schedule, killed", function()
  local homes = {}
  after_each(function()
    for _, home in ipairs(homes) do lab.remove(home) end
    homes = {}
  end)

  local function scratch()
    local home = lab.scratch()
    homes[#homes + 1] = home
    for _, folder in ipairs { "agents", "var" } do assert(file.mkdir(home .. "/" .. folder)) end
    assert(file.write(home .. "/config.lua", 'return { zone = "UTC", adapters = { mail = "outbox" } }'))
    for name, text in pairs(agents) do assert(file.write(home .. "/agents/" .. name .. ".lua", text)) end
    return home
  end

  local function play(home, options)
    return lab.keel(home, "lua spec/schedules/tick.lua " .. lab.quoted(home) .. " 8", options)
  end

  local function slots_of(home)
    local e <close> = assert(engine.look { home = home })
    local list = {}
    for i, row in ipairs(e:slot_log { limit = 1000 }) do
      list[i] = ("%s %s %s %s"):format(row.schedule, row.slot, row.state, row.reason or "")
    end
    return list
  end

  it("fires each slot once, wherever it dies", function()
    if not lab.shim() then return pending(select(2, lab.shim())) end
    local whole, count = scratch(), os.tmpname()
    local done = play(whole, { count = count })
    assert.equal(0, done.code, done.err)
    local want, slots = lab.state(whole), slots_of(whole)
    assert.equal(4, #want.outbox)
    assert.equal(1, #want.records)
    assert.equal(4 + 2 + 1, #want.runs)
    local calls, hits = math.tointeger(tonumber(file.read(count))), 0
    os.remove(count)
    local stride = math.max(1, calls // 24)
    for n = stride, calls - 1, stride do
      local home = scratch()
      done = play(home, { fault = (n // stride % 3 == 0 and "tear:" or "kill:") .. n })
      if done.code ~= 0 then hits = hits + 1 end
      done = play(home)
      assert.equal(0, done.code, done.err)
      assert.same({}, lab.differences(want, lab.state(home)), "at disk call " .. n)
      assert.same(slots, slots_of(home), "at disk call " .. n)
    end
    assert.is_true(hits > 10)
  end)
end)
