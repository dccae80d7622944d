-- expect: ok
-- Too deep is an error, whatever calls.
local function f(a) table.sort({ 2, 1 }, function(x, y) return (('x'):gsub('.', f)) < 'y' and x < y end) end
return (pcall(f))
