-- expect: error
return "\xZZ"
