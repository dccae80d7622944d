-- A fast slice of `make determinism`, and what it found.
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local lab = require "spec.determinism.lab"
local mutants = require "spec.determinism.mutants"
local program = require "spec.support.program"
local scripts = require "spec.determinism.scripts"
local trial = require "spec.determinism.trial"

local agent = home.agent

local function scratch()
  local path = os.tmpname()
  os.remove(path)
  finally(function() os.execute("rm -rf '" .. path .. "'") end)
  return path
end

describe("scripts made by chance", function()
  local opened
  after_each(function() -- an engine left open by a test that failed would keep the loop of the next from ending
    if opened then opened:close() end
    opened = nil
  end)

  it("are the same for the same seed", function()
    assert.equal(scripts.make(7, "a").source, scripts.make(7, "a").source)
    assert.not_equal(scripts.make(7, "a").source, scripts.make(8, "a").source)
    for seed = 1, 200 do assert(load(scripts.make(seed, "a").source)) end
  end)

  it("replay equal here and elsewhere, and no change to them passes", function()
    local list, folder = lab.shard(11, 24, 1, 1), scratch()
    lab.home(folder, list)
    local e, set_clock, set_chance = lab.open(folder)
    opened = e
    local facts = lab.play(e, list, set_clock, set_chance)
    local caught, tried = 0, 0
    for _, s in ipairs(list) do
      for _, how in ipairs { {}, { gc_pause = 100, slice = 97 }, { gc_pause = 1000, slice = 50000 } } do
        local result = assert(e:replay(facts[s.name].run, how))
        assert.same({ equal = true }, { equal = result.equal, at = result.at, why = result.why })
      end
      local r = scripts.chance(s.seed)
      local mutant
      repeat mutant = mutants.make(s, r.pick(mutants.kinds), r) until mutant
      local t = trial.run(e, folder, s, facts[s.name].run, mutant)
      assert.is_nil(t.lines)
      if t.verdict == "caught" or t.verdict == "missed" then tried = tried + 1 end
      if t.verdict == "caught" then caught = caught + 1 end
    end
    assert.is_true(tried > 15 and caught >= 0.95 * tried, ("%d of %d"):format(caught, tried))
    opened = nil
    e:close()
    assert(os.execute(("MALLOC_PERTURB_=85 TZ=Asia/Tokyo LABEL=x '%s' lua spec/determinism/child.lua replay '%s' 11 24 1 1 86400000/150/1009")
      :format(program, folder)))
    local out = json.decode(assert(io.open(folder .. "/replay-x.json")):read("a"))
    assert.same({}, out.different)
    assert.is_true(out.runs >= 24 and out.steps > 200)
  end)
end)

