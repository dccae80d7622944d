-- expect: error holes
return { [math.maxinteger] = 1 }
