-- expect: ok
-- result: ["\u0000\u0001\u001f\u007f","\"\\/","\n\t\r\u0008","abcdefg\"abcdefgh\\abcdefghi\u0002","\u0085\u2028\u202e\u2066\u061c","éabcdefgh€😀"]
return { "\0\1\31\127", '"\\/', "\n\t\r\b", 'abcdefg"abcdefgh\\abcdefghi\2', "\u{85}\u{2028}\u{202e}\u{2066}\u{61c}", "éabcdefgh€😀" }
