-- expect: error value.items%[3%].x is a function
return { items = { 1, 2, { x = print } } }
