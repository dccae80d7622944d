-- expect: instructions
-- Nothing of the script runs after its end.
local function f(n) if n == 0 then while true do pcall(error) end end return 1 + f(n - 1) end
return f(20000)
