-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = type(_G)
_G._G = nil
_G = 5
return was
