--- Edits of recorded agents: a replay with the edited file names the first divergence.
--
-- What must come out is known from how each edit is made, not from the code under test: an
-- agent is a list of statements, each a call on lines of its own; an edit changes one of
-- them, and says at which call and line the two first differ.
local file = require "file"
local home = require "spec.support.home"

--- A call: the lines of its statement, and the line among them where the call stands.
local function statement(i, kind)
  if kind == "step" then
    return { ('    local s%d = ctx.step { name = "work %d",'):format(i, i), ('      args = { n = %d },'):format(i), ('      run = function() return { n = %d } end }'):format(i) }
  elseif kind == "remember" then
    return { ('    ctx.memory.remember { kind = "k", key = "k%d", text = "number %d" }'):format(i, i) }
  elseif kind == "record" then
    return { "    ctx.records.put {", ('      type = "task", key = "T-%d",'):format(i), ('      value = { n = %d } }'):format(i) }
  elseif kind == "skill" then
    return { ('    local d%d = ctx.skill.double { n = %d }'):format(i, i) }
  elseif kind == "sleep" then
    return { ('    ctx.sleep("%dms")'):format(i) }
  elseif kind == "branch" then
    return { "    if input.big then", ('      ctx.step { name = "big %d", run = function() return 1 end }'):format(i), "    end" }
  elseif kind == "helper" then
    return { ('    helper(ctx, "helped %d")'):format(i) }
  end
end

local kinds = { "step", "remember", "record", "skill", "sleep", "branch", "helper" }

