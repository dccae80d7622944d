-- expect: instructions
-- A size in a format may begin with any number of zeros.
local p = "c" .. ("0"):rep(100000) .. "1"
while true do string.packsize(p) end
