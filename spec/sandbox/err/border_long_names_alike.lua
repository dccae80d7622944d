-- expect: instructions
-- Each name goes on where another ends: sorting looks at all of them at every level.
local t = {}
for i = 1, 1500 do t[("x"):rep(8 * i)] = 1 end
return t
