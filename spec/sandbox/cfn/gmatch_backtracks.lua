-- expect: instructions
for w in string.gmatch(("a"):rep(2000), (".-"):rep(10) .. "b") do end
