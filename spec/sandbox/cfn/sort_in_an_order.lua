-- Sorts and gsubs inside of an order, and each inside of the other, do not disturb it.
-- expect: ok
-- result: ["1 2 3 4 5 6 7 8 9 10 11 12",true,"b"]
local t, depth = { 12, 3, 9, 1, 7, 5, 11, 2, 8, 4, 10, 6 }, 0
table.sort(t, function(a, b)
  if depth < 3 then
    depth = depth + 1
    local u = { b, a, 0 }
    table.sort(u, function(x, y) return tonumber((("n"):gsub("n", function() table.sort { 3, 1, 2 } return x end))) < y end)
    assert(u[1] == 0 and u[2] <= u[3])
    depth = depth - 1
  end
  return a < b
end)
local nested = pcall(function()
  local function deep(n) return (("x"):gsub("x", function() return n > 0 and deep(n - 1) or "x" end)) end
  assert(deep(50) == "x")
end)
local index = setmetatable({}, { __index = function(t, k) rawset(t, k, "b") return t[k] end })
return { table.concat(t, " "), nested, (("a"):gsub("a", index)) }
