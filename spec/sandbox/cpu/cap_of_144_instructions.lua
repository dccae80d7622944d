-- expect: instructions
-- options: --instructions 144
-- Hardly any fuel, and a script that would catch everything.
local function try() return pcall(pcall, error, "x") end
local x <close> = setmetatable({}, { __close = function() print "closed" end })
for _ = 1, 100 do try() end
