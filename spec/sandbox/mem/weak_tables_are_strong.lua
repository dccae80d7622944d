-- What a collection takes is no fact that a replay could check.
-- expect: ok
-- result: 1000
local t = setmetatable({}, { __mode = "v" })
for i = 1, 1000 do t[i] = {} end
for i = 1, 20000 do local s = ("x"):rep(1000) .. i end
local n = 0
for i = 1, 1000 do if t[i] then n = n + 1 end end
return n
