-- expect: ok
-- result: [true,true]
-- errors of library functions name no file of the engine
local _, a = pcall(string.rep)
local _, b = pcall(table.sort, { 1, "a" })
return { not a:find("/", 1, true) and not a:find("%.c"), not b:find("/", 1, true) }
