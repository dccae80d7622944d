-- expect: ok
-- result: 0
-- __gc set behind setmetatable's back is never called
local ran, mt = 0, {}
for i = 1, 100 do setmetatable({}, mt) end
rawset(mt, "__gc", function() ran = ran + 1 end)
for i = 1, 100 do setmetatable({}, { __index = mt }) end
for i = 1, 20000 do local x = { {} } end
return ran
