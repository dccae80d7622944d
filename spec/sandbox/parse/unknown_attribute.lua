-- expect: error unknown attribute
local a <weak> = 1
