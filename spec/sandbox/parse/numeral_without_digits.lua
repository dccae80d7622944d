-- expect: error malformed
return 0x
