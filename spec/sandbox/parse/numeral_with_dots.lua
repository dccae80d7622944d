-- expect: error malformed
return 1..2
