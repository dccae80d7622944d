-- expect: error not UTF
return "ab\xe2\x82"
