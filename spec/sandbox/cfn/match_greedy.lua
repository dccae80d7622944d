-- expect: instructions
return string.match(("a"):rep(20000), (".*"):rep(6) .. "b")
