-- expect: ok
-- result: [false,false,false]
return { (pcall(setmetatable, "", {})), (pcall(rawset, getmetatable("") or "", "__index", 1)), getmetatable("") }
