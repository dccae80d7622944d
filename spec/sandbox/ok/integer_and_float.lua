-- expect: ok
-- result: [1,1.0,"integer","float",3,3.5]
return { 1, 1.0, math.type(1), math.type(1.0), 7 // 2, 7 / 2 }
