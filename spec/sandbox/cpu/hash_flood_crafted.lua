-- Integers that the mixing hash was inverted for: the table is refused.
-- expect: error collide
local function inverse(a)	-- of an odd number, modulo 2^64
  local x = a
  for _ = 1, 6 do x = x * (2 - a * x) end
  return x
end
local function unshift(v, by)
  local x = v
  for _ = 1, 64 // by + 1 do x = v ~ (x >> by) end
  return x
end
local a, b = inverse(0x9e3779b97f4a7c15), inverse(0xbf58476d1ce4e5b9)
local t = {}
for i = 1, 100 do t[i * 127] = i end
for low = 1, 2000 do
  local n = low * b
  n = unshift(n, 29) * a
  t[unshift(n, 32)] = low
end
