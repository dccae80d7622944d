-- expect: ok
-- result: [3,2,"c"]
local function f(...) return { select("#", ...), select("#", (select(2, ...)), 1), (select(3, ...)) } end
return f("a", nil, "c")
