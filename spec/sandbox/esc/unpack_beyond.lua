-- expect: ok
-- result: [false,false,false,false]
return { (pcall(string.unpack, "i4", "abc")), (pcall(string.unpack, "z", "abc")), (pcall(string.unpack, "s4", "\255\255\255\127")),
  (pcall(string.unpack, "i4", "abcdefgh", 99)) }
