-- make conformance, on small files in the place of Lua's own: what is run, cut, counted.
local cuts = dofile "spec/conformance/cuts.lua"
local program = require "spec.support.program"

local build = program:match "^(.*)/"

local function read(command)
  local pipe = assert(io.popen(command .. "; echo \" $?\"", "r"))
  local out = pipe:read "a"
  pipe:close()
  return out:match "^(.*) (%d+)\n$"
end

local function suite(files)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  finally(function() os.execute("rm -rf " .. folder) end)
  for name, text in pairs(files) do
    local file = assert(io.open(folder .. "/" .. name .. ".lua", "wb"))
    file:write(text)
    file:close()
  end
  return folder
end

local function conformance(files)
  local out, code = read(("%s/conformance spec/conformance/suite.lua '%s'"):format(build, files and suite(files) or ""))
  return out, tonumber(code)
end

local function counts(out)
  local p, f, s = out:match "(%d+) passed, (%d+) failed, (%d+) skipped\n$"
  return tonumber(p), tonumber(f), tonumber(s)
end

describe("make conformance", function()
  setup(function()
    assert(os.execute(("make -s B='%s' '%s/conformance' >/dev/null"):format(build, build)), "it does not build")
  end)

  it("skips what it is not given", function()
    local out, code = conformance()
    assert.equal(0, code)
    assert.same({ 0, 0, 15 }, { counts(out) })
    assert.match("SUITE is not set", out)
    out, code = conformance {}
    assert.equal(0, code)
    assert.same({ 0, 0, 15 }, { counts(out) })
    assert.match("no such file in ", out)
  end)

  it("passes and fails files for what they assert", function()
    local out, code = conformance { pm = "assert(('x'):find 'x')", math = "assert(1 == 2)", ["goto"] = "local = 3",
      sort = "coroutine.running() error 'at last'" }
    assert.equal(1, code)
    assert.same({ 1, 3, 11 }, { counts(out) })
    assert.match("pm +passed", out)
    assert.match("math +FAILED.-math.lua:1: assertion failed!", out)
    assert.match("goto +FAILED.-goto.lua:1: <name> expected", out)
    assert.match("sort +FAILED.-at last", out)
  end)

  it("gives text to load, debug and the like, which a run has not, but no bytecode", function()
    local out, code = conformance { calls = [[
      assert(load("return ...")(7) == 7 and load(function() return nil end))
      assert(load("return x", "n", "bt", { x = 3 })() == 3)
      assert(string.dump == nil)
      local ok, why = load("\27Lua")
      assert(not ok and why:find "binary chunk")
      ok, why = load("return 1", "n", "b")
      assert(not ok and why:find "text chunk")
      assert(require "debug".getinfo(1, "l").currentline == 8 and require "string" == string)
      assert(not pcall(require, "os.path") and collectgarbage "count" > 0 and io.open == nil)
      local s = ("a"):rep(300)
      assert(string.format("%p", s) == string.format("%p", s) and string.format("%p", s) ~= string.format("%p", ("a"):rep(300)))
    ]] }
    assert.same({ 1, 0, 14 }, { counts(out) })
    assert.equal(0, code)
    local plain = read(program .. " sandbox --json " .. suite { a = "return load == nil and debug == nil and require == nil" } .. "/a.lua")
    assert.match('"result":true', plain)
  end)

  it("plays each file preempted, and with little fuel", function()
    local out = conformance { vararg = "for i = 1, 3000000 do end print 'x'",
      closure = "local t = {} for i = 1, 300 do t[i] = function() return i end end assert(t[300]() == 300)" }
    assert.match("vararg +passed.-with a tenth of the fuel: instructions", out)
    assert.match("closure +passed.-with a tenth of the fuel: the same", out)
    out = conformance { vararg = "while true do end" }
    assert.match("vararg +FAILED.-whole: instructions", out)
    out = conformance { events = "local t = {} while true do t[#t + 1] = {} end" }
    assert.match("events +FAILED.-whole: memory", out)
  end)

  it("cuts what a run must not have, and keeps the numbers of the lines", function()
    local text = "-- 1\n" .. "local x = {[1] = {}}\n" .. "setmetatable(x, {__mode = 'kv'})\n" .. "while x[1] do\n"
      .. "  local y = function() return 1 end\n" .. "end\n" .. "error 'line 7'\n"
    local left, done = cuts.apply(text, cuts.files.closure)
    assert.equal(1, #done)
    assert.same({ 2, 6 }, { done[1].first, done[1].last })
    assert.equal("-- 1\n\n\n\n\n\nerror 'line 7'\n", left .. "")
    local out = conformance { closure = text }
    assert.same({ 0, 1, 15 }, { counts(out) })
    assert.match("skipped lines 2 to 6: nothing is weak", out)
    assert.match("closure.lua:7: line 7", out)
  end)

  it("cuts nothing that it does not find", function()
    for name, rules in pairs(cuts.files) do
      local left, done = cuts.apply("return 1", rules)
      assert.equal("return 1", left, name)
      assert.same({}, done)
      for _, rule in ipairs(rules) do assert.is_string(cuts.reasons[rule[1]], name) end
    end
    for _, name in ipairs(cuts.order) do assert.is_string(cuts.reasons[name]) end
  end)
end)

describe("what scripts rely on", function()
  local list = read "find spec/sandbox/lang -name '*.lua' | sort"
  for path in list:gmatch "%S+" do
    it("holds outside of runs, too: " .. path:match "(%w+)%.lua", function()
      local out, code = read(("'%s/lua/lua' %s 2>&1"):format(build, path))
      assert.equal("", out)
      assert.equal("0", code)
    end)
  end
end)
