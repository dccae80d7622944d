-- expect: memory
-- options: --memory 8388608
-- A chain of metatables.
local t = {}
while true do t = setmetatable({}, { __index = t }) end
