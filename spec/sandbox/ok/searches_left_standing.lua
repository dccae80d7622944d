-- expect: ok
-- slices: 7
-- What it gives, and counts, is the same when it is left standing everywhere.
local log = {}
local function L(...) local t = {...} for i = 1, select("#", ...) do t[i] = tostring(t[i]) end log[#log+1] = table.concat(t, ",") end
-- recursion in a callback
local depth = 0
local function rec(w) depth = depth + 1 local v = depth < 6 and w:gsub("%w", rec) or w:upper() depth = depth - 1 return "<" .. v .. ">" end
L(("ab c"):gsub("%w+", rec))
-- callback yields, then errors, then close
for k = 1, 12 do
  local co = coroutine.create(function()
    local c <close> = setmetatable({}, {__close = function() L("closed", k) end})
    return (("x"):rep(10) .. "y"):gsub("x", function(s) coroutine.yield(s) if k > 6 then error({}) end return s:rep(k) end)
  end)
  local last
  for i = 1, k do last = {coroutine.resume(co)} end
  L(k, coroutine.status(co), type(last[2]))
  if k % 2 == 0 then L(coroutine.close(co)) end
end
-- big subject kept only by gsub
local function sub(n) return (("abc%d "):rep(n):gsub("%w+", function(s) return #s .. s end)) end
L(#sub(400), sub(3))
-- anchors, empty matches, captures, tables, __index
L(("hello world"):gsub("^h(.)", "%1%0"), ("hello"):gsub("", "-"), ("abc"):gsub("%w", "%0%0", 2))
L(("abc"):gsub("()(.)()", function(a, b, c) return a .. b .. c end))
L(("abc def"):gsub("%w+", {abc = 1, def = false}), ("abc def"):gsub("%w+", setmetatable({}, {__index = function(_, k) return k:rep(2) end})))
L(("abc def"):gsub("%w+", setmetatable({}, {__index = setmetatable({}, {__index = function(_, k) return k:rep(3) end})})))
L(pcall(string.gsub, "abc", "%w", function() return {} end))
L(pcall(string.gsub, "abc", "%w", "%2"), pcall(string.gsub, "abc", "(", "x"), pcall(string.gsub, "abc", "%", function() end))
L(("abc"):gsub("b*", function(s) return "[" .. s .. "]" end))
L((("a"):rep(3000)):gsub("a", "%0"):len(), (("a"):rep(3000)):gsub("b", "c"), select(2, (("a"):rep(3000)):gsub("a", {a = "b"})))
L(#(("ab"):rep(3000)):gsub("a", {a = "xyz"}), #(("ab"):rep(3000)):gsub("(a)(b)", "%2%1%0"))
-- gmatch shared by two coroutines
do
  local it = ("k1=v1 k2=v2 k3=v3 k4=v4 k5=v5"):gmatch("(%w+)=(%w+)")
  local function body() for k, v in it do coroutine.yield(k .. v) end return "done" end
  local a, b = coroutine.wrap(body), coroutine.wrap(body)
  L(a(), b(), b(), a(), a(), b(), a())
end
do
  local s = {} for i = 1, 200 do s[i] = "k" .. i .. "=" .. ("v"):rep(i) end
  local n = 0
  for k, v in table.concat(s, ";"):gmatch("(%w+)=(%w+)") do n = n * 31 + #k + #v n = n % 1000007 end
  L(n)
end
-- find and match
do
  local big = ("x"):rep(5000) .. "needle" .. ("y"):rep(100)
  L(big:find("need(l)e"), big:find("e$"), big:match("(n.-e)", 4000), big:find("zzz"), big:find("n", -200, true), big:find("^needle", 5001))
  L(big:match("()needle()"), big:find("", 6000), big:find("", 5107), big:match(".-(y+)$"))
  L(pcall(string.find, big, "[a"), pcall(string.rep, "x", -1), pcall(string.match, big, "%f"))
end
-- tostring
do
  local mt = {__tostring = function(s) coroutine.yield("in") return "obj" .. s.v end, __name = "N"}
  local co = coroutine.wrap(function() local a, b = tostring(setmetatable({v = 1}, mt)), tostring(setmetatable({v = 2}, mt)) return a .. b end)
  L(co(), co(), co())
  L(pcall(tostring, setmetatable({}, {__tostring = function() return 1 end})), pcall(tostring, setmetatable({}, {__tostring = function() return {} end})))
  L(pcall(tostring, setmetatable({}, {__tostring = function() error("e", 0) end})))
  L((tostring(setmetatable({}, {__name = "X"})):gsub("%x%x+", "")))
end
return (table.concat(log, "\n"):gsub("[\128-\255%z]", function(c) return "\\" .. c:byte() end))
