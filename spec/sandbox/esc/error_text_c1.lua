-- expect: error x\xc2\x9b31mred
error("x\u{9b}31mred", 0)
