-- expect: ok
-- options: --runs 3
local out = {}
for n = 1, 40 do
  local t = {}
  for i = 1, n do if i % 3 ~= 0 then t[i] = i end end
  out[n] = #t
end
return out
