-- expect: ok
-- result: "handled: start"
local _, e = xpcall(function() error("start", 0) end, function(e) return "handled: " .. e end)
return e
