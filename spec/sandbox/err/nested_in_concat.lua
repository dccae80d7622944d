-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__concat = function() return setmetatable({}, mt) .. 'x' end
return (pcall(mt.__concat))
