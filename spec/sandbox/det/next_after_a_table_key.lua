-- expect: ok
-- result: [false,false]
-- a key in hand is no way round: what comes after it has no order either
local k = {}
local t = { [k] = 1, [{}] = 2 }
return { (pcall(next, t, k)), (pcall(next, t)) }
