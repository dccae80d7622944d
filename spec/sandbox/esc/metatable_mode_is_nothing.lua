-- expect: ok
-- result: 1000
-- a weak mode would show when the collector runs
local t = setmetatable({}, { __mode = "kv" })
for i = 1, 1000 do t[i] = {} end
for i = 1, 20000 do local x = { {} } end
local n = 0
for _ in pairs(t) do n = n + 1 end
return n
