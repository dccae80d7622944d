-- What lint warns of happens: each rule has a script that it tells of and one that does the
-- same rightly; both are run, with restarts, and only the first goes wrong.
local file = require "file"
local home = require "spec.support.home"
local lint = require "lint"

local h

local function drain()
  local left = 3000
  assert(h.engine:drain(function()
    left = left - 1
    return left <= 0
  end))
  assert(left > 0, "the engine never comes to rest")
end

--- So much later, in another process.
local function later(hours)
  h.now = h.now + hours * 3600000 + 1
  h:reopen()
  h.engine:fire()
  drain()
end

local function sent() return select(2, (file.read(file.join(h.path, "var", "outbox.jsonl")) or ""):gsub("\n", "")) end

local function record(key) return h.engine:rows("record.get", { type = "t", key = key })[1] end

local function start(input)
  local run = assert(h.engine:start("a", input or {}))
  drain()
  return run.run
end

local function look(run) return h.engine:describe(run) end

--- Run to its end, with a restart an hour later.
local function end_of(input)
  local run = start(input)
  later(2)
  return look(run)
end

local function state_and_message(input)
  local run = end_of(input)
  return run.state .. (run.error and ": " .. run.error.message or "")
end

local two_waits = 'ctx.all { a = function() ctx.wait { event = "x" } %s end, b = function() ctx.wait { event = "y" } %s end }'

