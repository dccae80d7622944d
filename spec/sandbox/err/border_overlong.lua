-- expect: error not UTF
return "\xc0\x80"
