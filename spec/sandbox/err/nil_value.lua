-- expect: error without a value
error()
