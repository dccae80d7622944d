-- expect: instructions
-- Nothing of the script runs after its end.
local function h(e) return h(e) + 1 end
while true do xpcall(error, h, 1) end
