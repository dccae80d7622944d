-- expect: ok
-- options: --runs 3
-- a busy loop of any length gives the same
local n = 0
for i = 1, 100000 do n = (n * 31 + i) % 1000003 end
return n
