--- Agents and skills that mean harm, in the real engine: what they reach, what they can
--- make of ctx, of the engine's threads, of each other, and of values that leave them.
local home = require "spec.support.home"

local h

local function open(parts)
  h = home.make(parts)
  h:open { on_fault = function(text) error("a fault of the engine: " .. text) end }
  return h
end

--- The output of a run whose body is `body`; raises what became of it instead.
local function output(body, extra)
  open { agents = { hostile = home.agent(body, extra) } }
  local run = h:run "hostile"
  if run.state ~= "done" then error(run.state .. ": " .. tostring(run.error and run.error.message), 0) end
  return run.output
end

local function failure(body, extra)
  open { agents = { hostile = home.agent(body, extra) } }
  local run = h:run "hostile"
  assert.equal("failed", run.state)
  return run.error
end

describe("a hostile agent", function()
  after_each(function()
    if h then h:remove() end
    h = nil
  end)

  describe("and the engine's threads", function()
    it("cannot resume a branch in the engine's place", function()
      assert.same({ 7, false, "cannot resume non-suspended coroutine" }, output [[
        local other, ok, why
        local got = ctx.all{
          function() other = coroutine.running() return ctx.step{ name = "x", run = function() return 7 end } end,
          function() ok, why = coroutine.resume(other, false, "forged") return 2 end }
        return { got[1], ok, why }]])
    end)

    it("cannot close a branch, nor the thread that started it", function()
      assert.same({ 7, false, false }, output [[
        local main, other, a, b = coroutine.running(), nil, nil, nil
        local got = ctx.all{
          function() other = coroutine.running() return ctx.step{ name = "x", run = function() return 7 end } end,
          function() a, b = pcall(coroutine.close, other), pcall(coroutine.close, main) return 2 end }
        return { got[1], a, b }]])
    end)

    it("cannot take up a branch that was cancelled", function()
      assert.same({ "fast", false }, output [[
        local lost
        local winner = ctx.any{ slow = function() lost = coroutine.running() ctx.sleep("1h") return "never" end, fast = function() return 1 end }
        return { winner, (coroutine.resume(lost)) }]])
    end)

    it("cannot wait for nobody", function()
      assert.match("yield from outside a coroutine", failure "coroutine.yield(1, {})".message)
      assert.same({ false, false }, output [[
        local got = ctx.all{ function() return (pcall(coroutine.yield)) end, function() return (pcall(coroutine.yield, 1, false)) end }
        return got]])
    end)

    it("cannot yield out of what closes when it fails", function()
      assert.match("yield from outside", failure [[
        local x <close> = setmetatable({}, { __close = function() coroutine.yield() end })
        error("first")]].message)
    end)

    it("cannot use ctx where the engine could not come back to", function()
      assert.same({ false, false, false }, output [[
        local function step() return ctx.step{ name = "x", run = function() return 1 end } end
        return { (coroutine.resume(coroutine.create(step))), (pcall(coroutine.wrap(step))), (xpcall(error, step)) }]])
    end)

    it("can use ctx in an order, a replacement and a text, which are recorded like the rest", function()
      open { agents = { hostile = home.agent [[
        local function step() return ctx.step{ name = "x", run = function() return 1 end } end
        local list, named = { 2, 1 }, setmetatable({}, { __tostring = function() return "t" .. step() end })
        table.sort(list, step)
        return { list, (string.gsub("a", ".", step)), tostring(named) }]] } }
      local run = h:run "hostile"
      assert.same({ { 1, 2 }, "1", "t1" }, run.output)
      assert.is_true(#h.engine:log(run.run) >= 3)
      assert.is_true(h.engine:replay(run.run).equal)
    end)

    it("can use ctx in closing variables and metamethods, which are recorded like the rest", function()
      open { agents = { hostile = home.agent [[
        local t = setmetatable({}, { __index = function(_, k) return ctx.step{ name = "of " .. k, run = function() return k .. "!" end } end })
        local ok = pcall(function()
          local x <close> = setmetatable({}, { __close = function() ctx.step{ name = "closing", run = function() return 1 end } end })
          error(t.first)
        end)
        return { ok, t.second }]] } }
      local run = h:run "hostile"
      assert.same({ false, "second!" }, run.output)
      local names = {}
      for _, step in ipairs(h.engine:log(run.run)) do names[#names + 1] = step.name end
      assert.same({ "of first", "closing", "of second" }, names)
      assert.is_true(h.engine:replay(run.run).equal)
    end)
  end)

  describe("and ctx", function()
    local work = [[
      local out = {}
      out[1] = ctx.step{ name = "one", args = { 1 }, run = function() return { a = 1 } end }
      local _, err = ctx.step{ name = "two", run = function() return nil, { code = "own", message = "no" } end }
      out[2] = err
      out[3] = ctx.all{ a = function() ctx.sleep(0) return 1 end, b = function() return 2 end }
      ctx.records.put{ type = "t", key = "k", value = { 1 } }
      out[4] = ctx.records.get{ type = "t", key = "k" }
      ctx.emit("some.thing", { x = 1 })
      out[5] = { pcall2(ctx.step, { name = "three", run = function() raise("oh") end }) }
      out[6] = ctx.any{ x = function() return "x" end }
      return out]]

    it("is not reached through what it leaves in globals and libraries", function()
      local poison = [[
        local pcall2, raise, type = pcall, error, type
        local function bad() raise("the prelude used a global of mine") end
        for _, lib in next, { string, table, math, coroutine, utf8 } do for name in next, lib do lib[name] = bad end end
        for name, value in next, _G do if name ~= "_G" then _G[name] = type(value) == "function" and bad or nil end end]]
      open { agents = { clean = home.agent("local pcall2, raise = pcall, error\n" .. work), hostile = home.agent(poison .. "\n" .. work) } }
      local clean, hostile = h:run "clean", h:run "hostile"
      assert.equal("done", hostile.state, hostile.error and hostile.error.message)
      assert.same(clean.output, hostile.output)
      local function told(run)
        local list = {}
        for i, step in ipairs(h.engine:log(run.run)) do
          if type(step.result) == "table" then step.result.where = nil end -- the line, which is another one
          list[i] = { step.kind, step.name, step.args, step.result }
        end
        return list
      end
      assert.same(told(clean), told(hostile))
      assert.is_true(h.engine:replay(hostile.run).equal)
    end)

    it("says what is wrong in its own words, whatever became of string.format", function()
      assert.same({ "skill 'x' is not among the manifest's uses", "ctx.model takes one table, got string" }, output [[
        local gsub, pcall = string.gsub, pcall
        string.format, string.gsub, string.match, tostring, error = nil, nil, nil, nil, nil
        local _, a = pcall(function() return ctx.skill.x end)
        local _, b = pcall(ctx.model, "x")
        return { (gsub(a, "^.-:%d+: ", "")), (gsub(b, "^.-:%d+: ", "")) }]])
    end)

    it("has tables that hide their metatables", function()
      assert.same({ false, "array", false }, output [[
        return { getmetatable(ctx.skill), getmetatable(ctx.array{}), (pcall(setmetatable, ctx.skill, {})) }]])
    end)

    it("does not run metamethods of what it is given", function()
      assert.same({ { a = 1 }, { { b = 2 } } }, output [[
        local function ran() error("it ran") end
        local mt = { __index = ran, __len = ran, __pairs = ran, __eq = ran, __call = ran, __tostring = ran, __name = ran }
        local one = ctx.step{ name = "s", args = setmetatable({ 1 }, mt), run = function() return setmetatable({ a = 1 }, mt) end }
        ctx.emit("some.thing", setmetatable({ x = 1 }, mt))
        return { one, setmetatable({ setmetatable({ b = 2 }, mt) }, mt) }]])
    end)

    it("gives no name or number of another class to an error", function()
      assert.equal("error", failure [[error({ code = "K9\27[2J", message = "x" })]].code)
      assert.equal("error", failure [[error({ code = ("c"):rep(70), message = "x" })]].code)
      assert.equal("my.own-code_1", failure [[error({ code = "my.own-code_1", message = "x" })]].code)
    end)

    it("keeps errors short, and as text", function()
      assert.equal("a\\xffb\\x9bc", failure [[error("a\xffb\x9bc", 0)]].message)
      assert.equal(4003, #failure [[error(("x"):rep(3 << 20), 0)]].message)
      local long = failure [[error({ message = ("é"):rep(9000) })]].message
      assert.truthy(utf8.len(long))
      assert.is_true(#long <= 4004)
    end)

    it("that calls itself for ever ends", function()
      assert.equal("too_deep", failure "local v, err = ctx.call('hostile', {}) if not v then error(err) end return v".code)
      assert.equal(33, #h.engine:list { limit = 1000 })
    end)

    it("takes no names that are no text", function()
      assert.same({ false, false, false, false, false, false }, output [[
        local function f() return 1 end
        return { (pcall(ctx.step, { name = "a\0b", run = f })), (pcall(ctx.step, { name = "a\xff", run = f })), (pcall(ctx.emit, "a\xed\xa0\x80", {})),
          (pcall(ctx.call, "a\xff", {})), (pcall(ctx.step, { name = ("x"):rep(201), run = f })), (pcall(ctx.patch, "\x80")) }]])
    end)

    it("knows four levels of a log", function()
      local lines = {}
      h = home.make { agents = { hostile = home.agent [[
        ctx.log("a\xff", "warn") ctx.log(("x"):rep(1 << 20))
        return (pcall(ctx.log, "x", "keel: all is well\n"))]] } }
      h:open { on_log = function(_, level, text) lines[#lines + 1] = { level, #text, text:sub(1, 5) } end }
      assert.is_false(h:run "hostile".output)
      assert.same({ { "warn", 5, "a\\xff" }, { "info", 4003, "xxxxx" } }, lines)
    end)
  end)

  describe("and values that leave it", function()
    local hostile = {
      { "print", "is a function" }, { "coroutine.create(print)", "is a thread" }, { "0/0", "finite" }, { "-math.huge", "finite" },
      { "'\\xff'", "UTF%-8" }, { "(function() local t = {} t.t = t return t end)()", "nests too deep" },
      { "(function() local t = {} for i = 1, 40 do t = { t, t } end return t end)()", "one table too many" },
      { "{ 1, a = 2 }", "mixes" }, { "{ 1, nil, 3 }", "holes" }, { "{ [true] = 1 }", "key" }, { "{ [1.5] = 1 }", "key" }, { "{ [ctx.null] = 1 }", "key" },
      { "{ ['a\\0b'] = 1 }", "key" }, { "('x'):rep(9 << 20)", "larger" }, { "{ coroutine.running() }", "is a thread" },
    }

    it("is told which of them cannot leave as its output, and lives as a failed run", function()
      for _, case in ipairs(hostile) do
        local err = failure("return " .. case[1])
        assert.equal("result", err.code)
        assert.match(case[2], err.message)
        h:remove()
      end
    end)

    it("ends of one that nobody can read and keep within a turn, and not of one that is only large", function()
      local list = "local t = {} for i = 1, %d do t[i] = i end return t"
      for _, source in ipairs { list:format(400000), "local t = {} for i = 1, 60000 do t['k' .. i] = i end return t",
        "return ('x'):rep(6 << 20)", "ctx.step { name = 's', run = function() " .. list:format(400000) .. " end }" } do
        local err = failure(source)
        assert.equal("instructions", err.code)
        assert.match("cannot be interrupted", err.message)
        h:remove()
      end
      for _, source in ipairs { list:format(100000), "local t = {} for i = 1, 9000 do t['k' .. i] = i end return t",
        "return ('x'):rep(2 << 20)" } do
        assert.truthy(output(source))
        h:remove()
      end
    end)

    for what, call in pairs {
      step = "ctx.step, { name = 's', args = { items = { 1, { x = V } } }, run = function() return 1 end }",
      result = "ctx.step, { name = 's', run = function() return { items = { 1, { x = V } } } end }",
      emit = "ctx.emit, 'some.thing', { items = { 1, { x = V } } }", call = "ctx.call, 'hostile', { items = { 1, { x = V } } }",
      memory = "ctx.memory.remember, { kind = 'k', text = 't', value = { items = { 1, { x = V } } } }",
      records = "ctx.records.put, { type = 't', key = 'k', value = { items = { 1, { x = V } } } }",
      approval = "ctx.approve, { subject = 's', proposal = { items = { 1, { x = V } } } }", wait = "ctx.wait, { event = 'e', where = { items = { 1, { x = V } } } }" } do
      it("is told the place of what cannot leave by " .. what, function()
        local body = { "local out = {}" }
        for i, case in ipairs(hostile) do body[#body + 1] = ("out[%d] = select(2, pcall(%s))"):format(i, (call:gsub("V", function() return case[1] end))) end
        body[#body + 1] = "return out"
        local got = output(table.concat(body, "\n"), "caps = { instructions = 200000000 },")
        for i, case in ipairs(hostile) do
          assert.match(case[2], got[i])
          if #got[i] < 150 and case[2] ~= "larger" then assert.match("items%[2%]%.x", got[i]) end
        end
      end)
    end

    it("pays for the reading of them", function()
      assert.equal("instructions", failure([[local t = {} for i = 1, 100000 do t[i] = { i } end
        while true do pcall(ctx.step, { name = "t", args = { t, print }, run = print }) end]],
        "caps = { instructions = 5000000 },").code)
    end)
  end)

  describe("and others", function()
    it("leaves nothing for the run that comes after, or goes on beside it", function()
      local body = [[
        local seen = tostring(string.mine) .. tostring(table.insert == nil) .. tostring(mine) .. tostring(math.pi == 3)
        string.mine, table.insert, mine, math.pi = "x", nil, "y", 3
        ctx.sleep("1m")
        seen = seen .. tostring(string.mine) .. tostring(mine) .. math.pi
        string.mine = string.mine .. input.n
        ctx.sleep("1m")
        return seen .. string.mine]]
      open { agents = { a = home.agent(body), b = home.agent(body) } }
      local runs = {}
      for i = 1, 6 do runs[i] = assert(h.engine:start(i % 2 == 0 and "a" or "b", { n = i })) end
      for _ = 1, 3 do
        assert(h.engine:drain())
        h.now = h.now + 61000
      end
      assert(h.engine:drain())
      for i, run in ipairs(runs) do
        assert.equal("nilfalsenilfalsexy3x" .. i, h.engine:describe(run.run).output)
      end
    end)

    it("cannot be changed by a skill that it uses, nor can that one's neighbour", function()
      local poison = [[
        for _, lib in pairs{ string, table, math, coroutine, utf8 } do
          for name in pairs(lib) do lib[name] = function() return "poisoned" end end
          lib.planted = "planted"
        end
        planted = "planted" _G.planted = "planted"]]
      open { agents = { hostile = home.agent([[
          local bad = ctx.skill.bad{}
          local good = ctx.skill.good{}
          return { bad, good, string.format("%d", 7), ("x"):rep(3), table.concat({ 1, 2 }), tostring(string.planted), tostring(planted), ("%s"):format("m") }]],
          'uses = { "bad", "good" },') },
        skills = { bad = ([[%s
          return skill { version = 1, input = { type = "object" }, output = {}, ["local"] = function(input, lib) %s return { type(ctx), string.rep("x", 3) } end }]]):format(poison, poison),
          good = [[return skill { version = 1, input = { type = "object" }, output = {}, ["local"] = function() return { string.rep("y", 3), tostring(string.planted), tostring(planted) } end }]] } }
      local run = h:run "hostile"
      assert.equal("done", run.state, run.error and run.error.message)
      assert.same({ { "nil", "poisoned" }, { "yyy", "nil", "nil" }, "7", "xxx", "12", "nil", "nil", "m" }, run.output)
    end)

    it("does nothing to others by being loaded", function()
      open { agents = {
        a_first = "string.format, pairs, table.insert = nil, nil, nil\nstring.rep = function() return 'poisoned' end\n" .. home.agent "return 1",
        z_last = "local x = string.rep('x', 3) .. tostring(pairs ~= nil) .. string.format('%d', 1)\n" .. home.agent("return x") } }
      assert.equal("xxxtrue1", h:run "z_last".output)
    end)

    it("has nothing of the machine, when loaded and when run", function()
      local look = [[
        local found = {}
        for _, name in ipairs{ "io", "os", "debug", "package", "require", "load", "loadstring", "loadfile", "dofile", "collectgarbage", "warn", "core",
          "setup", "json", "store", "env", "config", "keel" } do if _ENV[name] ~= nil or _G[name] ~= nil then found[#found + 1] = name end end
        if string.dump then found[#found + 1] = "string.dump" end]]
      open { agents = { hostile = look .. "\nlocal before = table.concat(found, ' ')\n" .. home.agent(look .. "\nreturn before .. table.concat(found, ' ')") } }
      assert.equal("", h:run "hostile".output)
    end)

    it("is refused a manifest that would run on, grow, or hide code in data", function()
      open { agents = {
        endless = "while true do end", huge = "local t = {} for i = 1, 1e9 do t[i] = { i } end return agent {}",
        lazy = "return agent(setmetatable({ version = 1 }, { __index = function() while true do end end, __pairs = function() return function() return 1 end end }))",
        doubling = "local t = {} for i = 1, 45 do t = { t, t } end return agent { version = 1, about = t, run = print }",
        cyclic = "local t = {} t.t = t return agent { version = 1, on = t, run = print }",
        where_code = "return agent { version = 1, on = { event = 'x', where = { a = function() return true end } }, run = function() end }",
        fine = home.agent "return 'fine'" } }
      for _, name in ipairs { "endless", "huge", "lazy", "doubling", "cyclic", "where_code" } do
        local run, err = h.engine:start(name, {})
        assert.is_nil(run, name)
        assert.truthy(err.number)
      end
      assert.equal("fine", h:run "fine".output)
    end)
  end)
end)
