-- expect: error malformed number
return 1e+
