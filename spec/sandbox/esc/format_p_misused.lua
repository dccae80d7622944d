-- expect: ok
-- result: [true,true,true,false]
return { (pcall(string.format, "%p", 1)), (pcall(string.format, "%p", nil)), (pcall(string.format, "%p", true)), (pcall(string.format, "%p", "s")) }
