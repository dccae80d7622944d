-- expect: ok
-- result: 0
local ran = 0
local mt = setmetatable({}, { __index = { __gc = function() ran = ran + 1 end } })
for i = 1, 100 do setmetatable({}, mt) end
for i = 1, 20000 do local x = { {} } end
return ran
