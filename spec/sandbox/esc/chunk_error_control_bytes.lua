-- expect: error ^\x1b%[31m$
local s = "\27[31m"
error(s, 0)
