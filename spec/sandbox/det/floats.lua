-- expect: ok
-- result: ["0.1","1e+15","1e+100","-0.0","3.14","0x1p-1","1.0"]
return { tostring(0.1), tostring(1e15), tostring(1e100), tostring(-0.0), string.format("%.2f", 3.14159), string.format("%a", 0.5), tostring(1.0) }
