-- expect: instructions|memory|error
local t = {}
for i = 1, 100000 do t[i] = i end
local function f(n, ...) if n == 0 then return ... end return select(2, pcall(f, n - 1, ...)) end
while true do f(100, table.unpack(t)) end
