-- One instruction that copies 100,000 values is no single instruction.
-- expect: instructions
local t = {}
for i = 1, 100000 do t[i] = i end
local function f(...) while true do local a = select("#", ...) end end
f(table.unpack(t))
