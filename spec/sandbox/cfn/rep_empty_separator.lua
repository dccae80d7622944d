-- expect: ok
-- result: ""
return string.rep("", math.maxinteger, "")
