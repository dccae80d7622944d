-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
string.shout = string.shout or "none"
local was = string.shout
function string.shout(s) return s:upper() end
return was
