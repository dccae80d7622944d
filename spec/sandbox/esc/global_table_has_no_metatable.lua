-- expect: ok
-- result: [true,true,true]
return { getmetatable(_G) == nil, getmetatable(string) == nil, getmetatable(coroutine) == nil }
