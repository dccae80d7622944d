-- expect: instructions|error
table.sort(setmetatable({}, { __len = function() return 2000000000 end, __index = function(_, i) return i end, __newindex = function() end }))
