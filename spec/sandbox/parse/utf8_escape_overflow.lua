-- expect: error too large
return "\u{FFFFFFFFF}"
