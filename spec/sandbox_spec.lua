-- Every script of spec/sandbox/ through `keel sandbox`, in two processes.
--
-- The first lines of a script say what must become of it:
--
--   -- expect: OUTCOME[|OUTCOME...] [WORDS]   WORDS: a pattern in the error
--   -- result: JSON                           the first result
--   -- options: --flag N ...                  of keel sandbox
--   -- same: true                             results of all runs are equal
--   -- slices: N                              the same with --slice N (7 in lang/)
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
    local slice = d.slices or area == "lang" and 7
    if slice then assert.equal(facts(r), facts(run(path, options .. " --slice " .. slice)[1])) end
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

  --- The same without slices and with any: what it gives, what it counts.
  local function unmoved(text, preempted)
    local path = source(text)
    local whole = run(path, "")[1]
    assert.equal("ok", whole.outcome, whole.error)
    for _, slice in ipairs { 100000, 1000, 97, 7, 1 } do
      local cut = run(path, "--slice " .. slice)[1]
      assert.equal(facts(whole), facts(cut))
      if slice <= 1000 then assert.is_true(cut.preempted > (preempted or 0), cut.preempted) end
    end
    return whole.result
  end

  it("preempts a sort between any comparisons, and counts the same", function()
    assert.same({ 1, 3, 3 }, unmoved [[
      local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
      local calls, by = {}, {}
      for n = 1, 40 do
        local t = {}
        for i = 1, n do t[i] = { i * 7 % 5, i } end
        table.sort(t, function(a, b) calls[#calls + 1] = a[2] .. ":" .. b[2] return a[1] < b[1] end)
        for i = 2, n do assert(t[i - 1][1] < t[i][1] or t[i - 1][1] == t[i][1] and t[i - 1][2] < t[i][2]) end
      end
      local mt = { __lt = function(a, b) return fib(3) > 1 and a.v < b.v end }
      for i = 1, 30 do by[i] = setmetatable({ v = i * 7 % 31 }, mt) end
      table.sort(by)
      for i = 2, 30 do assert(by[i - 1].v < by[i].v) end
      local plain = {}
      for i = 1, 500 do plain[i] = i * 263 % 503 end
      local function tail(t) return table.sort(t) end
      tail(plain)
      for i = 2, 500 do assert(plain[i - 1] < plain[i]) end
      local names = { "b", "a", "c" }
      table.sort(names, function(a, b) return pcall(error) or a > b end)
      assert(table.concat(names) == "cba")
      return { #calls % 10, #names, select("#", table.unpack(names)) }
    ]])
  end)

  it("preempts gsub, find, match and gmatch, and counts the same", function()
    unmoved [[
      local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
      local log = {}
      local function note(...) for _, v in ipairs { ... } do log[#log + 1] = v end end
      note(("hello world"):gsub("(l)(.)", function(a, b) fib(4) return b .. a end))
      note(("hello"):gsub("", function() return "-" end), ("abc"):gsub("^%w", function() return nil end))
      note(("abc"):gsub("()", function(p) return p end), ("a,b"):gsub("%w", function(c) return false end, 1))
      local index = setmetatable({ a = "1" }, { __index = function(_, k) fib(4) return k == "b" and 2 or nil end })
      note(("abcabc"):gsub("%w", index), ("abcabc"):gsub("%w", setmetatable({}, { __index = index })))
      local ok, why = pcall(string.gsub, "abc", "%w", function() return {} end)
      note(why)
      ok, why = pcall(string.gsub, "abc", "%w", function(c) fib(3) error("no " .. c, 0) end)
      note(why)
      note(("x"):gsub("x", function() return (("y"):gsub("y", function() return (("z"):gsub("z", "w")) end)) end))
      local long = ("abc def "):rep(1500)
      note(long:gsub("%s+", "  "), (long:gsub("%w+", function(w) return #w end)), select(2, long:gsub("q", "r")))
      note(long:find "(z)", long:find "(d)ef $", long:match "(%w+) $", #long:gsub("%w", { a = "AAAA", d = false }))
      local n = 0
      for w in long:gmatch "%w+" do n = n + #w + fib(2) end
      for _ in ("x"):rep(3000):gmatch "xy" do n = n + 1 end
      note(n, tostring({}))
      return log
    ]]
  end)

  it("preempts in handlers, closers and what tostring calls, and counts the same", function()
    unmoved [[
      local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
      local log = {}
      local named = setmetatable({}, { __tostring = function() return "n" .. fib(6) end, __name = "N",
        __pairs = function(t) return function(_, k) fib(4) k = (k or 0) + 1 if k < 4 then return k, k * k end end, t, nil end })
      for i = 1, 20 do log[#log + 1] = tostring(named) end
      for k, v in pairs(named) do log[#log + 1] = k + v end
      local list = setmetatable({}, { __len = function() return fib(6) end, __index = function(_, i) return i + fib(5) end })
      log[#log + 1] = table.concat(list, ",")
      log[#log + 1] = tostring(setmetatable({}, { __tostring = function() return 12 end })) .. "!"
      log[#log + 1] = select(2, pcall(tostring, setmetatable({}, { __tostring = function() return {} end })))
      log[#log + 1] = coroutine.wrap(function() return tostring(setmetatable({}, { __tostring = coroutine.yield })) end)() and 1
      log[#log + 1] = select("#", table.unpack(list))
      log[#log + 1] = #table.move(list, 1, 5, 1, {})
      log[#log + 1] = select(2, xpcall(function() error("x", 0) end, function(m) return m .. fib(7) end))
      local co = coroutine.create(function() local c <close> = setmetatable({}, { __close = function() log[#log + 1] = fib(7) end }) coroutine.yield() end)
      coroutine.resume(co)
      log[#log + 1] = tostring(coroutine.close(co))
      for _, c in utf8.codes(("aé"):rep(300)) do log[1] = c + fib(1) end
      return log
    ]]
  end)

  it("lets an order and a callback of gsub yield", function()
    assert.same({ "1:3 1:3 2:3 2:3 2:1", "1,2,3", "A-B-C", "a b c", "3" }, unmoved([[
      local asked = {}
      local co = coroutine.wrap(function(t)
        table.sort(t, function(a, b) return coroutine.yield(a, b) end)
        return table.concat(t, ",")
      end)
      local a, b = co { 3, 1, 2 }
      while b do asked[#asked + 1] = a .. ":" .. b a, b = co(a < b) end
      local seen = {}
      local each = coroutine.wrap(function() return (("a-b-c"):gsub("%w", coroutine.yield)) end)
      local c = each()
      while #c == 1 do seen[#seen + 1] = c c = each(c:upper()) end
      return { table.concat(asked, " "), a, c, table.concat(seen, " "), tostring(#seen) }
    ]], -1))
  end)

  it("ends a run in a library call that cannot be interrupted, with slices alone", function()
    local path = source [[
      local list = setmetatable({}, { __len = function() return 1 end, __index = function() while true do end end })
      pcall(table.concat, list)
    ]]
    local r = run(path, "--slice 1000")[1]
    assert.equal("instructions", r.outcome)
    assert.match("out of instructions in one library call that cannot be interrupted at .-:1$", r.error)
    assert.is_true(r.total < 3000000, r.total)
    for _, slice in ipairs { 1, 97, 100000 } do
      local other = run(path, "--slice " .. slice)[1]
      assert.is_true(math.abs(other.total - r.total) < 5000, other.total)
    end
    r = run(path, "")[1]
    assert.match("out of instructions at ", r.error)
    assert.is_true(r.total >= 20000000)
  end)

  it("finds a cap at the same place where it could not be preempted", function()
    local path = source [[
      local s, n = ("x"):rep(1000), 0
      while true do n = n + #s:rep(3):upper():reverse() + #tostring(setmetatable({}, { __tostring = function() return s:gsub("x", "y") end })) end
    ]]
    local whole = run(path, "--instructions 300000")[1]
    assert.equal("instructions", whole.outcome)
    for _, slice in ipairs { 1, 7, 1000, 50000 } do
      assert.equal(facts(whole), facts(run(path, "--instructions 300000 --slice " .. slice)[1]))
    end
  end)
end)
