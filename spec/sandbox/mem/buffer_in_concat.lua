-- expect: memory
local s = ("x"):rep(1000000)
return #table.concat(setmetatable({}, { __len = function() return 1000 end, __index = function() return s end }))
