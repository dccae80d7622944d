-- expect: ok
-- result: [false,false,false,false]
return { (pcall(string.format, "%p", 1)), (pcall(string.format, "%p", nil)), (pcall(string.format, "%p", true)), (pcall(string.format, "%p", "s")) }
