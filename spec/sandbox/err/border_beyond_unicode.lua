-- expect: error not UTF
return "\u{110000}"
