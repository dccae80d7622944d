-- expect: ok
-- result: ["0x1.8p+1","0x1p-1074","1.0","255"]
return { ("%a"):format(3.0), ((("%a"):format(tonumber("4.9406564584124654e-324")):gsub("0x0.0000000000001p%-1022", "0x1p-1074"))), tostring(0x1p0), tostring(0xff) }
