-- expect: instructions
local s = ("a"):rep(100000)
while true do s:find("%f[%d]x") end
