-- expect: ok
-- options: --runs 3
local out = {}
for _, f in ipairs { function() return {} + 1 end, function() return #nil end, function() return ("x").y.z end, function() return {} < {} end,
  function() string.rep() end, function() return ("x"):bad() end, function() setmetatable(1, {}) end, function() return 1 // 0 end,
  function() return 2^53 | 0.5 end, function() for i = 1, 10, 0 do end end } do
  out[#out + 1] = select(2, pcall(f))
end
return out
