-- expect: instructions
local a, b = ("x"):rep(4000000), ("x"):rep(3999999) .. "x"
local n = 0
while true do if a == b then n = n + 1 end end
