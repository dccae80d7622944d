-- expect: error a\xe2\x80\xa8b\xe2\x80\xa9c
error("a\u{2028}b\u{2029}c", 0)
