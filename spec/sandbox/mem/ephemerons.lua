-- expect: memory|instructions|ok
local t = setmetatable({}, { __mode = "k" })
local k = {}
for i = 1, 1e6 do local n = {}; t[k] = n; k = n end
