-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local function f() return (('x'):gsub('.', function() table.sort({ 2, 1 }, f) end)) end
return (pcall(f))
