-- expect: error value.name is text that is not UTF
return { name = "a\xff" }
