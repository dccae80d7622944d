-- expect: ok
-- result: true
local function sort(t, lo, hi)
  if lo >= hi then return end
  local p, i = t[hi], lo
  for j = lo, hi - 1 do if t[j] < p then t[i], t[j] = t[j], t[i]; i = i + 1 end end
  t[i], t[hi] = t[hi], t[i]
  sort(t, lo, i - 1)
  sort(t, i + 1, hi)
end
local t = {}
for i = 1, 2000 do t[i] = i * 7919 % 2003 end
sort(t, 1, #t)
for i = 2, #t do if t[i - 1] > t[i] then return false end end
return true
