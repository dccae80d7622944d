-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__pairs = function() return pairs(setmetatable({}, mt)) end
return (pcall(pairs, setmetatable({}, mt)))
