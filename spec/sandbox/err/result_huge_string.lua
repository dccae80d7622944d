-- expect: error|ok
return ("x"):rep(14000000)
