-- expect: error larger
-- options: --memory 100000000
return ("x"):rep(17 << 20)
