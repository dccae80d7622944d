-- expect: memory
-- options: --runs 3
local s = ("x"):rep(1 << 20)
while true do s = s .. s end