--- rule -> { bad, good: bodies of `run`; head: before the manifest; extra: of the manifest;
--- see: what is looked at; wrong, right: what is then seen }
local pairs_of = {
  K2301 = { bad = "return os.time()", good = "return ctx.now() > 0", see = state_and_message, wrong = "failed: .*os", right = "done" },
  K2303 = { bad = 'return ctx.memory.serach { query = "x" }', good = 'return #ctx.memory.search { query = "x" }', see = state_and_message,
    wrong = "failed: .*serach", right = "done" },
  K2304 = { bad = 'return ctx.records:get { type = "t", key = "1" }', good = 'return ctx.records.get { type = "t", key = "1" }',
    see = state_and_message, wrong = "failed: .*type", right = "done" },
  K2305 = { bad = 'ctx.step { name = "x" } return 1', good = 'return ctx.step { name = "x", run = function() return 1 end }',
    see = state_and_message, wrong = "failed: .*needs run", right = "done" },
  K2306 = { bad = 'ctx.memory.remember { kind = "k", key = "1", txt = "hello" } return 1',
    good = 'ctx.memory.remember { kind = "k", key = "1", text = "hello" } return 1', see = state_and_message, wrong = "failed: .*txt", right = "done" },
  K2321 = { head = "local n = 0", bad = 'n = n + 1 ctx.sleep("1h") return n', good = [[
      local n = ((ctx.memory.get { kind = "k", key = "n" } or {}).value or 0) + 1
      ctx.memory.remember { kind = "k", key = "n", value = n }
      ctx.sleep("1h")
      return n ]],
    see = function() return end_of().output .. " " .. end_of().output end, wrong = "^1 1$", right = "^1 2$" },
  K2322 = { bad = [[
      local total
      ctx.step { name = "sum", run = function() total = 5 end }
      ctx.sleep("1h")
      return total or "lost" ]],
    good = 'local total = ctx.step { name = "sum", run = function() return 5 end } ctx.sleep("1h") return total or "lost"',
    see = function() return tostring(end_of().output) end, wrong = "^lost$", right = "^5$" },
  K2323 = { bad = 'ctx.emit("lead", input, { key = "lead-" .. ctx.random(1000000000) })', good = 'ctx.emit("lead", input, { key = "lead-" .. input.id })',
    agents = { b = home.agent("return 1", 'on = { event = "lead" },') },
    see = function()
      start { id = "7" }
      start { id = "7" }
      return tostring(#h.engine:list { agent = "b" })
    end, wrong = "^2$", right = "^1$" },
  K2324 = { bad = [[
      ctx.step { name = "both", run = function()
        ctx.records.put { type = "t", key = "1", value = input }
        ctx.records.put { type = "t", key = "2", value = input.detail.sum }
      end } ]],
    good = [[
      ctx.atomic(function()
        ctx.records.put { type = "t", key = "1", value = input }
        ctx.records.put { type = "t", key = "2", value = input.detail.sum }
      end) ]],
    see = function()
      assert.equal("failed", end_of().state)
      return record "1" and "half" or "nothing"
    end, wrong = "half", right = "nothing" },
  K2325 = { extra = 'uses = { "mail" },', bad = [[
      local tries = 0
      return ctx.step { name = "tell", retry = { attempts = 2, initial = "1s" }, run = function()
        tries = tries + 1
        ctx.skill.mail { op = "send", to = "ana" }
        if tries == 1 then error("the second part failed") end
        return tries
      end } ]],
    good = [[
      local tries, sent = 0, ctx.skill.mail { op = "send", to = "ana" }
      return ctx.step { name = "tell", retry = { attempts = 2, initial = "1s" }, run = function()
        tries = tries + 1
        if tries == 1 then error("the second part failed") end
        return sent and tries
      end } ]],
    see = function()
      local run = start()
      h.now = h.now + 60000
      h.engine:fire()
      drain()
      assert.equal("done", look(run).state)
      return tostring(sent())
    end, wrong = "^2$", right = "^1$" },
  K2326 = { extra = 'uses = { "docs" },', bad = 'pcall(function() return ctx.skill.docs { op = "write", name = "../x", text = "t" } end) return "written"',
    good = [[
      local ok, err = pcall(function() return ctx.skill.docs { op = "write", name = "../x", text = "t" } end)
      if not ok then error(err, 0) end
      return "written" ]],
    see = state_and_message, wrong = "^done$", right = "^failed: .*no name inside" },
  K2327 = { bad = "local last = '' " .. two_waits:format("last = last .. 'a'", "last = last .. 'b'") .. " return last",
    good = "local both = " .. two_waits:format("return 'a'", "return 'b'") .. " return both.a .. both.b",
    see = function()
      local outputs = {}
      for i, order in ipairs { { "x", "y" }, { "y", "x" } } do
        h.now = h.now + 60000
        local run = start()
        for _, event in ipairs(order) do
          h.now = h.now + 1000
          assert(h.engine:emit(event, {}))
          drain()
        end
        outputs[i] = look(run).output
        assert.is_true(h.engine:replay(run).equal)
      end
      return outputs[1] == outputs[2] and "the same" or "another"
    end, wrong = "another", right = "the same" },
  K2328 = { extra = "caps = { instructions = 100000 },", bad = "local i = 0 while true do i = i + 1 end", good = "local i = 0 while i < 10 do i = i + 1 end return i",
    see = state_and_message, wrong = "failed: .*instruction", right = "done" },
  K2329 = { bad = 'while true do ctx.sleep("1h") end', good = 'ctx.sleep("1h") return 1',
    see = function()
      local run = start()
      for _ = 1, 4 do later(2) end
      return look(run).state .. " " .. (look(run).steps >= 4 and "grows" or "stays")
    end, wrong = "waiting grows", right = "done stays" },
  K2331 = { bad = "local seen = {} for _, row in ipairs { { id = 1 }, { id = 2 } } do seen[row] = row.id end for row in pairs(seen) do return row.id end",
    good = "local seen = {} for _, row in ipairs { { id = 1 }, { id = 2 } } do seen[row.id] = row end for id in pairs(seen) do return id end",
    see = state_and_message, wrong = "failed: .*cannot iterate", right = "done" },
  K2332 = { bad = "local row = { id = 7 } return tostring(row)", good = "local row = { id = 7 } return tostring(row.id)", edited = "local _ = {} ",
    see = function()
      local output, edited = end_of().output, assert(h.engine:start("edited", {}))
      drain()
      return look(edited.run).output == output and "the same" or "another"
    end, wrong = "another", right = "the same" },
  K2333 = { bad = "local list, n = { 1, nil, 3 }, 0 for _ in ipairs(list) do n = n + 1 end return n",
    good = "local list, n = { 1, false, 3 }, 0 for _ in ipairs(list) do n = n + 1 end return n",
    see = function() return tostring(end_of().output) end, wrong = "^1$", right = "^3$" },
  K2334 = { bad = "local t = {} t[3 / 2] = 1 return t", good = "local t = {} t[3 // 2] = 1 return t", see = state_and_message,
    wrong = "failed: .*key", right = "done" },
  K2335 = { bad = [[
      local v = ctx.approve { subject = "s", proposal = 1, within = "1h", otherwise = "send_anyway" }
      return v.approved and "acted" or "left" ]],
    good = [[
      local v = ctx.approve { subject = "s", proposal = 1, within = "1h", otherwise = "send_anyway" }
      return (v.approved or v.applied == "send_anyway") and "acted" or "left" ]],
    see = function() return end_of().output end, wrong = "left", right = "acted" },
  K2336 = { extra = 'uses = { "mail" },', bad = [[
      local v = ctx.approve { subject = "s", proposal = 1 }
      if v then return ctx.skill.mail { op = "send" } end ]],
    good = [[
      local v = ctx.approve { subject = "s", proposal = 1 }
      if v.approved then return ctx.skill.mail { op = "send" } end ]],
    see = function()
      start()
      assert(h.engine:decide(h.engine:inbox()[1].id, { state = "rejected" }))
      later(1)
      return sent() .. " sent after a no"
    end, wrong = "^1 sent", right = "^0 sent" },
  K2337 = { bad = 'return ctx.records.get { type = "t", key = "none" }.sum',
    good = 'local row = ctx.records.get { type = "t", key = "none" } return row and row.sum or 0',
    see = state_and_message, wrong = "failed: .*index a nil", right = "done" },
  K2338 = { bad = 'ctx.atomic(function() ctx.sleep("1s") end)', good = 'ctx.sleep("1s") ctx.atomic(function() ctx.records.put { type = "t", key = "1", value = 1 } end)',
    see = state_and_message, wrong = "failed: .*atomic", right = "done" },
  K2339 = { bad = 'return coroutine.wrap(function() ctx.sleep("1s") return 1 end)()', good = 'return ctx.all { function() ctx.sleep("1s") return 1 end }',
    see = state_and_message, wrong = "failed: .*coroutine", right = "done" },
  K2351 = { bad = 'return ctx.skill.mail { op = "send" }', good = "return 1", see = state_and_message, wrong = "failed: .*uses", right = "done" },
  K2353 = { extra = 'memory = { write = { "note/*" } },', bad = 'ctx.memory.remember { kind = "client", key = "x", text = "t" }',
    good = 'ctx.memory.remember { kind = "note", key = "x", text = "t" }', see = state_and_message, wrong = "failed: .*may not write", right = "done" },
  K2354 = { extra = 'config = { type = "object", properties = { rate = { type = "number", default = 90 } } },', bad = "return ctx.config.rat or 'nothing'",
    good = "return ctx.config.rate or 'nothing'", see = function() return tostring(end_of().output) end, wrong = "nothing", right = "90" },
  K2356 = { bad = 'local out, err = ctx.call("nobody", {}) return out or error(err.message)', good = 'local out, err = ctx.call("b", {}) return out or error(err.message)',
    agents = { b = home.agent "return 1" }, see = state_and_message, wrong = "failed: .*nobody", right = "done" },
}

local function has(list, number)
  for _, one in ipairs(list) do
    if one.number == number then return one end
  end
end

describe("what lint tells of", function()
  after_each(function()
    if h then h:remove() end
    h = nil
  end)

  --- A home with a script as agent `a`; what lint says of it; what is seen when it runs.
  local function played(case, body)
    local text = (case.head and body == case.bad and case.head .. "\n" or "") .. home.agent(body, case.extra)
    local agents = { a = text, edited = case.edited and home.agent(case.edited .. body, case.extra) }
    for name, other in pairs(case.agents or {}) do agents[name] = other end
    h = home.make { agents = agents, config = 'return { zone = "UTC", adapters = { mail = "outbox", docs = "folder" } }' }
    local findings = assert(lint.files(lint.around(h.path), { file.join(h.path, "agents/a.lua") }))
    h:open()
    local seen = case.see()
    h:remove()
    h = nil
    return findings, seen
  end

  local numbers = {}
  for number in pairs(pairs_of) do numbers[#numbers + 1] = number end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    local case = pairs_of[number]
    it(("goes wrong when it runs, and the better way does not: %s %s"):format(number, require("errors").entry(number).code), function()
      local findings, seen = played(case, case.bad)
      assert(has(findings, number), "lint does not tell of it")
      assert.match(case.wrong, seen)
      findings, seen = played(case, case.good)
      assert.same({}, findings, "lint tells of the better way")
      assert.match(case.right, seen)
    end)
  end

  it("is lost in a skill, too: what it keeps between two calls is gone when the run was played again", function()
    local counting = 'local n = 0 return skill { version = 1, ["local"] = function(input) n = n + 1 return { n = n } end }'
    local handed = 'return skill { version = 1, ["local"] = function(input) return { n = (input.n or 0) + 1 } end }'
    local function third(skill, call)
      h = home.make { skills = { count = skill }, agents = { a = home.agent(("local a = ctx.skill.count {} local b = %s ctx.sleep('1h') return (%s).n")
        :format(call, call:gsub("a%.n", "b.n")), 'uses = { "count" },') } }
      local findings = assert(lint.files(lint.around(h.path), { file.join(h.path, "skills/count.lua") }))
      h:open()
      local run = end_of()
      h:remove()
      h = nil
      return run.output, findings
    end
    local n, findings = third(counting, "ctx.skill.count { of = a.n }")
    assert.equal(1, n)
    assert(has(findings, "K2321"))
    n, findings = third(handed, "ctx.skill.count { n = a.n }")
    assert.equal(3, n)
    assert.same({}, findings)
  end)
end)