describe("a divergence", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  --- Record `body` and replay `other`, both beginning on line 3.
  local function differ(body, other, options)
    h = home.make { agents = { a = agent(body), kid = agent "return 1" } }
    h:open()
    local run = h:run("a")
    h:write("other.lua", agent(other))
    options = options or {}
    options.with = h.path .. "/other.lua"
    local result = assert(h.engine:replay(run.run, options))
    if result.equal then return nil end
    assert.equal("agents/a.lua", result.recorded.file)
    assert.equal(h.path .. "/other.lua", result.new.file)
    assert.equal(result.new.line, result.line)
    return { result.why, result.recorded.line, result.new.line }, result
  end

  local one = "ctx.step{ name = 'one', run = function() return 1 end }\n"

  it("has the line of a command on both sides", function()
    assert.same({ "name", 4, 6 }, (differ(one .. "ctx.step{ name = 'two', run = function() return 1 end }",
      "\n\n" .. one .. "ctx.step{ name = 'three', run = function() return 1 end }")))
  end)

  it("has the line of a command that was called last of all, in the first place and later", function()
    assert.same({ "arguments", 4, 3 }, (differ("\nreturn ctx.step{ name = 's', args = 1, run = function() end }",
      "return ctx.step{ name = 's', args = 2, run = function() end }")))
  end)

  it("has the line of a command that a function called last of all", function()
    local function body(n) return one .. ("local function f()\nreturn ctx.sleep(%d)\nend\n\nf()"):format(n) end
    assert.same({ "name", 8, 8 }, (differ(body(1), body(2)))) -- the caller's: the frame of f is gone
  end)

  it("has the line in a branch of ctx.all", function()
    local function body(n)
      return one .. ("ctx.all{ function() local x = ctx.step{ name = 'p', run = function() end } end,\n" ..
        "function()\nreturn ctx.step{ name = 'q', args = %d, run = function() end } end }"):format(n)
    end
    assert.same({ "arguments", 6, 6 }, (differ(body(1), body(2))))
  end)

  it("has the line that defines an undo", function()
    local function body(a, b)
      return ("ctx.step{ name = 'a', run = function() end,\n undo = function() end }\nctx.step{ name = '%s', run = function() end,\n" ..
        " undo = function() end }\nlocal %s = 1\nerror('stop')"):format(a, b)
    end
    h = home.make { agents = { a = agent(body("b", "x")) } }
    h:open()
    local run = h:run("a")
    assert.equal("compensated", run.state)
    local text = agent(body("b", "x")):gsub("error%('stop'%)", "if not pcall(ctx.step, { name = 'c', run = function() end }) then return end error('stop')")
    h:write("other.lua", text)
    local result = h.engine:replay(run.run, { with = h.path .. "/other.lua" })
    assert.same({ "name", "undo:b", 6, "step:c", 8 }, { result.why, result.recorded.name, result.recorded.line,
      result.new.name, result.new.line })
  end)

  it("has the place where one side ends", function()
    local places, result = differ(one .. "\nlocal x = 1\nreturn x", one .. one .. "return 1")
    assert.same({ "extra", 6, 4 }, places)
    assert.is_nil(result.recorded.name)
    h:remove()
    places, result = differ(one .. one .. "return 1", one .. "\nif input then\nreturn 1\nend")
    assert.same({ "missing", 4, 6 }, places)
    assert.is_nil(result.new.name)
    h:remove()
    assert.same({ "output", 4, 6 }, (differ(one .. "return 1", one .. "\n\nreturn 2")))
  end)

  it("has a line although the script overflows the stack", function()
    local function body(n)
      return ("local depth = 0 local function down() depth = depth + 1 return 1 + down() end\npcall(down)\n" ..
        "ctx.step{ name = 's', args = { depth, %d }, run = function() end }"):format(n)
    end
    assert.same({ "arguments", 5, 5 }, (differ(body(1), body(2))))
  end)

  it("is not made by the name of the other file, nor of the path unless it is asked for", function()
    local body = "local _, why = pcall(error, 'x', 2) local _, e = pcall(function() error('y') end)\n"
      .. "ctx.step{ name = 's', args = { why, e }, run = function() end }\n"
    assert.is_nil((differ(body, body)))
    h:remove()
    local longer = body:gsub("\n$", " for _ = 1, 5 do end\nctx.step{ name = 't', run = function() end }")
    assert.is_nil((differ(body .. "ctx.step{ name = 't', run = function() end }", longer)))
    h:remove()
    assert.same({ "path", 4, 4 }, (differ(body .. "ctx.step{ name = 't', run = function() end }", longer, { path = true })))
  end)

  it("has both lines when a run could not be moved to an edit", function()
    h = home.make { agents = { a = agent "ctx.step{ name = 's', args = 1, run = function() end }\nctx.sleep('1h')" } }
    h:open()
    local run = h:run("a")
    h:write("agents/a.lua", agent "\n\nctx.step{ name = 's', args = 2, run = function() end }\nctx.sleep('1h')")
    local gate = assert(h:reopen():gate(run.run))
    assert.is_false(gate.compatible)
    assert.same({ 1, "arguments", 3, 5 }, { gate.at, gate.why, gate.recorded.line, gate.new.line })
  end)

  it("of a run that goes on shows both sides", function()
    h = home.make { agents = { a = agent "ctx.sleep('1h')\nreturn ctx.step{ name = 's', run = function() end }" } }
    h:open()
    local run = h:run("a")
    local row = h.engine:run_row(run.run)
    local handle = h.engine.runner:run { id = row.id }
    assert(handle:load(row.tail))
    local tx = h.engine.store:tx()
    assert(handle:append(tx, "result", true, h.now, 7)) -- a result of what was never begun
    tx:add("run.state", { id = row.id, state = "waiting", waiting_for = "timer", steps = 0, cost = 0, active_ms = 0,
      now = h.now, tail = handle:tail() })
    handle:release()
    assert(h.engine.store:commit(tx))
    h.now = h.now + 3600001
    h.engine:fire()
    assert(h.engine:drain())
    local err = h.engine:describe(run.run).error
    assert.equal("diverged", err.code)
    assert.same({ "agents/a.lua", 3 }, { err.new.file, err.new.line })
    h.engine:close()
    local shown = keel { "show", "--home", h.path, run.run, "--json" }
    assert.equal(3, json.decode(shown.out).error.new.line)
    assert.match("now.*agents/a.lua:3", keel({ "show", "--home", h.path, run.run }).out)
    assert.match("recorded.*agents/a.lua:3", keel({ "show", "--home", h.path, run.run }).out)
  end)
end)

describe("the time of a step", function()
  it("is that of the clock that the engine was given", function()
    local h = home.make { agents = { a = agent "ctx.step{ name = 's', run = function() end } return ctx.now()" } }
    finally(function() h:remove() end)
    h:open()
    assert.equal(h.now, h:run("a").output)
  end)
end)
