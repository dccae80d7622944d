-- expect: ok
-- result: ""
return string.rep("", 1 << 53)
