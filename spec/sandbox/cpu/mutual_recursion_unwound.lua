-- expect: instructions
local function f(n) if n > 0 then return 1 + f(n - 1) end return 0 end
while true do f(100) end
