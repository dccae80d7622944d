-- expect: error
return { ["\xff"] = 1 }
