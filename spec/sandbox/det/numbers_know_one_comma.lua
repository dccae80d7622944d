-- expect: ok
-- result: ["nil","1.5","0x1.8p+0"]
-- whatever the locale says
return { tostring(tonumber("1,5")), tostring(3 / 2), ("%a"):format(1.5) }
