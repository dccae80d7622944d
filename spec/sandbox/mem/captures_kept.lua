-- expect: memory
local t = {}
for w in (("x"):rep(1000) .. " "):rep(20000):gmatch("%a+") do t[#t + 1] = w .. #t end
