-- expect: ok
-- result: "b a"
local out = {}
local function closer(n) return setmetatable({}, { __close = function() out[#out + 1] = n end }) end
do
  local a <close> = closer("a")
  local b <close> = closer("b")
end
return table.concat(out, " ")
