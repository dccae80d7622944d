-- expect: error has a key
return { [0] = 1, 1 }
