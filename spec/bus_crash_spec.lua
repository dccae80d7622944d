-- The event bus under kill -9 at its disk calls: publishing, fanning out, admission, the
-- end of a run that frees its order.
local home = require "spec.support.home"
local json = require "json"
local lab = require "spec.crash.lab"

local agent = home.agent

describe("an event, wherever the engine is killed,", function()
  local h
  after_each(function() h:remove() end)

  local function make()
    h = home.make { agents = {
      first = agent([[ ctx.emit("second", { n = input.n, thread = "t" }) return input.n ]], 'on = { event = "go", key = "n" },'),
      second = agent("return input.n", 'on = { event = "second", order = "thread", key = "n" }, concurrency = 2,'),
      waits = agent([[ return ctx.wait{ event = "second", where = { n = input.n }, since = "1h" }.payload.n ]], 'on = { event = "go", key = "n" },') } }
  end

  local function keel(words, options) return lab.keel(h.path, words, options) end

  local function publish(n, options) return keel(("emit go '{\"n\":%d}' --key k%d --json"):format(n, n), options) end

  --- What is wrong with what became of event n, whose publishing was told or not.
  local function complaints(n, told)
    local list, events = {}, json.decode(keel("events --json --limit 1000").out)
    local there = 0
    for _, event in ipairs(events) do
      if event.key == "k" .. n then there = there + 1 end
      if event.state ~= "done" then list[#list + 1] = "not handed on: " .. json.encode(event) end
      for _, one in ipairs(event.deliveries) do
        if one.state ~= "started" or one.run_state ~= "done" then list[#list + 1] = "not done: " .. json.encode(event) end
      end
    end
    if told and there ~= 1 then list[#list + 1] = ("k%d is there %d times"):format(n, there) end
    local count = {}
    for _, run in ipairs(json.decode(keel("runs --json --limit 1000").out)) do
      if run.output == n then count[run.agent] = (count[run.agent] or 0) + 1 end
    end
    for _, name in ipairs { "first", "second", "waits" } do
      if (count[name] or 0) ~= there then list[#list + 1] = ("%s ran %d times for k%d"):format(name, count[name] or 0, n) end
    end
    return list, there
  end

  it("becomes one run of each that listens, and wakes each that waits once", function()
    if not lab.shim() then return pending(select(2, lab.shim())) end
    make()
    local count = os.tmpname()
    assert.equal(0, publish(1).code)
    assert.equal(0, publish(2, { count = count }).code)
    local calls = math.tointeger(tonumber(require("file").read(count)))
    os.remove(count)
    local killed, kept = 0, 0
    for n = 3, 22 do
      local done = publish(n, { fault = "kill:" .. math.max(1, calls * (n - 2) // 21) })
      killed = killed + (done.code == 137 and 1 or 0)
      keel "emit nothing '{}' --json" -- the next process takes up what is there
      local list, there = complaints(n, done.code == 0)
      assert.same({}, list, "killed at place " .. n)
      kept = kept + there
    end
    assert.is_true(killed > 10, killed .. " were killed")
    assert.is_true(kept > 5, kept .. " were durable")
  end)
end)
