-- expect: error a\xe2\x80\x8eb\xe2\x80\x8fc\xd8\x9cd
error("a\u{200e}b\u{200f}c\u{61c}d", 0)
