-- expect: instructions
while true do local s = (""):rep(300000, ",") end
