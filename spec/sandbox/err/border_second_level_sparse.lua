-- expect: error value.ok is a list with holes
return { ok = { 1, 2, nil, 4 } }
