-- expect: ok
-- result: ["nan","nan","nan","nan","NAN","  nan","(0/0)"]
local n = 0 / 0
return { ("%f"):format(-n), ("%g"):format(n), ("%e"):format(-n), ("%a"):format(n), ("%G"):format(-n), ("%5.1f"):format(n), ("%q"):format(-n) }
