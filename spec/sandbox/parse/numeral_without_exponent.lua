-- expect: error malformed
return 3e
