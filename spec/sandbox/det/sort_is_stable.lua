-- Equals stay as they were, at every length; an order that contradicts itself ends.
-- expect: ok
-- result: [true,200]
-- same: true
local stable, lied = true, nil
for n = 0, 200 do
  local t = {}
  for i = 1, n do t[i] = { math.random(5), i } end
  table.sort(t, function(a, b) return a[1] < b[1] end)
  for i = 2, n do
    local a, b = t[i - 1], t[i]
    stable = stable and #t == n and (a[1] < b[1] or a[1] == b[1] and a[2] < b[2])
  end
  table.sort(t, function() return math.random() < 0.5 end)
  lied = #t
end
return { stable, lied }
