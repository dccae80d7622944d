-- expect: memory
-- What is far too large is the end, however often it is tried.
while true do pcall(string.rep, "x", 1 << 30) end
