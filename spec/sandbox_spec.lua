-- Every script of spec/sandbox/ through `keel sandbox`, in two processes.
--
-- The first lines of a script say what must become of it:
--
--   -- expect: OUTCOME[|OUTCOME...] [WORDS]   WORDS: a pattern in the error
--   -- result: JSON                           the first result
--   -- options: --flag N ...                  of keel sandbox
--   -- same: true                             results of all runs are equal
--   -- raw: TEXT   -- first: LINE             a source with \NN bytes, a first line
--   -- repeat: PREFIX||UNIT||N||MIDDLE||UNIT||N
--   -- number: UNIT||N                        UNIT N times, %d is the number
local corpus = require "spec.support.corpus"
local json = require "json"

local function command(line)
  local pipe = assert(io.popen(line .. "; echo \" $?\"", "r"))
  local out = pipe:read "a"
  pipe:close()
  return out
end

local keel = command "readlink /proc/$PPID/exe":match "^[^\n]+"
local folder = "spec/sandbox"
local scratch = command "mktemp -d":match "^[^\n]+"

local function run(path, options)
  local out = command(("%s sandbox --json %s %s 2>/dev/null"):format(keel, options, path))
  local lines = {}
  for line in out:gmatch "{[^\n]*}" do lines[#lines + 1] = assert(json.decode(line)) end
  return lines, tonumber(out:match "(%d+)\n$")
end

local function facts(r)
  return ("%s %s %s %d %d %d"):format(r.outcome, json.encode(r.result), tostring(r.error), r.instructions, r.total,
    r.peak_bytes)
end

local status = { ok = 0, error = 3 }

local function check(path, area)
  local text = corpus.read(path)
  local d = corpus.directives(text)
  local source = corpus.source(d, text)
  if source then
    path = scratch .. "/made.lua"
    local file = assert(io.open(path, "wb"))
    file:write(source)
    file:close()
  end
  local cap = (area == "cpu" or area == "cfn") and "--instructions 2000000 " or ""
  local wall = (d.options or ""):find "--wall" and "" or "--wall 30000 "
  local options = cap .. wall .. (d.options or "")
  local first, code = run(path, options)
  local again = run(path, options)
  local wanted, words = d.expect:match "^(%S+) ?(.*)$"
  local allowed = {}
  for word in wanted:gmatch "[^|]+" do allowed[word] = true end

  assert.is_true(#first > 0, "nothing was printed; exit status " .. tostring(code))
  for i, r in ipairs(first) do
    assert.is_true(allowed[r.outcome], ("%s: %s"):format(r.outcome, tostring(r.error)))
    assert.equal(status[r.outcome] or 4, code)
    assert.is_true(r.ms < 10000)
    if words ~= "" then assert.match(words, r.error) end
    if r.error ~= json.null then assert.is_nil(r.error:find "[\0-\31\127]", "control bytes in the error") end
    if d.result then assert.equal(json.encode(json.decode(d.result)), json.encode(r.result)) end
    if r.outcome ~= "wall" then
      assert.equal(facts(r), facts(again[i]))
      assert.equal(facts(first[1]), facts(r))
    end
  end
end

describe("a script in the sandbox", function()
  local list = command("find " .. folder .. " -name '*.lua' | sort")
  for path, area, name in list:gmatch "(%S+/(%l+)/([%w_]+)%.lua)" do
    it(area .. ": " .. name:gsub("_", " "), function() check(path, area) end)
  end

  teardown(function() command("rm -rf " .. scratch) end)
end)

describe("keel sandbox", function()
  local function source(text)
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    finally(function() os.remove(path) end)
    return path
  end

  it("exits with the worst run's code", function()
    local _, code = run(source "return 1", "--runs 3")
    assert.equal(0, code)
    _, code = run(source "error 'x'", "")
    assert.equal(3, code)
    _, code = run(source "while true do end", "--instructions 1000")
    assert.equal(4, code)
  end)

  it("knows wrong usage from a wrong script", function()
    local _, code = run("", "")
    assert.equal(2, code)
    _, code = run("/no/such/file", "")
    assert.equal(2, code)
    _, code = run(source "return 1", "--instructions many")
    assert.equal(2, code)
    _, code = run(source "return 1", "--nonsense")
    assert.equal(2, code)
  end)

  it("gives another seed another chance", function()
    local path = source "return math.random(1 << 40)"
    local one, two, three = run(path, "--seed 7")[1], run(path, "--seed 7")[1], run(path, "--seed 8")[1]
    assert.equal(one.result, two.result)
    assert.not_equal(one.result, three.result)
  end)

  it("counts about as many instructions as are executed", function()
    local r = run(source "local x = 0 for i = 1, 100000 do x = x + i end return x", "")[1]
    assert.is_true(r.instructions >= 200000 and r.instructions <= 400000, r.instructions)
    r = run(source "local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end return f(20)", "")[1]
    assert.is_true(r.instructions >= 110000 and r.instructions <= 440000, r.instructions)
  end)

  it("preempts a script anywhere without changing what it does", function()
    local path = source [[
      local log = {}
      local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
      local mt = { __index = function(_, k) return fib(5) + k end, __add = function() return fib(6) end,
        __lt = function() return fib(3) > 1 end, __concat = function() return "c" .. fib(4) end,
        __close = function() log[#log + 1] = fib(7) end, __call = function(_, ...) return select("#", ...) + fib(3) end }
      local o = setmetatable({}, mt)
      local gen = coroutine.wrap(function(a)
        local x <close> = o
        for i = 1, 20 do a = a + coroutine.yield(fib(i % 8) + a) end
        return "end"
      end)
      local v = gen(1)
      while v ~= "end" do log[#log + 1] = v; v = gen(2) end
      local ok, e = pcall(function() local x <close> = o; for i = 1, 100 do fib(3) end; error("no", 0) end)
      log[#log + 1] = tostring(ok) .. e
      local _, h = xpcall(function() fib(8) error("x", 0) end, function(m) return m .. fib(6) end)
      log[#log + 1] = h
      for i = 1, 20 do log[#log + 1] = o[i] + (o + 1) + o(i, i); if o < o then log[#log + 1] = o .. "x" end end
      local t = {}
      for i = 1, 50 do t[i] = i * 7 % 51 end
      table.sort(t, function(a, b) return fib(3) > 0 and a < b end)
      log[#log + 1] = table.concat(t, " ") .. ("abc"):gsub(".", function(c) return c .. fib(4) end)
      return log
    ]]
    local whole = run(path, "")[1]
    assert.equal("ok", whole.outcome)
    for _, slice in ipairs { 100000, 1000, 97, 7, 1 } do
      local cut = run(path, "--slice " .. slice)[1]
      assert.equal(facts(whole), facts(cut))
      assert.is_true(slice > whole.total or cut.preempted > 0)
    end
  end)
end)
