-- expect: error has a key
return { [-1] = 1 }
