-- expect: error key
return { ["a\xff"] = 1 }
