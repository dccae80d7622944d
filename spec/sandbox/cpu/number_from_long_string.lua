-- expect: instructions
local s = ("0"):rep(4000000) .. "1"
local n = 0
while true do n = n + s end
