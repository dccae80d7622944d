-- Forking a run at every step of it, whatever it had done.
local home = require "spec.support.home"
local json = require "json"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

local bodies = {
  groups = [[
    local v = ctx.step{ name = "outer", run = function()
      local a = ctx.step{ name = "inner", run = function() return 1 end }
      local b = ctx.all{ function() return ctx.step{ name = "l", run = function() return 2 end } end,
        function() return ctx.skill.bank{ op = "send", key = "k" }.ok and 3 end }
      return a + b[1] + b[2] end }
    return ctx.step{ name = "last", run = function() return v end } ]],
  side = [[
    local got = ctx.all{ a = function() ctx.sleep("1m") return ctx.step{ name = "a", run = function() return 1 end } end,
      b = function() return ctx.step{ name = "b", run = function() return 2 end } end,
      c = function() return (ctx.call("child", { n = 3 })) end }
    ctx.records.put{ type = "t", key = "end", value = { v = 1 } }
    return got ]],
  any = [[
    local k = ctx.any{ a = function() ctx.sleep("2m") ctx.step{ name = "a", run = function() return 1 end } end,
      b = function() ctx.step{ name = "b", run = function() return 2 end } ctx.sleep("1m") end,
      c = function() ctx.approve{ subject = "s", proposal = 1 } end }
    ctx.step{ name = "x", run = function() return 1 end }
    ctx.sleep("1m")
    return k ]],
  tries = [[
    local n = 0
    local v = ctx.step{ name = "again", retry = { attempts = 3, initial = "1m" }, run = function()
      n = n + 1
      if ctx.records.get{ type = "t", key = "none" } == nil and n < 3 then return nil, { code = "timeout", message = "no" } end
      return n end }
    local w = ctx.step{ name = "limited", timeout = "1m", run = function() return ctx.skill.bank{ op = "send", key = "k" }.ok end }
    return { v = v, w = w } ]],
  undone = [[
    for i = 1, 3 do ctx.step{ name = "s" .. i, run = function() return i end,
      undo = function() ctx.records.put{ type = "undone", key = ctx.run .. i, value = { v = i } } end } end
    error("no") ]],
  asks = [[
    local v = ctx.approve{ subject = "s", proposal = 1, within = "1m", otherwise = "skip" }
    local w = ctx.wait{ event = "e", within = "1m" }
    if ctx.patch("p") then ctx.step{ name = "p", run = function() return 1 end } end
    return { v.outcome, w == nil } ]],
}

describe("a fork", function()
  local h, w, faults
  before_each(function() w = world.install() end)
  after_each(function() if h then h:remove() end h = nil end)

  local function make(body)
    h, faults = home.make { config = config, agents = { a = agent(body, 'uses = { "bank" },'), child = agent "ctx.sleep('1s') return input.n" } }, {}
    return h:open { on_fault = function(text) faults[#faults + 1] = text end }
  end

  local function go_on(e)
    for _ = 1, 8 do
      local left = 3000
      assert(e:drain(function() left = left - 1 return left < 0 end))
      assert(left >= 0, "it never comes to rest")
      h.now = h.now + 30000
      e:fire()
    end
    assert(e:drain())
  end

  local function check(e, run, like, say)
    local told = e:describe(run.run)
    say = say .. " " .. json.encode(told) .. json.encode(e:log(run.run))
    assert.is_truthy(told.ended, say)
    assert.not_equal("diverged", told.state, say)
    assert.not_equal("quarantined", told.state, say)
    if like then assert.same({ like.state, like.output }, { told.state, told.output }, say) end
    local played = assert(e:replay(run.run))
    assert.is_true(played.equal, say .. json.encode(played))
    assert.same({}, faults, say)
  end

  local function steps_of(e, run)
    local seqs = {}
    for _, entry in ipairs(e:log(run.run)) do
      if entry.state == "done" or entry.state == "failed" then seqs[#seqs + 1] = entry.seq end
    end
    return seqs
  end

  it("with another result of one step does nothing again that went on beside it", function()
    local e = make [[
      local got = ctx.all{ a = function() return ctx.step{ name = "a", run = function() return 1 end } end,
        b = function() ctx.skill.bank{ op = "pay", key = "once" } return 2 end,
        c = function() ctx.sleep("1m") return ctx.skill.bank{ op = "look", key = "l" }.ok and 3 end }
      return got ]]
    local run = assert(e:start("a", {}))
    go_on(e)
    for _, entry in ipairs(e:log(run.run)) do
      local before, fork = w:count("once"), assert(e:fork(run.run, entry.seq, { value = { ok = true } }))
      go_on(e)
      check(e, fork, nil, "at " .. entry.seq)
      if entry.name == "1m" then assert.equal(before, w:count("once")) end
    end
  end)

  it("of a run that was moved stands on the code that its prefix ran, and takes no longer than it may", function()
    local e = make 'ctx.step{ name = "one", run = function() return 1 end } ctx.sleep("1h") return 1'
    local run = h:run("a")
    h:write("agents/a.lua", (agent('ctx.step{ name = "one", run = function() return 1 end } ctx.sleep("1h") return 2',
      'timeout = "2m",'):gsub("version = 1", "version = 2")))
    e.library = require("library").load(h.path, e.settings.adapters)
    assert.is_true(assert(e:move(run.run, {})).moved)
    assert(e:drain())
    local fork = assert(e:fork(run.run, 1, {}))
    assert.equal(1, e:describe(fork.run).version)
    local new = h:run("a")
    local late = assert(e:fork(new.run, 1, {}))
    go_on(e)
    assert.equal("deadline", e:describe(new.run).error.code)
    assert.equal("deadline", e:describe(late.run).error.code)
    h.now = h.now + 3600000
    e:fire()
    go_on(e)
    assert.same({ 2, 1 }, { e:describe(run.run).output, e:describe(fork.run).output })
  end)

  for name, body in pairs(bodies) do
    it("from any step of one that is over ends like it, and so does a fork of it: " .. name, function()
      local e = make(body)
      local run = assert(e:start("a", {}))
      go_on(e)
      run = e:describe(run.run)
      for _, seq in ipairs(steps_of(e, run)) do
        local fork = assert(e:fork(run.run, seq, {}))
        go_on(e)
        check(e, fork, run, name .. " at " .. seq)
        for i, again in ipairs(steps_of(e, fork)) do
          if i % 2 == 1 then
            local second = assert(e:fork(fork.run, again, {}))
            go_on(e)
            check(e, second, run, name .. " at " .. seq .. ", " .. again)
          end
        end
      end
    end)

    it("with another result goes its own way, and replays: " .. name, function()
      local e = make(body)
      local run = assert(e:start("a", {}))
      go_on(e)
      for _, seq in ipairs(steps_of(e, run)) do
        local fork = assert(e:fork(run.run, seq, { value = 7 }))
        e = h:reopen { on_fault = function(text) faults[#faults + 1] = text end }
        go_on(e)
        check(e, fork, nil, name .. " set at " .. seq)
      end
    end)

    it("from any step of one that was cancelled: " .. name, function()
      for turns = 2, 14, 3 do
        local e = make(body)
        local run, left = assert(e:start("a", {})), turns
        assert(e:drain(function() left = left - 1 return left < 0 end))
        e:cancel(run.run, {})
        go_on(e)
        for _, seq in ipairs(steps_of(e, run)) do
          local fork = assert(e:fork(run.run, seq, {}))
          go_on(e)
          check(e, fork, nil, name .. " cancelled after " .. turns .. " at " .. seq)
        end
        h:remove()
      end
    end)
  end
end)
