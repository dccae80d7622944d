-- Coroutines that are left inside of an order or of a callback of gsub, some closed, some
-- forgotten, and errors out of them, cost nothing that is not given back.
-- expect: ok
-- result: [3000,"-x-",1]
-- options: --memory 2000000
local left = 0
for i = 1, 1000 do
  local text = ("x"):rep(200)
  local gsub = coroutine.create(function() return (text:gsub("x", function() coroutine.yield() return text end)) end)
  for _ = 1, 12 do coroutine.resume(gsub) end
  local sort = coroutine.create(function() table.sort({ 3, 2, 1, 5, 4 }, function(a, b) coroutine.yield() return a < b end) end)
  coroutine.resume(sort)
  if i % 2 == 0 then
    assert(coroutine.close(gsub) and coroutine.close(sort))
  end
  left = left + (pcall(string.gsub, text, "x", function() error(text) end) and 0 or 1)
  left = left + (pcall(table.sort, { 2, 1 }, function() error(text) end) and 0 or 1)
  left = left + (pcall(string.gsub, text, "x", function() return (text:gsub("x", error)) end) and 0 or 1)
end
local t = { 1 }
table.sort(t, error)
return { left, (("x"):gsub("x", function(c) return "-" .. c .. "-" end)), #t }
