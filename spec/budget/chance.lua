--- Chance that two processes can agree on: chance.of(seed, ...) gives a function that
--- draws 1..n, the same numbers for the same words everywhere.
local chance = {}

-- the finalizer of splitmix64
local function mix(x)
  x = (x ~ (x >> 30)) * 0xbf58476d1ce4e5b9
  x = (x ~ (x >> 27)) * 0x94d049bb133111eb
  return x ~ (x >> 31)
end

--- A draw for these whole numbers: draw(n) is 1..n, draw(a, b) is a..b.
function chance.of(...)
  local state = 0
  for i = 1, select("#", ...) do state = mix(state + (select(i, ...)) + 0x9e3779b97f4a7c15) end
  return function(a, b)
    state = state + 0x9e3779b97f4a7c15
    local low, high = b and a or 1, b or a
    return low + (mix(state) >> 1) % (high - low + 1)
  end
end

return chance
