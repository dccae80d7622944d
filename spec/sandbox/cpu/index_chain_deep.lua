-- expect: instructions|error
local t = {}
for i = 1, 1900 do t = setmetatable({}, { __index = t }) end
local x
while true do x = t.missing end
