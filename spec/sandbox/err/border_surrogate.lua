-- expect: error not UTF
return "\u{D800}"
