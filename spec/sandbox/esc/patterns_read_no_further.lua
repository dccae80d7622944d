-- expect: ok
-- result: [false,false,false,false,false,false]
return { (pcall(string.find, "a", "[a")), (pcall(string.find, "a", "%")), (pcall(string.find, "a", "[%")), (pcall(string.find, "a", "%b")),
  (pcall(string.find, "a", "%f")), (pcall(string.find, "a", "(()")) }
