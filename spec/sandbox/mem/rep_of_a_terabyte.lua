-- expect: error too large
-- What no machine could hold is an error.
return string.rep("x", 1 << 40)
