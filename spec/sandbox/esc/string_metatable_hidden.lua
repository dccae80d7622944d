-- expect: ok
-- result: false
return getmetatable("")
