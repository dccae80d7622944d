-- expect: ok
-- result: ["number","nil"]
-- a handler sees the value of the error and no frame of anybody
local seen
local ok = xpcall(function() error(7) end, function(...) seen = select("#", ...) return ... end)
return { type(seen), type(debug) }
