-- expect: error near
local x = = 1
