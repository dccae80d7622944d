-- expect: ok
-- result: false
local function nest(a, b) table.sort({ 1, 2, 3 }, nest) return a < b end
return (pcall(nest, 1, 2))
