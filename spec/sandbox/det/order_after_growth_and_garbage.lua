-- expect: ok
-- options: --runs 3
local t = {}
for i = 1, 200 do
  t["x" .. i] = i
  local waste = {}
  for j = 1, 50 do waste[j] = { j } end
  if i % 5 == 0 then t["x" .. i - 2] = nil end
end
local out = {}
for k, v in pairs(t) do out[#out + 1] = k .. "=" .. v end
return table.concat(out, " ")
