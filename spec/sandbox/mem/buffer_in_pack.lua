-- expect: memory|instructions
return #string.pack("c1000000000", "")
