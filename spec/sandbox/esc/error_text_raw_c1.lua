-- expect: error a\x9b31mb\x80
-- bytes that go on a letter, where there is none
error("a\x9b31mb\x80", 0)
