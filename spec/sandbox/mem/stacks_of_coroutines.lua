-- expect: memory
-- options: --memory 8388608
-- Each of them deep.
local t = {}
local function down(n) if n == 0 then coroutine.yield() end return down(n - 1) + 1 end
for i = 1, 1e6 do t[i] = coroutine.create(down) coroutine.resume(t[i], 5000) end
