-- expect: ok
-- result: ["nan","nan","nan","nan","nan","nan"]
local n = 0 / 0
return { tostring(n), tostring(-n), n .. "", ("%s"):format(-n), tostring(math.huge - math.huge), tostring(math.sqrt(-1)) }
