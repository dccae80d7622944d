-- expect: memory
-- options: --memory 8388608
-- Many short strings.
local t = {}
for i = 1, 1e7 do t[i] = "k" .. i end
