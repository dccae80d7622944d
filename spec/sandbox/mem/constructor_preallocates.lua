-- expect: memory|instructions|error
local keep = {}
while true do keep[#keep + 1] = { table.unpack({}, 1, 50000) } end
