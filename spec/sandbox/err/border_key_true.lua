-- expect: error value.x has a key
return { x = { [true] = 1 } }
