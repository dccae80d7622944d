-- expect: error larger
return ("\1"):rep(12 << 20)
