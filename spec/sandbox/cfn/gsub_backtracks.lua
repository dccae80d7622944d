-- expect: instructions
return (string.gsub(("a"):rep(2000), (".-"):rep(10) .. "b", ""))
