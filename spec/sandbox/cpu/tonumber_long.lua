-- expect: instructions
local s = (" "):rep(4000000) .. "1"
while true do tonumber(s) end
