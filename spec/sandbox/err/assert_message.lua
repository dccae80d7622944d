-- expect: error no order
assert(nil, "no order")
