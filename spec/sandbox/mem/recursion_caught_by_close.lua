-- expect: memory
local keep = {}
local x <close> = setmetatable({}, { __close = function() while true do end end })
while true do keep[#keep + 1] = ("x"):rep(100000) .. #keep end
