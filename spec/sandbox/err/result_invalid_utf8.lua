-- expect: error UTF%-8
return "\xff\xfe"
