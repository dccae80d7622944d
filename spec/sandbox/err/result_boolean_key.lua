-- expect: error key
return { [true] = 1 }
