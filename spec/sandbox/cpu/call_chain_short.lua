-- expect: ok
-- result: 15
local f = function(...) return select("#", ...) end
for i = 1, 15 do f = setmetatable({}, { __call = f }) end
return f()
