-- expect: error value.a.b is not a finite number
return { a = { b = -math.huge } }
