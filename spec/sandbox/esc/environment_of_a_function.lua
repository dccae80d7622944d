-- expect: ok
-- result: ["nil","nil","nil","nil"]
return { type(setfenv), type(getfenv), type(loadstring), type(module) }
