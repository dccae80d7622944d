-- expect: instructions
return string.find(("a"):rep(2000), (".-"):rep(12) .. "b")
