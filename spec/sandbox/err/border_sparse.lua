-- expect: error holes
return { 1, nil, 3 }
