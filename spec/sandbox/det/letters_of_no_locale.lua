-- expect: ok
-- result: ["\u00c4i\u0130I","\u00e4I\u0131i",0,false,true]
-- classes, cases and order are of bytes
local n = 0
for i = 128, 255 do if string.char(i):find("[%a%d%s%p%c%u%l%w%x%g]") then n = n + 1 end end
return { ("\u{c4}I\u{130}I"):gsub("I", "i", 1):upper():gsub("I", "i", 1) and "\u{c4}i\u{130}I", (("\u{e4}i\u{131}i"):gsub("i", "I", 1)), n, "a" < "B", "Z" < "a" }
