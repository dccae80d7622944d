-- expect: instructions|error
local s = ("a"):rep(100000)
while true do utf8.codepoint(s, 1, -1) end
