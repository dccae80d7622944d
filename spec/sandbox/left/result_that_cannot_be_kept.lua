-- expect: error value.a%[1%] is a function
-- options: --runs 3
string.format = nil
return { a = { print } }
