-- expect: instructions|error
local t = {}
for i = 1, 10000 do t[i] = i end
while true do pcall(table.sort, t, pcall) end
