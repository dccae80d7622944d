-- expect: instructions
local f = ("!1b"):rep(100000)
while true do string.packsize(f) end
