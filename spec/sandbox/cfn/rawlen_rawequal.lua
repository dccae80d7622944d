-- expect: instructions
local s, t = ("x"):rep(4000000), ("x"):rep(3999999) .. "x"
while true do rawequal(s, t) end
