-- expect: ok
-- result: [false,false,false]
local t = setmetatable({}, { __index = function() return coroutine.yield() end, __lt = function() return coroutine.yield() end })
return { (pcall(function() return t.x end)), (pcall(function() return t < t end)), (pcall(table.sort, { 3, 2, 1 }, coroutine.yield)) }
