-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = 0
for k in pairs(_G) do was = was + 1 end
for i = 1, 5000 do _G["g" .. i] = {} end
return was
