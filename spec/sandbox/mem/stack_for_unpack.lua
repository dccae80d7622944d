-- expect: memory
-- No memory for the stack is no error that one could catch.
local hold = {}
for i = 1, 29 do hold[i] = ('x'):rep(1 << 20) .. i end
while pcall(table.unpack, {}, 1, 200000) do hold[#hold + 1] = ('x'):rep(1 << 18) .. #hold end
while true do end
