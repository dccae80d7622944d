-- expect: instructions
-- options: --runs 3 --instructions 300000
local s = ("a"):rep(3000)
while true do s:find(("a?"):rep(20) .. "b") end
