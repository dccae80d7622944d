-- options: --runs 2
-- expect: ok
-- result: "ABC"
local was = ("abc"):upper()
string.upper = function() return "used" end
return was
