-- expect: instructions
-- The digits of a huge float take a microsecond.
local x = 1.7e308
while true do local s = x .. x .. x .. x; s = ("%.99f"):format(x) end
