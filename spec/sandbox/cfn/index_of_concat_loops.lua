-- expect: instructions
-- options: --slice 10000
pcall(table.concat, setmetatable({}, { __len = function() return 1 end, __index = function() while true do end end }))
