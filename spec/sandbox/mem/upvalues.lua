-- expect: memory
-- options: --memory 8388608
-- Closures with variables of their own.
local list = {}
local function make() local a, b, c = 1, 2, 3 return function() return a + b + c end end
for i = 1, 1e7 do list[i] = make() end
