-- expect: memory
-- options: --memory 8388608
-- Messages that are kept.
local t = {}
for i = 1, 1e7 do t[i] = select(2, pcall(error, ("m"):rep(1000) .. i)) end
