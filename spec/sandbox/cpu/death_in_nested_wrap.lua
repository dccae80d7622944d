-- expect: instructions
-- Nothing of the script runs after its end.
local function f(n) if n == 0 then while true do end end return coroutine.wrap(function() return pcall(f, n - 1) end)() end
f(20)
return 'alive'
