-- expect: error key
return { ["a\0b"] = 1 }
