-- A key that is deleted and set again keeps its place whether or not its table was
-- collected in between: when a collection comes is no fact that a replay could check.
-- expect: ok
-- result: [true,true,true]
local function order(garbage, long)
  local t, out, x = {}, {}, 0
  for i = 60, 1, -1 do t[long .. i] = i end
  for i = 1, 60, 3 do t[long .. i] = nil end
  for i = 1, garbage do x = x + #(("junk"):rep(100) .. i) end
  for i = 1, 60, 3 do t[long .. i] = i end
  for _, v in pairs(t) do out[#out + 1] = v end
  return table.concat(out, " ")
end
local long = ("long"):rep(20)
return { order(0, "k") == order(20000, "k"), order(0, long) == order(20000, long), #order(0, "k") > 100 }