--- An agent of n statements: a list of { kind, i, lines }.
local function make(random, n)
  local list = {}
  for i = 1, n do
    local kind = kinds[random(#kinds)]
    list[i] = { kind = kind, i = i, lines = statement(i, kind) }
  end
  return list
end

local head = { "local function helper(ctx, name)", "  local got = ctx.step { name = name, run = function() return name end }", "  return got", "end", "",
  'return agent { version = 1, uses = { "double" },', "  run = function(ctx, input)" }
local helper_line = 2

--- The text, and for each call, in order, its statement and its line.
local function render(list, output)
  local lines, calls = table.move(head, 1, #head, 1, {}), {}
  for _, one in ipairs(list) do
    local first = #lines + 1
    table.move(one.lines, 1, #one.lines, first, lines)
    if one.kind == "helper" then
      calls[#calls + 1] = { one = one, line = helper_line }
    elseif one.kind == "branch" then
      if one.taken ~= false then calls[#calls + 1] = { one = one, line = first + 1 } end
    elseif one.kind ~= "comment" then
      calls[#calls + 1] = { one = one, line = first }
    end
  end
  lines[#lines + 1] = ("    return { done = %s }"):format(output or "true")
  lines[#lines + 1] = "  end }"
  return table.concat(lines, "\n") .. "\n", calls
end

local function copy(list)
  local out = {}
  for i, one in ipairs(list) do out[i] = { kind = one.kind, i = one.i, lines = table.move(one.lines, 1, #one.lines, 1, {}) } end
  return out
end

local function replace(one, from, to)
  local count = 0
  for i, line in ipairs(one.lines) do
    local text, n = line:gsub(from, to, 1)
    one.lines[i], count = text, count + n
    if n > 0 then break end
  end
  return count > 0
end

--- Edits: each changes the list at statement `at` and says whether it could.
local edits = {}

function edits.rename(list, at) return replace(list[at], '"work', '"Work') or replace(list[at], '"helped', '"Helped') or replace(list[at], '"big', '"Big') end
function edits.argument(list, at) return replace(list[at], "args = { n = ", "args = { m = ") or replace(list[at], '"number', '"No.')
  or replace(list[at], "value = { n", "value = { m") or replace(list[at], "double { n = ", "double { n = 1") or replace(list[at], 'sleep%("', 'sleep("1') end
function edits.insert(list, at)
  table.insert(list, at, { kind = "remember", i = 99, lines = { '    ctx.memory.remember { kind = "new", key = "new", text = "new" }' } })
  return true
end
function edits.delete(list, at)
  table.remove(list, at)
  return true
end
function edits.swap(list, at)
  if not list[at + 1] then return false end
  list[at], list[at + 1] = list[at + 1], list[at]
  return true
end
function edits.condition(list, at)
  list[at].taken = false
  return replace(list[at], "if input.big", "if not input.big")
end

--- Edits that change nothing that is compared.
local harmless = {
  function(list, at) table.insert(list, at, { kind = "comment", lines = { "    -- a word", "" } }) end,
  function(list, at) table.insert(list, at, { kind = "comment", lines = { "    local unused = 1 + 1" } }) end,
  function(list, at) table.insert(list, at, { kind = "comment", lines = { '    ctx.log("here", "debug")' } }) end,
  function(list, at) replace(list[at], "return { n = ", "return { m = ") end, -- in a step's body, where no replay comes
}

describe("the first divergence of an edited agent", function()
  local here, e

  before_each(function()
    here = home.make { skills = { double = [[return skill { version = 1, input = { type = "object" }, output = { type = "object" },
  ["local"] = function(input) return { n = 2 * input.n } end }]] } }
  end)

  after_each(function() here:remove() end)

  local function generator(seed)
    local state = seed
    return function(n)
      state = (state * 6364136223846793005 + 1442695040888963407)
      return (state >> 33) % n + 1
    end
  end

  --- Record a made agent; returns the list, its calls, and the run.
  local function record(random)
    local list = make(random, 6 + random(6))
    local text, calls = render(list)
    here:write("agents/made.lua", text)
    if here.engine then here.engine:close() end
    e = here:open()
    local run = here:run("made", { big = true })
    while run.state == "waiting" do
      here.now = here.now + 1000
      assert(e:drain())
      run = e:describe(run.run)
    end
    assert.equal("done", run.state)
    return list, calls, run.run
  end

  --- Where two lists of calls first differ: the number of the call, and the line in the new.
  local function expected(before, after)
    for i = 1, math.max(#before, #after) do
      local a, b = before[i], after[i]
      if not a or not b or table.concat(a.one.lines) ~= table.concat(b.one.lines) then return i, b and b.line end
    end
  end

  it("is named rightly for fifty edits of each seed", function()
    local names, wrong, count = { "rename", "argument", "insert", "delete", "swap", "condition" }, {}, 0
    local random = generator(20261126)
    while count < 50 do
      local list, calls, run = record(random)
      for _ = 1, 5 do
        local edited, name, at = copy(list), names[random(#names)], random(#list)
        if edits[name](edited, at) and count < 50 then
          local text, now = render(edited)
          local seq, line = expected(calls, now)
          if seq then
            count = count + 1
            assert(file.write(here.path .. "/edited.lua", text))
            local got = assert(e:replay(run, { with = here.path .. "/edited.lua" }))
            local ok = not got.equal and got.at == seq and (not line or got.line == line and got.file == here.path .. "/edited.lua")
            if not ok then
              wrong[#wrong + 1] = ("%s at statement %d: expected call %s line %s, got equal=%s at=%s line=%s (%s)\n%s"):format(name, at,
                tostring(seq), tostring(line), tostring(got.equal), tostring(got.at), tostring(got.line), tostring(got.why), text)
            end
          end
        end
      end
    end
    assert(#wrong == 0, table.concat(wrong, "\n\n"))
    assert.equal(50, count)
  end)

  it("is none for edits that change nothing that is compared", function()
    local random = generator(7)
    for _ = 1, 4 do
      local list, _, run = record(random)
      for _ = 1, 4 do
        local edited = copy(list)
        harmless[random(#harmless)](edited, random(#list))
        assert(file.write(here.path .. "/edited.lua", (render(edited))))
        local got = assert(e:replay(run, { with = here.path .. "/edited.lua" }))
        assert(got.equal, ("at %s, line %s"):format(tostring(got.at), tostring(got.line)))
      end
    end
  end)

  it("is the end, where only the output is another", function()
    local list, _, run = record(generator(3))
    local text = render(list, "1")
    assert(file.write(here.path .. "/edited.lua", text))
    local got = assert(e:replay(run, { with = here.path .. "/edited.lua" }))
    assert.same({ false, "output" }, { got.equal, got.why })
  end)

  it("is none in a skill whose result is recorded", function()
    here:write("agents/doubles.lua", home.agent [[local a = ctx.skill.double { n = 1 }
      ctx.step { name = "n is " .. a.n, run = function() return 1 end } return a]])
    here:write("agents/uses.lua", (file.read(here.path .. "/agents/doubles.lua"):gsub("version = 1,", "version = 1, uses = { 'double' },")))
    e = here:open()
    local run = here:run "uses"
    assert.equal("done", run.state)
    assert(file.mkdir(here.path .. "/other/skills"))
    here:write("other/skills/double.lua", [[return skill { version = 2, input = { type = "object" }, output = { type = "object" },
  ["local"] = function(input) return { n = 3 * input.n } end }]])
    local got = assert(e:replay(run.run, { with = here.path .. "/other/skills/double.lua" }))
    assert.is_true(got.equal) -- the skill's result is recorded: a replay does not run it
  end)
end)
