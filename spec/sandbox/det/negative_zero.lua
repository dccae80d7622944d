-- expect: ok
-- result: ["-0.0","0.0","-0.0",true,"-inf"]
return { tostring(-0.0), tostring(0.0), ("%.1f"):format(-0.0), 0.0 == -0.0, tostring(1 / -0.0) }
