-- expect: instructions|error
local s = "a" .. ("\x80"):rep(4000000)
while true do pcall(function() for _ in utf8.codes(s) do end end) end
