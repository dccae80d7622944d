-- expect: ok
-- result: [3,"(1,2)",true,2,"called"]
local V = {}
V.__index = V
V.__add = function(a, b) return a.x + b.x end
V.__tostring = function(a) return "(" .. a.x .. "," .. a.y .. ")" end
V.__eq = function() return true end
V.__len = function() return 2 end
V.__call = function() return "called" end
local a, b = setmetatable({ x = 1, y = 2 }, V), setmetatable({ x = 2, y = 3 }, V)
return { a + b, tostring(a), a == b, #a, a() }
