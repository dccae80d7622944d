--- Pieces of scripts that compute, biased to what could differ between two machines.
-- Each is a function(r) -> source of one block. A block mixes what it sees into `h`, and
-- uses no name of another block. r: chance (spec/determinism/scripts.lua).

local pure = {}

local function list_of(r, n, make)
  local out = {}
  for i = 1, n do out[i] = make(i) end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local function word(r) return r.pick { "ana", "bo", "cy", "Zoë", "délta", "eel", "Fox", "_g", "10", "x y", "" } .. r(0, 99) end

local function key(r)
  return r.pick {
    function() return ("[%q]"):format(word(r)) end, function() return ("[%d]"):format(r(-9, 40)) end,
    function() return ("[%d.5]"):format(r(-9, 40)) end, function() return ("[%d.0]"):format(r(1, 40)) end,
    function() return ("[%q:rep(%d)]"):format("long key " .. r(0, 9), r(5, 9)):gsub('%["(.-)":', '[("%1"):') end,
    function() return r.pick { "[true]", "[false]", "[1e300]", "[-1e-300]", "[math.huge]", "[math.mininteger]" } end,
  } ()
end

function pure.pairs_of_a_mixed_table(r)
  local out = { "local t = {}" }
  for i = 1, r(5, 30) do out[i + 1] = ("t%s = %d"):format(key(r), r(0, 999)) end
  out[#out + 1] = ("for i = 1, %d do t[i] = nil t['n' .. i * %d] = i end"):format(r(1, 20), r(3, 77))
  out[#out + 1] = "mix(t) for k, v in pairs(t) do if v == 3 then t[k] = nil end end mix(t)"
  return table.concat(out, "\n")
end

function pure.two_histories(r)
  return ([=[local a, b, n = {}, {}, %d
for i = 1, n do a["k" .. i * %d] = i end
for i = n, 1, -1 do b["k" .. i * %d] = i end
for i = 1, n, 3 do b["k" .. i] = nil b["k" .. i] = i end
mix(a) mix(b) mix(next(b))]=]):format(r(4, 50), r(1, 9), r(1, 9))
end

function pure.keys_with_an_identity(r)
  return ([=[local t, keys = {}, {}
for i = 1, %d do keys[i] = i %% 2 == 0 and {} or function() return i end t[keys[i]] = i end
local sum = 0
for i = 1, #keys do sum = sum + t[keys[i]] * i end
mix(sum) mix(pcall(function() for k in pairs(t) do mix(tostring(k)) end end))
mix(keys[1]) mix(tostring(keys[2])) mix(print) mix(tostring(coroutine.create(print)))]=]):format(r(2, 12))
end

function pure.sort_with_ties(r)
  return ([=[local t = {}
for i = 1, %d do t[i] = { k = (i * %d) %% %d, i = i } end
table.sort(t, function(a, b) return a.k %s b.k end)
for i = 1, #t do mix(t[i].i) end]=]):format(r(2, 60), r(3, 50), r(2, 9), r.pick { "<", ">" })
end

function pure.sort_that_lies(r)
  return ([=[local t, calls = {}, 0
for i = 1, %d do t[i] = (i * %d) %% 37 end
local ok, why = pcall(table.sort, t, function(a, b) calls = calls + 1 return %s end)
mix(ok) mix(why) mix(calls) mix(t)]=]):format(r(2, 40), r(3, 50),
    r.pick { "true", "a <= b", "calls % 3 == 0", "a < b and error({ code = 'no' })", "a + (b == 5 and nil or 1) < b" })
end

function pure.sort_of_text(r)
  return ([=[local t = %s
table.sort(t) mix(table.concat(t, "|")) mix(t[1] < t[#t]) mix(t[1] == t[2])]=]):format(
    list_of(r, r(2, 14), function() return ("%q"):format(word(r)) end))
end

function pure.floats(r)
  return ([=[local x, acc = %s, 0.0
for i = 1, %d do acc = acc + x / i - (x * i) %% %s mix(acc) end
mix(("%%g|%%.17g|%%a|%%.3f|%%e"):format(acc, acc, acc, acc, acc))
mix(tostring(acc)) mix(acc // 1) mix(math.floor(acc)) mix(math.tointeger(%d.0)) mix(math.fmod(%d, %s))
mix(-0.0) mix(1 / -math.huge) mix(math.huge - math.huge ~= 0) mix(2^53 + %d) mix(math.sin(x) + math.exp(x / 100))]=]):format(
    r.pick { "0.1", "1e15", "3.7", "-2.5", "1e-9" }, r(2, 20), r.pick { "0.3", "7.0", "1e3" }, r(1, 99), r(-50, 50),
    r.pick { "7.5", "3.0", "-4" }, r(0, 9))
end

function pure.integers(r)
  return ([=[local n = math.maxinteger - %d
for i = 1, %d do n = n + i * %d n = n ~ (n >> %d) mix(n) end
mix(n // %d) mix(n %% -%d) mix(~n) mix(n << 63) mix(math.ult(n, 5)) mix(%d == %d.0) mix(math.type(n + 0.0))
mix(pcall(function() return n // 0 end)) mix(string.format("%%x %%d %%5.1f", n, n, n / 3))]=]):format(
    r(0, 99), r(2, 15), r(3, 999), r(1, 20), r(2, 99), r(2, 99), r(1, 9), r(1, 9))
end

function pure.formats(r)
  return ([=[mix(("%%-%ds|%%q|%%5.2f|%%c|%%i|%%o|%%X"):format("w", "a\n\0\r\"%d", %d / 7, %d, %d, %d, %d))
mix(pcall(string.format, "%%d", %d.5)) mix(("%%s %%s"):format({}, print)) mix(("%%q"):format(%d / 3))]=]):format(
    r(1, 20), r(0, 9), r(1, 999), r(65, 90), r(0, 999), r(0, 999), r(0, 65535), r(0, 9), r(1, 99))
end

function pure.names(r)
  return ([=[local M = setmetatable({}, { __name = "M%d", __tostring = %s })
mix(tostring(M)) mix(pcall(function() return M + %d end)) mix(pcall(function() return M < {} end))
mix(pcall(function() return #nil end)) mix(tostring({})) mix(tostring(function() end))]=]):format(r(0, 99),
    r.pick { "nil", "function(s) return 'me' .. #s end", "function() return 1 end" }, r(1, 9))
end

function pure.errors(r)
  return ([=[local function deep(n) if n == 0 then %s end return 1 + deep(n - 1) end
mix(pcall(deep, %d))
mix(xpcall(deep, function(m) return tostring(m):upper() end, %d))
mix(pcall(error)) mix(pcall(error, nil)) mix(pcall(error, { code = "c%d" })) mix(pcall(error, "at", %d))
mix(select("#", pcall(error, setmetatable({}, { __tostring = function() return "e" end }))))
mix(pcall(assert, false, "no%d")) mix(pcall(assert, nil)) mix(pcall(nil)) mix(pcall(string.rep)) mix(pcall(ipairs))]=]):format(
    r.pick { "error('bottom')", "error('bottom', 2)", "local x = nil .. ''", "local x = {} + 1", "local x = u.v.w", "return {} < 1" },
    r(0, 6), r(0, 6), r(0, 99), r(0, 3), r(0, 99))
end

function pure.overflow(r)
  return ([=[local depth = 0
local function down(t) depth = depth + 1 return %s end
local ok, why = pcall(down, {})
mix(ok) mix(depth) mix(why)]=]):format(r.pick { "1 + down(t)", "(down(t))", "pcall(down, t) and 1", "select(2, pcall(string.gsub, 'a', 'a', down))" })
end

function pure.coroutines(r)
  return ([=[local function gen(n) return coroutine.wrap(function(a) for i = 1, n do a = a + (coroutine.yield(i * a) or %d) end return "end", a end) end
local g = gen(%d)
for i = 1, %d do mix(pcall(g, i)) end
local co = coroutine.create(function() local ok, e = pcall(function() coroutine.yield(%d) error("in co") end) mix(ok) mix(e) coroutine.yield(e) error({ 1 }) end)
for i = 1, 4 do mix(select("#", coroutine.resume(co, i))) mix(coroutine.status(co)) end
mix(coroutine.close(co)) mix(coroutine.isyieldable()) mix(select(2, coroutine.running()))]=]):format(r(1, 9), r(1, 6), r(2, 9), r(0, 99))
end

function pure.closures(r)
  return ([=[local fs, n = {}, 0
for i = 1, %d do local k = i * %d fs[i] = function(d) k = k + d n = n + k return k, n end end
for i = 1, %d do mix(fs[1 + i %% #fs](i)) end mix(fs[1] == fs[#fs]) mix(n)]=]):format(r(1, 9), r(1, 9), r(1, 12))
end

function pure.metamethods(r)
  return ([=[local log, mt = {}, {}
mt.__index = function(t, k) log[#log + 1] = "i" .. tostring(k) return rawget(t, "base") end
mt.__newindex = function(t, k, v) log[#log + 1] = "n" .. tostring(k) rawset(t, k, v) end
mt.__call = function(_, a, b) return (a or 0) * (b or 1) end
mt.__concat = function(a, b) return type(a) .. type(b) end
mt.__eq = function() return %s end mt.__lt = function(a, b) return a.v < b.v end mt.__le = function(a, b) return a.v <= b.v end
mt.__len = function() return %d end mt.__unm = function(a) return a.v end mt.__close = function() log[#log + 1] = "closed" end
mt.__pairs = function(t) return next, { v = t.v, z = %d } end
local a, b = setmetatable({ v = %d, base = 1 }, mt), setmetatable({ v = %d }, mt)
mix(a.q) a.w = 2 mix(a(%d, %d)) mix(a .. 1) mix(1 .. a) mix(a == b) mix(a < b) mix(a <= b) mix(#a) mix(-b)
do local c <close> = a mix("in") end
mix(a) mix(table.concat(log, ","))]=]):format(r.pick { "true", "false", "nil" }, r(0, 9), r(0, 9), r(0, 9), r(0, 9), r(0, 9), r(0, 9))
end

function pure.gotos(r)
  return ([=[local i, seen = 0, 0
::top:: i = i + 1
for j = 1, %d do
  if j %% %d == 0 then goto next end
  if i * j > %d then goto out end
  seen = seen + i * j
  ::next::
end
if i < %d then goto top end
::out:: mix(i) mix(seen)]=]):format(r(2, 9), r(2, 4), r(5, 60), r(2, 9))
end

function pure.varargs(r)
  return ([=[local function f(...) local t = table.pack(...) return t.n, select("#", ...), select(-1, ...), ... end
mix(f(%d, nil, %d)) mix(select(2, f(nil, nil, %d))) mix((f(table.unpack({ 1, nil, %d }, 1, %d))))
mix(math.max(%d, %d, %d.5)) mix(pcall(select, 0)) mix(#{ f(1) })]=]):format(r(0, 9), r(0, 9), r(0, 9), r(0, 9), r(1, 6), r(0, 9), r(0, 9), r(0, 9))
end

function pure.utf(r)
  return ([=[local s = "h\u{e9}llo \u{1F600}" .. utf8.char(%d, %d)
for p, c in utf8.codes(s) do mix(p) mix(c) end
mix(utf8.len(s)) mix(utf8.len("\xff" .. s)) mix(utf8.offset(s, %d)) mix(pcall(utf8.codepoint, s, 3)) mix(s:upper()) mix(s:byte(1, %d))
mix(s < "h\u{e8}") mix(s:reverse())]=]):format(r(65, 2000), r(20000, 60000), r(1, 6), r(1, 9))
end

function pure.patterns(r)
  return ([=[local s = ("key%d = value%d; other=%%x; "):rep(%d)
mix(s:gsub("(%%w+)%%s*=%%s*(%%w+)", "%%2<-%%1")) mix(s:gsub("%%w+", { key%d = "K", value%d = false }, %d))
mix(s:gsub("e", function(c) return %d .. c end)) mix(s:find("%%f[%%w]o(%%a*)", %d)) mix(s:match("()v(.-)();")) mix(("f(a(b)c)"):match("%%b()"))
for a, b in s:gmatch("(%%w)(%%W)") do mix(a .. b) end mix(pcall(string.find, s, "[a")) mix(pcall(string.gsub, s, "(", ""))]=]):format(
    r(0, 9), r(0, 9), r(1, 4), r(0, 9), r(0, 9), r(1, 5), r(0, 9), r(1, 9))
end

function pure.texts(r)
  return ([=[local s = ("ab"):rep(%d, "-")
mix(s:sub(%d, -%d)) mix(#s) mix(s:byte(-1)) mix(tostring(%d) .. %d.0) mix("%d" + %d) mix("0x%x" * 2) mix(tonumber("%d", 36)) mix(tonumber(" 1e%d "))
mix(pcall(string.rep, "x", -1)) mix(("x"):rep(%d) == ("x"):rep(%d)) mix(string.pack("<i4z", %d, "q")) mix(string.unpack("<I2", "\1\2"))]=]):format(
    r(1, 60), r(1, 9), r(1, 9), r(0, 99), r(0, 99), r(0, 99), r(0, 9), r(1, 255), r(0, 99), r(0, 30), r(0, 200), r(0, 200), r(0, 9999))
end

function pure.tables(r)
  return ([=[local t = %s
table.move(t, 1, #t, %d) table.insert(t, %d) mix(table.remove(t, 1)) mix(pcall(table.insert, t, %d, "x")) mix(table.concat(t, ",", 1, 2))
mix(#t) t[#t] = nil t[#t - 1] = nil mix(#t) local holes = { 1, nil, 3, nil, %s } holes[%d] = 1 mix(#holes) mix(t) mix(table.unpack(t, 1, %d))
mix(pcall(table.concat, { 1, {}, 2 })) mix(rawlen(t)) mix(rawequal(t, t)) mix(next({}))]=]):format(
    list_of(r, r(3, 9), function() return r(0, 99) end), r(1, 4), r(0, 9), r(1, 99), r.pick { "5", "nil, 6", "nil, nil, nil, 8" }, r(5, 17), r(0, 5))
end

function pure.normal_keys(r)
  return ([=[local t = {} t[%d.0] = "a" t[%d] = (t[%d] or "") .. "b" t[2^53] = "c" t["%d"] = "d"
mix(t) mix(t[%d]) mix(pcall(function() t[0 / 0] = 1 end)) mix(pcall(function() t[nil] = 1 end)) mix(t[1e15]) mix(pcall(next, t, "none"))]=]):format(
    r(1, 9), r(1, 9), r(1, 9), r(1, 9), r(1, 9))
end

function pure.dice(r)
  return ([=[for i = 1, %d do mix(ctx.random(%d)) mix(ctx.random()) mix(math.random(%d, %d)) end
mix(pcall(ctx.random, 2, 1)) %s mix(math.random(0))]=]):format(r(1, 6), r(2, 1000), r(-9, 0), r(1, 1000),
    r.pick { "", ("math.randomseed(%d)"):format(r(0, 99)), "math.randomseed()" })
end

function pure.time(r)
  return ([=[mix(ctx.now() %% %d) mix(ctx.now_text()) mix(type(os)) mix(type(load)) mix(type(collectgarbage)) mix(type(debug)) mix(type(io))]=]):format(
    r(7, 100000))
end

function pure.garbage(r)
  return ([=[local kept = {}
for i = 1, %d do local s = ("g" .. i):rep(%d) kept[i %% %d] = { s, #s, function() return s end } end
local w = setmetatable({}, { __mode = "%s" }) for i = 1, %d do w[i] = { i } end
local n = 0 for _ in pairs(w) do n = n + 1 end
mix(n) mix(#kept) mix(kept[1] and kept[1][2]) mix(pcall(setmetatable, {}, { __gc = function() end }))]=]):format(
    r(50, 900), r(1, 60), r(2, 20), r.pick { "k", "v", "kv" }, r(1, 90))
end

function pure.closing(r)
  return ([=[local order = {}
local function res(n) return setmetatable({}, { __close = function(_, e) order[#order + 1] = n .. tostring(e) if n == %d then error("close " .. n, 0) end end }) end
mix(pcall(function() local a <close> = res(1) local b <close> = res(2) local c <const> = %d if c > %d then error("x", 0) end return c end))
mix(table.concat(order, ";"))]=]):format(r(1, 3), r(0, 9), r(0, 9))
end

return pure
