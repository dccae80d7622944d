-- expect: ok
-- result: [1,2,3]
return setmetatable({ 1, 2, 3 }, { __len = function() return 10 end, __index = function(_, k) return k end })
