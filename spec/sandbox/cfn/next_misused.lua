-- expect: error
next({}, "no such key")
