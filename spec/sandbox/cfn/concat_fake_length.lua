-- expect: instructions|memory|error
table.concat(setmetatable({}, { __len = function() return 1 << 53 end, __index = function() return "" end }))
