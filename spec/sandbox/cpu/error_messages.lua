-- Building a message searches the code of a large function for names.
-- expect: instructions
local x
while true do pcall(function() return x.y.z end) end
