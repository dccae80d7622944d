-- expect: memory
local ok = pcall(string.rep, "x", 1 << 30)
return ok
