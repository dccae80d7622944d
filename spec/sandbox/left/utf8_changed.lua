-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = utf8.charpattern
utf8.charpattern, utf8.char = ".", string.char
return #was
