-- expect: ok
-- result: [true,true,true]
return { "a\0b" < "a\0c", "a" < "a\0", "a\0z" < "aa" }
