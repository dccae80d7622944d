-- expect: memory
return #(("x"):rep(10000000):gsub("x", "yyyyyyyy"))
