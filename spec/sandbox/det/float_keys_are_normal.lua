-- expect: ok
-- result: [1,"b","b",false]
local t = { [1] = "a" }
t[1.0] = "b"
local n = 0
for _ in pairs(t) do n = n + 1 end
return { n, t[1], t[1.0], (pcall(function() t[0 / 0] = 1 end)) }
